"""Seeded vectors of people who do not exist, shaped like those of the dlib network.

A common direction makes strangers' cosines about 0.85, as measured; each person has a place of their own,
and each picture strays a little from it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recognition.types import Embeddings

DIMENSION = 128


def fake_people(
    persons: int, pictures: int, *, seed: int, stray: float = 0.5
) -> tuple[Embeddings, NDArray[np.int64]]:
    """Unit vectors (persons * pictures, 128) and whose they are, shuffled."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(persons, DIMENSION))
    people = np.repeat(np.arange(persons, dtype=np.int64), pictures)
    vectors = 2.4 + places[people] + stray * rng.normal(size=(len(people), DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = rng.permutation(len(people))
    return vectors[order].astype(np.float32), people[order]
