"""Every reference against every other, in blocks, judged by the rule that names faces.

Each reference is taken in turn as if it were a face in a photo: once with its person in the gallery (the
reference itself left out), and once as a stranger (all references of its person left out).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.calibrate.histogram import Counts, count_similarities, make_empty_counts
from recognition.decide import combine_similarities, rank_candidates
from recognition.types import PLAIN_COMBINATION, Combination, Embeddings, Neighbour

NEIGHBOUR_COUNT = 50
"""How many neighbours the search brings when a photo is tagged; here the same."""

BLOCK_CELLS = 8_000_000
"""Similarities held at once: 32 MB, and about six times that while they are counted."""

Progress = Callable[[int, int], None]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What every reference of a gallery would have been told as a face; arrays are one entry a reference.

    ``own``: similarity to its own person without itself, NaN where that is the only reference. ``first`` and
    ``second``: similarities to the nearest two other people, NaN where there are none. ``hit``: the nearest
    other reference is of the same person. Histograms are over pairs of references.
    """

    persons: NDArray[np.int64]
    own: Scores
    first: Scores
    second: Scores
    hit: NDArray[np.bool_]
    genuine: Counts
    impostor: Counts

    @property
    def rank1(self) -> float | None:
        """Share of references whose nearest other reference is of the same person, of those with another."""
        paired = ~np.isnan(self.own)
        return float(self.hit[paired].mean()) if paired.any() else None


def compare_references(
    vectors: Embeddings,
    persons: NDArray[np.int64],
    progress: Progress = lambda done, total: None,
    combination: Combination = PLAIN_COMBINATION,
) -> Comparison:
    """Compare unit ``vectors`` (n, dimension) of the people ``persons`` (n,), in any order.

    ``combination`` is that of the bounds that go with the vectors (``Bounds.combination``).

    Memory beyond the vectors is bounded by ``BLOCK_CELLS``, whatever n; time grows with n squared.
    """
    if vectors.ndim != 2 or len(vectors) != len(persons):
        raise ValueError(f"{vectors.shape} vectors do not go with {len(persons)} people")
    order = np.argsort(persons, kind="stable")
    sorted_persons = persons[order]
    scan = _ComparisonScan(np.ascontiguousarray(vectors[order], np.float32), sorted_persons, combination)
    rows = max(1, BLOCK_CELLS // max(1, len(vectors)))
    for start in range(0, len(vectors), rows):
        scan.block(start, min(start + rows, len(vectors)))
        progress(min(start + rows, len(vectors)), len(vectors))
    back = np.argsort(order)
    own, first, second, hit = scan.own[back], scan.first[back], scan.second[back], scan.hit[back]
    return Comparison(persons, own, first, second, hit, scan.genuine, scan.impostor)


class _ComparisonScan:
    """The pass itself; references are sorted by person, so that a person's are one run of columns."""

    def __init__(self, vectors: Embeddings, persons: NDArray[np.int64], combination: Combination) -> None:
        self.vectors, self.persons, self.combination = vectors, persons, combination
        _, starts, self.group, counts = np.unique(
            persons, return_index=True, return_inverse=True, return_counts=True
        )
        self.starts, self.ends = starts, starts + counts
        self.references = {int(persons[s]): int(n) for s, n in zip(starts, counts, strict=True)}
        self.own = np.full(len(persons), np.nan)
        self.first = np.full(len(persons), np.nan)
        self.second = np.full(len(persons), np.nan)
        self.hit = np.zeros(len(persons), np.bool_)
        self.genuine, self.impostor = make_empty_counts(), make_empty_counts()

    def block(self, start: int, end: int) -> None:
        similarities = self.vectors[start:end] @ self.vectors.T
        np.clip(similarities, -1, 1, out=similarities)
        self.impostor += count_similarities(similarities)
        for row in range(start, end):
            line = similarities[row - start]
            left, right = self.starts[self.group[row]], self.ends[self.group[row]]
            self.impostor -= count_similarities(line[left:right])
            nearest_own = self._judge_own(row, line, left, right)
            line[left:right] = -np.inf
            if right - left < len(line):
                self._judge_others(row, line, len(line) - (right - left), nearest_own)

    def _judge_own(self, row: int, line: Embeddings, left: int, right: int) -> float:
        mates = np.concatenate([line[left:row], line[row + 1 : right]])
        if not mates.size:
            return -np.inf
        self.genuine += count_similarities(line[row + 1 : right])  # each pair once
        best = np.sort(mates)[::-1][: len(self.combination.weights)]
        self.own[row] = combine_similarities(best.tolist(), self.combination, len(mates))
        self.hit[row] = True  # until somebody else is nearer
        return float(best[0])

    def _judge_others(self, row: int, line: Embeddings, others: int, nearest_own: float) -> None:
        wanted = min(NEIGHBOUR_COUNT, others)
        places = np.argpartition(line, -wanted)[-wanted:]
        near = [Neighbour(int(p), int(self.persons[p]), float(line[p])) for p in places]
        self.hit[row] &= max(n.similarity for n in near) < nearest_own
        people = rank_candidates(near, references=self.references, combination=self.combination)
        self.first[row] = people[0].similarity
        if len(people) > 1:
            self.second[row] = people[1].similarity
        elif wanted < others:  # somebody else is there, at most as near as the farthest seen
            self.second[row] = min(n.similarity for n in near)
