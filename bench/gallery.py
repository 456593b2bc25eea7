"""A gallery of made-up references in the database, as large as the one the original script searched."""

from __future__ import annotations

import sys
import uuid

import numpy as np

from recognition.types import Embeddings

PER_PERSON = 10


def clustered(count: int, dimension: int, seed: int = 7) -> Embeddings:
    """Seeded unit vectors (count, dimension) float32, ten around each of count / 10 centres."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count // PER_PERSON + 1, dimension)).repeat(PER_PERSON, axis=0)[:count]
    vectors = centres + 0.5 * random.normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def fill(count: int) -> None:
    """So many approved references of count / 10 people with vectors of the default embedder; no pictures."""
    from gallery.index import engine
    from gallery.models import Person, Reference, ReferenceVector, Status
    from gallery.models.people import get_name_key, get_search_key

    embedder = engine.get_configured_embedder()
    vectors = clustered(count, embedder.dimension)
    names = [f"Made-up person {number}" for number in range(count // PER_PERSON + 1)]
    people = Person.objects.bulk_create(
        Person(name=name, key=get_name_key(name), search=get_search_key(name)) for name in names
    )
    references = Reference.objects.bulk_create(
        Reference(
            person=people[number // PER_PERSON],
            image=f"references/made-up/{uuid.uuid4().hex}.jpg",
            status=Reference.Judgement.APPROVED,
            work=Status.DONE,
        )
        for number in range(count)
    )
    ReferenceVector.objects.bulk_create(
        ReferenceVector(reference=reference, embedder_id=embedder.id, vector=vector.astype("<f4").tobytes())
        for reference, vector in zip(references, vectors, strict=True)
    )


if __name__ == "__main__":
    import django

    django.setup()
    fill(int(sys.argv[1]))
