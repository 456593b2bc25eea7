"""Search an opened Faiss index row by row, whatever its kind; similarities are always those of the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings
from .partfiles import PartFiles
from .threads import set_threads

AGAIN = 4  # a compressed index is asked for so many times more, and the exact vectors decide
AT_LEAST = 200
LOOKED_AT = 4_000_000  # numbers of vectors read at once for that: 16 MB, forty faces of 512 numbers
COMPRESSED_KINDS = {"IndexPQFastScan", "IndexPreTransform"}  # the second: builds of versions before this one


class Searcher:
    """Faiss's index and, for kinds that keep compressed vectors, the part files to look again."""

    def __init__(self, opened: Any, parts: PartFiles) -> None:
        self._opened = opened
        self._parts = parts
        self.count, self.dimension = int(opened.ntotal), int(opened.d)
        self.kind = type(opened).__name__
        self.is_compressed = self.kind in COMPRESSED_KINDS

    def search(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows (n, k) and similarities (n, k), best first; row -1 where there are no more."""
        import faiss

        k = max(1, min(k, self.count))
        if not self.count or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -1, np.float32)
        set_threads(faiss, self._work() * len(vectors))
        vectors = np.ascontiguousarray(vectors, np.float32)
        asked = min(max(AGAIN * k, AT_LEAST), self.count) if self.is_compressed else k
        similarities, rows = self._opened.search(vectors, asked)
        if not self.is_compressed:
            return rows, similarities
        best_rows, best = np.empty((len(vectors), k), np.int64), np.empty((len(vectors), k), np.float32)
        at_once = max(1, LOOKED_AT // (asked * self.dimension))
        for start in range(0, len(vectors), at_once):
            some = slice(start, start + at_once)
            best_rows[some], best[some] = self._look_again(vectors[some], rows[some], k)
        return best_rows, best

    def _work(self) -> int:
        """Multiplications one face costs, roughly."""
        every = self.count * self.dimension
        if lists := int(getattr(self._opened, "nlist", 0)):
            return every * min(int(self._opened.nprobe), lists) // lists
        if graph := getattr(self._opened, "hnsw", None):
            return min(every, int(graph.efSearch) * int(graph.nb_neighbors(0)) * self.dimension)
        return every // 8 if self.is_compressed else every

    def _look_again(
        self, vectors: Embeddings, rows: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        found = self._parts.take(np.maximum(rows, 0).ravel()).reshape(*rows.shape, -1)
        similarities = np.einsum("nd,nkd->nk", vectors, found)
        similarities[rows < 0] = -2
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarities, order, axis=1)
