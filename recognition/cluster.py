"""Faces without a name, grouped by likeness, so that a person can name a whole group at once.

Average linkage over the graph of nearest neighbours: pairs are taken from the most alike down, and two groups are
joined where the mean cosine between *all* their faces reaches the bound. A single bridge between two
people (a blurred face is near everybody) therefore does not pour them together, as connected components
would. The mean over all pairs costs one dot product, because it is that of the groups' vector sums.

Groups found before are kept: faces come in with the group they are in, new faces join one or found one, and a
group keeps the number of its oldest member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.graph import find_neighbours
from recognition.types import Embeddings

NEIGHBOUR_COUNT = 30
NO_GROUP = -1


def cluster(
    vectors: Embeddings,
    least: float,
    groups: NDArray[np.int64] | None = None,
    rounds: int = 3,
    watch: Callable[[float], None] = lambda share: None,
) -> NDArray[np.int64]:
    """A group for each unit vector (n, dimension): the row of the group's first member, (n,) int64.

    ``least`` is the mean cosine that holds a group together (an embedder's ``bounds.known`` does). ``groups`` are
    those of an earlier call, as such row numbers in these vectors, ``NONE`` for new faces; they are never taken
    apart, only joined. A group of one is its own row. Deterministic. ``watch`` is told how much of it is done, and
    may raise to stop it.
    """
    forest = _UnionFind(vectors)
    if groups is not None:
        for row, group in enumerate(groups):
            if group != NO_GROUP:
                forest.join(int(group), row)
    for left, right in _list_similar_pairs(vectors, least, watch):
        forest.join_if_alike(left, right, least)
    for _ in range(rounds):
        if not _join_whole_groups(forest, least):
            break
    return np.array([forest.root(row) for row in range(len(vectors))], np.int64)


def join_new_faces(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], pairs: list[tuple[int, int]], least: float
) -> NDArray[np.int64]:
    """For each of these groups, the first one that it is joined with or is itself, (n,) int64.

    A group is given by the sum (dimension,) of its unit vectors and their number; a new face is a group of one.
    ``pairs`` are those to compare, the most alike first; afterwards all that have grown are compared with each other.
    As in ``cluster``, they are joined where the mean cosine between all their faces reaches ``least``.
    """
    forest = _UnionFind(sums, sizes)
    for left, right in pairs:
        forest.join_if_alike(left, right, least)
    while _join_whole_groups(forest, least):
        pass
    return np.array([forest.root(row) for row in range(len(sums))], np.int64)


def is_coherent(total: NDArray[np.float64], size: int, least: float) -> bool:
    """Whether the mean cosine between the faces of a group, given by the sum of their vectors, reaches ``least``."""
    return size < 2 or float(total @ total) - size >= least * size * (size - 1)


class _UnionFind:
    """Union-find whose roots are the least row of a group, with each group's vector sum and size."""

    def __init__(self, vectors: NDArray[Any], sizes: NDArray[np.float64] | None = None) -> None:
        self.parent = list(range(len(vectors)))
        self.sums = vectors.astype(np.float64)
        self.sizes = np.ones(len(vectors)) if sizes is None else sizes.copy()

    def root(self, row: int) -> int:
        top = row
        while self.parent[top] != top:
            top = self.parent[top]
        while self.parent[row] != top:
            self.parent[row], row = top, self.parent[row]
        return top

    def join(self, left: int, right: int) -> None:
        left, right = sorted((self.root(left), self.root(right)))
        if left != right:
            self.parent[right] = left
            self.sums[left] += self.sums[right]
            self.sizes[left] += self.sizes[right]

    def join_if_alike(self, left: int, right: int, least: float) -> bool:
        left, right = self.root(left), self.root(right)
        if left == right:
            return False
        total = float(self.sums[left] @ self.sums[right])
        if total < least * self.sizes[left] * self.sizes[right]:
            return False
        self.join(left, right)
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
