"""Faces without a name, grouped by likeness, so that a person can name a whole group at once.

Average linkage over the graph of nearest neighbours: pairs are taken from the most alike down, and two groups are
joined where the mean cosine between *all* their faces reaches the bound. A single bridge between two
people (a blurred face is near everybody) therefore does not pour them together, as connected components
would. The mean over all pairs costs one dot product, because it is that of the groups' vector sums.

What people have told apart is never joined: a face may stand on a side of several splits, and no group has faces of
both sides of one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.graph import find_neighbours
from recognition.types import Embeddings

NEIGHBOUR_COUNT = 30
# By row, the splits that its faces take part in: n for the one side, -n for the other
Sides = Mapping[int, Collection[int]]


def cluster(
    vectors: Embeddings,
    least: float,
    sides: Sides | None = None,
    rounds: int = 3,
    watch: Callable[[float], None] = lambda share: None,
) -> NDArray[np.int64]:
    """A group for each unit vector (n, dimension): the row of the group's first member, (n,) int64.

    ``least`` is the mean cosine that holds a group together (an embedder's ``bounds.known`` does). ``sides`` keep
    rows apart. A group of one is its own row. Deterministic. ``watch`` is told how much of it is done, and may raise
    to stop it.
    """
    forest = _UnionFind(vectors, sides=sides)
    for left, right in _list_similar_pairs(vectors, least, watch):
        forest.join_if_alike(left, right, least)
    for _ in range(rounds):
        if not _join_whole_groups(forest, least):
            break
    return np.array([forest.root(row) for row in range(len(vectors))], np.int64)


def join_new_faces(
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    pairs: list[tuple[int, int]],
    least: float,
    sides: Sides | None = None,
) -> NDArray[np.int64]:
    """For each of these groups, the first one that it is joined with or is itself, (n,) int64.

    A group is given by the sum (dimension,) of its unit vectors and their number; a new face is a group of one.
    ``pairs`` are those to compare, the most alike first; afterwards all that have grown are compared with each other.
    As in ``cluster``, they are joined where the mean cosine between all their faces reaches ``least``, and ``sides``
    allow it.
    """
    forest = _UnionFind(sums, sizes, sides)
    for left, right in pairs:
        forest.join_if_alike(left, right, least)
    while _join_whole_groups(forest, least):
        pass
    return np.array([forest.root(row) for row in range(len(sums))], np.int64)


def are_on_one_side(sides: Collection[int]) -> bool:
    """Whether faces on these sides may be in one group."""
    return not any(-side in sides for side in sides)


def is_coherent(total: NDArray[np.float64], size: int, least: float) -> bool:
    """Whether the mean cosine between the faces of a group, given by the sum of their vectors, reaches ``least``."""
    return size < 2 or float(total @ total) - size >= least * size * (size - 1)


class _UnionFind:
    """Union-find whose roots are the least row of a group, with each group's vector sum, size and sides."""

    def __init__(
        self, vectors: NDArray[Any], sizes: NDArray[np.float64] | None = None, sides: Sides | None = None
    ) -> None:
        self.parent = list(range(len(vectors)))
        self.sums = vectors.astype(np.float64)
        self.sizes = np.ones(len(vectors)) if sizes is None else sizes.copy()
        self.sides = {row: set(some) for row, some in (sides or {}).items()}

    def root(self, row: int) -> int:
        top = row
        while self.parent[top] != top:
            top = self.parent[top]
        while self.parent[row] != top:
            self.parent[row], row = top, self.parent[row]
        return top

    def join_if_alike(self, left: int, right: int, least: float) -> bool:
        left, right = sorted((self.root(left), self.root(right)))
        if left == right:
            return False
        total = float(self.sums[left] @ self.sums[right])
        if total < least * self.sizes[left] * self.sizes[right]:
            return False
        sides = self.sides.get(left, set()) | self.sides.get(right, set())
        if not are_on_one_side(sides):
            return False
        self.parent[right] = left
        self.sums[left] += self.sums[right]
        self.sizes[left] += self.sizes[right]
        if sides:
            self.sides[left] = sides
        return True


def _list_similar_pairs(
    vectors: Embeddings, least: float, watch: Callable[[float], None] = lambda share: None
) -> list[tuple[int, int]]:
    """Pairs of neighbours at least that alike, the most alike first."""
    rows, similarities = find_neighbours(vectors, NEIGHBOUR_COUNT, watch)
    left, place = np.nonzero((similarities >= least) & (rows >= 0))
    right = rows[left, place]
    # a pair seen from both sides is kept once; the order among equals is by row
    low, high = np.minimum(left, right), np.maximum(left, right)
    pairs, first = np.unique(np.stack([low, high], 1), axis=0, return_index=True)
    order = np.argsort(-similarities[left, place][first], kind="stable")
    return [(int(a), int(b)) for a, b in pairs[order]]


def _join_whole_groups(forest: _UnionFind, least: float) -> bool:
    """Fragments of one person whose faces are not each other's neighbours: compare the groups themselves."""
    roots = np.array([r for r in range(len(forest.parent)) if forest.parent[r] == r and forest.sizes[r] > 1])
    if len(roots) < 2:
        return False
    middles = forest.sums[roots]
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    pairs = _list_similar_pairs(middles.astype(np.float32), least)
    joined = [forest.join_if_alike(int(roots[a]), int(roots[b]), least) for a, b in pairs]
    return any(joined)
