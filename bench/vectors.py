"""Made-up galleries for `bench.index`: unit vectors in clusters, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recognition.types import Embeddings

LOOKS = 3
QUERIES = 1_000


@dataclass(frozen=True)
class Kind:
    """What a gallery is made of: so many unit vectors, ``each`` of them a person's."""

    count: int
    dimension: int
    spread: float = 0.4  # noise within an identity, or within a look
    alike: float = 0.0  # similarity of different people
    each: int = 10
    looks: float = 0.0  # how far the looks of one person lie apart; 0: there are none


def clustered(kind: Kind) -> tuple[Embeddings, Embeddings]:
    """The gallery, and one new vector of each of QUERIES identities."""
    generator = np.random.default_rng(7)

    def noise(rows: int, size: float) -> Embeddings:
        scale = np.float32(size / kind.dimension**0.5)
        return scale * generator.standard_normal((rows, kind.dimension), dtype=np.float32)

    people = -(-kind.count // kind.each)
    centres = unit(generator.standard_normal((people, kind.dimension), dtype=np.float32))
    if kind.looks:  # a person's vectors take turns in them, as the queries do
        looks = [centres + noise(people, kind.looks) for _ in range(LOOKS)]
        gallery = np.stack([looks[number % LOOKS] for number in range(kind.each)], axis=1)
        gallery = gallery.reshape(-1, kind.dimension)[: kind.count]
    else:
        looks = [centres]
        gallery = np.repeat(centres, kind.each, axis=0)[: kind.count]
    gallery += noise(kind.count, kind.spread)
    asked = generator.choice(people, min(QUERIES, people), replace=False)
    queries = np.stack([looks[at % len(looks)][person] for at, person in enumerate(asked)])
    queries += noise(len(asked), kind.spread)
    common = unit(generator.standard_normal((1, kind.dimension), dtype=np.float32))
    return in_cone(unit(gallery), common, kind.alike), in_cone(unit(queries), common, kind.alike)


def in_cone(vectors: Embeddings, common: Embeddings, alike: float) -> Embeddings:
    """The vectors with a share of a common one, so that those of different people have this similarity."""
    return unit(np.float32((1 - alike) ** 0.5) * vectors + np.float32(alike**0.5) * common)


def unit(vectors: Embeddings) -> Embeddings:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
