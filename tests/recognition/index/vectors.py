"""Seeded unit vectors in clusters, ten to an identity, as references of people are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recognition.index import Part
from recognition.types import Embeddings

PER_PERSON = 10


def clustered(count: int, dimension: int, seed: int = 0, spread: float = 0.6) -> Embeddings:
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((-(-count // PER_PERSON), dimension), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = generator.standard_normal((count, dimension), dtype=np.float32) * (spread / dimension**0.5)
    vectors = np.repeat(centres, PER_PERSON, axis=0)[:count] + noise
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def in_parts(vectors: Embeddings, size: int = 1000, first_id: int = 1) -> Iterator[Part]:
    """Ids count up from ``first_id``; the person of the n-th vector is n // 10."""
    for start in range(0, len(vectors), size):
        rows = np.arange(start, min(start + size, len(vectors)))
        yield Part(
            rows + first_id,
            rows // PER_PERSON,
            vectors[rows],
            [f"people/{row // PER_PERSON}/{row}.jpg" for row in rows],
            [f"Person {row // PER_PERSON}" for row in rows],
        )
