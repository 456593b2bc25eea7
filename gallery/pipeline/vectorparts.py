"""The embeddings of all searchable references, streamed from the database in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from django.db.models import QuerySet

from gallery import queries
from gallery.models import ReferenceVector
from gallery.vectors import from_bytes
from recognition.index import Part

PART = 5_000  # references read from the database at once


def rows_of(embedder_id: str) -> QuerySet[ReferenceVector]:
    """In the order of the references' numbers."""
    searchable = queries.searchable_references()
    return ReferenceVector.objects.filter(embedder_id=embedder_id, reference__in=searchable).order_by(
        "reference_id"
    )


def parts_of(embedder_id: str, pictures: Mapping[int, str] | None = None) -> Iterator[Part]:
    """Ids, persons, vectors, names and pictures: where they are below MEDIA_ROOT, or as `pictures` says."""
    fields = ("reference_id", "reference__person_id", "vector", "reference__image", "reference__person__name")
    rows, last = rows_of(embedder_id).values_list(*fields), 0
    while some := list(rows.filter(reference_id__gt=last)[:PART]):
        ids, persons, vectors, images, names = zip(*some, strict=True)
        yield Part(
            np.array(ids, np.int64),
            np.array(persons, np.int64),
            np.stack([from_bytes(vector) for vector in vectors]),
            images if pictures is None else [pictures[pk] for pk in ids],
            names,
        )
        last = ids[-1]
