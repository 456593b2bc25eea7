"""Check a built index against exact search on a sample of its own vectors.

A sampled vector stands for a face of a new photo: its own row is left out, and the question is whether the
index finds the nearest of the others. (A vector finds itself in any index; that would prove nothing.) A second
question is whether it finds the nearest of another person, as a name's lead over others needs it; what a stranger
meets is like that.
"""

from __future__ import annotations

import bisect
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.index.parts import PartFiles
from recognition.index.policy import FACES_PER_PHOTO, RECALL_AIM, SECOND_AIM
from recognition.index.searcher import Searcher
from recognition.types import Embeddings

SAMPLE_SIZE = 1000
NEIGHBOUR_COUNT = 50
TIMED_PHOTOS = 5  # made of the sample, for a speed measurement
TIMED_ROUNDS = 5
MAX_TIMED_SECONDS = 1.0  # after which no further round is begun
MIN_SINGLE_SEARCHES = 200
MAX_OWN_REFERENCES = 1_000  # references of a person beyond which it is not asked who comes after them
MIN_JUDGED = 50  # of the sample, at least, to know how often they are found
TIE_TOLERANCE = 1e-4  # two similarities this close are the same: ties are no misses
SEARCH_EFFORTS = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the build, their vectors, and the best similarities exact search finds for each: of another row, and
    of another person's."""

    rows: NDArray[np.int64]
    vectors: Embeddings
    best: NDArray[np.float32]
    second: NDArray[np.float32]
    own: NDArray[np.int64]  # how many rows the person of each has
    persons: NDArray[np.int64]  # whose each row of the build is


def draw_sample(parts: PartFiles, persons: NDArray[np.int64], size: int = SAMPLE_SIZE) -> Sample:
    """A seeded sample over all part files, with its exact answers, reading one chunk at a time."""
    count = len(parts)
    rows = np.sort(np.random.default_rng(0).choice(count, min(size, count), replace=False)).astype(np.int64)
    vectors = parts.take(rows)
    best, second = np.full((2, len(rows)), -2.0, np.float32)
    _, belongs, counts = np.unique(persons, return_inverse=True, return_counts=True)
    is_theirs = np.isin(persons, persons[rows])
    for first, chunk in parts.chunks():
        similarities = vectors @ chunk.T
        here = np.flatnonzero((rows >= first) & (rows < first + len(chunk)))
        similarities[here, rows[here] - first] = -2.0
        np.maximum(best, similarities.max(axis=1), out=best)
        theirs = np.flatnonzero(is_theirs[first : first + len(chunk)])
        own = persons[rows, None] == persons[first + theirs]
        similarities[:, theirs] = np.where(own, -2.0, similarities[:, theirs])
        np.maximum(second, similarities.max(axis=1), out=second)
    return Sample(rows, vectors, best, second, counts[belongs[rows]], persons)


def measure_recall(searcher: Searcher, sample: Sample) -> float:
    """Share of the sample for which the index's best other row is as near as exact search's; 1.0 if alone."""
    return _measure_recall_of(*searcher.search(sample.vectors, 2), sample)


def is_exact(searcher: Searcher, sample: Sample) -> bool:
    """Whether each of the sample finds itself, or its like, first and then the nearest other, as it must."""
    rows, similarities = searcher.search(sample.vectors, 2)
    finds_itself = (rows[:, 0] == sample.rows) | (similarities[:, 0] >= 1 - TIE_TOLERANCE)
    return bool(finds_itself.all()) and _measure_recall_of(rows, similarities, sample) == 1


def _measure_recall_of(rows: NDArray[np.int64], similarities: NDArray[np.float32], sample: Sample) -> float:
    if len(sample.rows) < 2:
        return 1.0
    others = np.where((rows == sample.rows[:, None]) | (rows < 0), -2.0, similarities)
    return float(np.mean(others.max(axis=1) >= sample.best - TIE_TOLERANCE))


