"""Check a built index against exact search on a sample of its own vectors.

A sampled vector stands for a face of a new photo: its own row is left out, and the question is whether the
index finds the nearest of the others. (A vector finds itself in any index; that would prove nothing.)
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings
from .policy import FACES_PER_PHOTO, RECALL_AIM
from .threads import set_threads

SAMPLE = 1000
NEIGHBOURS = 50
ROUNDS = 15
SECONDS = 1.0  # at most, for one speed measurement
SAME = 1e-4  # two similarities this close are the same: ties are no misses
CHUNK = 16_384


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the build, their vectors, and the best similarity exact search finds for each elsewhere."""

    rows: NDArray[np.int64]
    vectors: Embeddings
    best: NDArray[np.float32]


def draw_sample(files: Sequence[Path], count: int, size: int = SAMPLE) -> Sample:
    """A seeded sample over all part files, with its exact answers, reading one chunk at a time."""
    rows = np.sort(np.random.default_rng(0).choice(count, min(size, count), replace=False))
    parts = [np.load(file, mmap_mode="r") for file in files]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    which = np.searchsorted(starts, rows, side="right") - 1
    vectors = np.stack([parts[part][row - starts[part]] for part, row in zip(which, rows, strict=True)])
    best = np.full(len(rows), -2.0, np.float32)
    for part, start in zip(parts, starts, strict=False):
        for offset in range(0, len(part), CHUNK):
            first = int(start) + offset
            similarities = vectors @ np.asarray(part[offset : offset + CHUNK]).T
            here = np.flatnonzero((rows >= first) & (rows < first + similarities.shape[1]))
            similarities[here, rows[here] - first] = -2.0
            np.maximum(best, similarities.max(axis=1), out=best)
    return Sample(rows.astype(np.int64), vectors, best)


def recall(index: Any, sample: Sample) -> float:
    """Share of the sample for which the index's best other row is as near as exact search's; 1.0 if alone."""
    if len(sample.rows) < 2:
        return 1.0
    similarities, rows = index.search(sample.vectors, 2)
    similarities = np.where((rows == sample.rows[:, None]) | (rows < 0), -2.0, similarities)
    return float(np.mean(similarities.max(axis=1) >= sample.best - SAME))


def finds_itself(index: Any, sample: Sample) -> float:
    """Share of the sample that comes back as its own nearest: shows that rows and vectors belong together."""
    similarities, rows = index.search(sample.vectors, 1)
    return float(np.mean((rows[:, 0] == sample.rows) | (similarities[:, 0] >= 1 - SAME)))


def milliseconds_per_photo(index: Any, sample: Sample) -> float:
    """Median time to search ten faces as one batch."""
    import faiss

    set_threads(faiss, index.ntotal * index.d * FACES_PER_PHOTO)
    faces = np.resize(sample.vectors, (FACES_PER_PHOTO, index.d))
    index.search(faces, NEIGHBOURS)
    times: list[float] = []
    while len(times) < 3 or (len(times) < ROUNDS and sum(times) < SECONDS):
        start = time.perf_counter()
        index.search(faces, NEIGHBOURS)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def tune_to_recall(index: Any, sample: Sample) -> str:
    """Set and name the smallest search effort with which an HNSW or IVF index finds the nearest.

    Leaves the greatest effort standing where none suffices: then the recall says so.
    """
    import faiss

    space: Any = faiss.ParameterSpace()
    name = "efSearch" if hasattr(index, "hnsw") else "nprobe"
    most = 4096 if name == "efSearch" else index.nlist
    effort, parameter = 16, ""
    while True:
        parameter = f"{name}={min(effort, most)}"
        space.set_index_parameters(index, parameter)
        if effort >= most or recall(index, sample) >= RECALL_AIM:
            return parameter
        effort *= 2