def measure_second_found(searcher: Searcher, sample: Sample) -> float:
    """Share of the sample for which the index's best row of another person is as near as exact search's.

    Each is asked for beyond its own person's rows, which would hide the others from it where they are many, and with
    the search effort alone. Without another person there is none to miss: 1.0. Where too few have so few rows that
    this can be asked: 0.0.
    """
    if (sample.own == len(sample.persons)).all():
        return 1.0
    judged = np.flatnonzero(sample.own <= MAX_OWN_REFERENCES)
    if len(judged) < min(MIN_JUDGED, len(sample.rows)):
        return 0.0
    k = NEIGHBOUR_COUNT + int(sample.own[judged].max())
    rows, similarities = searcher.search(sample.vectors[judged], k, further=False)
    is_other = (rows >= 0) & (sample.persons[rows] != sample.persons[sample.rows[judged], None])
    others = np.where(is_other, similarities, -2.0).max(axis=1)
    return float(np.mean(others >= sample.second[judged] - TIE_TOLERANCE))


def milliseconds_per_photo(searcher: Searcher, sample: Sample) -> float:
    """Time to search ten faces as one batch, mean of some photos made of the sample: for each the least of some
    rounds, as whatever else the machine does beside it is no fault of the index."""
    shuffled = np.random.default_rng(0).permutation(len(sample.rows))
    photos = sample.vectors[np.resize(shuffled, (TIMED_PHOTOS, FACES_PER_PHOTO))]
    searcher.search(photos[0], NEIGHBOUR_COUNT)
    least = np.full(TIMED_PHOTOS, np.inf)
    begun = time.perf_counter()
    for _ in range(TIMED_ROUNDS):
        for number, faces in enumerate(photos):
            start = time.perf_counter()
            searcher.search(faces, NEIGHBOUR_COUNT)
            least[number] = min(least[number], time.perf_counter() - start)
        if time.perf_counter() - begun > MAX_TIMED_SECONDS:
            break
    return float(1000 * least.mean())


def measure_single_searches(searcher: Searcher, sample: Sample) -> tuple[float, float]:
    """Milliseconds of searching one vector alone, as AutoFaiss measures them: the mean, and what 99 % stay below."""
    spent: list[float] = []
    begun = time.perf_counter()
    while len(spent) < MIN_SINGLE_SEARCHES and time.perf_counter() - begun < MAX_TIMED_SECONDS:
        for vector in sample.vectors:
            start = time.perf_counter()
            searcher.search(vector[None], NEIGHBOUR_COUNT)
            spent.append(1000 * (time.perf_counter() - start))
            if start - begun > MAX_TIMED_SECONDS:
                break
    return float(np.mean(spent)), float(np.quantile(spent, 0.99))


def measure_reconstruction_error(opened: Any, sample: Sample) -> float:
    """How far what Faiss's index keeps of a vector is off on average, as a share of its length."""
    from autofaiss.metrics.reconstruction import quantize_vec_without_modifying_index, reconstruction_error

    kept = quantize_vec_without_modifying_index(opened, sample.vectors)
    return float(reconstruction_error(sample.vectors, kept))


def tune_effort(
    searcher: Searcher, sample: Sample, set_effort: Callable[[int], None], most: int, max_ms: float
) -> tuple[int, bool]:
    """Set the least search effort with which the index finds the nearest and who is second; says how much that is,
    and whether it is enough.

    It is not where the most there is, or the first that takes over ``max_ms`` a photo, does not find them.
    """

    @functools.cache
    def is_enough(effort: int) -> bool:
        set_effort(effort)
        return (
            measure_recall(searcher, sample) >= RECALL_AIM
            and measure_second_found(searcher, sample) >= SECOND_AIM
        )

    def ends(effort: int) -> bool:
        set_effort(effort)
        return milliseconds_per_photo(searcher, sample) > max_ms or is_enough(effort)

    efforts = [each for each in SEARCH_EFFORTS if each < most]
    effort = [*efforts, most][bisect.bisect_left(efforts, True, key=ends)]
    enough = is_enough(effort)
    set_effort(effort)
    return effort, enough
