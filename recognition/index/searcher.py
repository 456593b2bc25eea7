"""Search an opened Faiss index row by row, whatever its kind; similarities are always those of the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings
from .partfiles import PartFiles
from .threads import set_threads

Found = tuple[NDArray[np.int64], NDArray[np.float32]]

# Kinds that keep less than the vectors: more rows are asked for than are wanted, and the exact vectors decide.
COARSE = {"IndexPQFastScan", "IndexPreTransform"}  # the second: builds of versions before this one
TIMES_MORE, AT_LEAST = 4, 200
FINE = {"IndexIVFScalarQuantizer"}
FEW_MORE = 16  # eight bits a number mistake only near ties

COST_OF_LIST = 15_000  # multiplications that take as long as the way to one more list


class Searcher:
    """Faiss's index and, for kinds that keep less than the vectors, the part files to look again."""

    def __init__(self, opened: Any, parts: PartFiles) -> None:
        self._opened = opened
        self._parts = parts
        self.count, self.dimension = int(opened.ntotal), int(opened.d)
        self.kind = type(opened).__name__
        self.looks_again = self.kind in COARSE | FINE
        self._lists = int(getattr(opened, "nlist", 0))

    def search(self, vectors: Embeddings, k: int, *, further: bool = True) -> Found:
        """Rows (n, k) and similarities (n, k), best first; row -1 where there are no more.

        ``further``: where the lists that are looked through hold fewer than ``k`` rows, more lists are.
        """
        import faiss

        k = max(1, min(k, self.count))
        if not self.count or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -1, np.float32)
        set_threads(faiss, self._work(self._effort()) * len(vectors))
        vectors = np.ascontiguousarray(vectors, np.float32)
        asked = max(TIMES_MORE * k, AT_LEAST) if self.kind in COARSE else k + FEW_MORE * self.looks_again
        similarities, rows = self._opened.search(vectors, min(asked, self.count))
        if further:
            self._look_further(vectors, k, rows, similarities)
        if not self.looks_again:
            return rows, similarities
        similarities = self._parts.similarities(vectors, rows)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarities, order, axis=1)

    def _look_further(
        self, vectors: Embeddings, k: int, rows: NDArray[np.int64], similarities: NDArray[np.float32]
    ) -> None:
        """Search more lists for those vectors that have fewer than ``k`` rows; what is found replaces theirs."""
        import faiss

        effort = self._effort()
        while effort < self._lists and len(lacking := np.flatnonzero(rows[:, k - 1] < 0)):
            effort = min(4 * effort, self._lists)
            set_threads(faiss, self._work(effort) * len(lacking))
            wider = faiss.SearchParametersIVF()
            wider.nprobe = effort
            similarities[lacking], rows[lacking] = self._opened.search(
                vectors[lacking], rows.shape[1], params=wider
            )

    def _effort(self) -> int:
        """How many lists are looked through."""
        return min(int(self._opened.nprobe), self._lists) if self._lists else 0

    def _work(self, effort: int) -> int:
        """Multiplications one face costs, roughly."""
        every = self.count * self.dimension
        if self._lists:
            return self._lists * self.dimension // 8 + effort * (COST_OF_LIST + every // self._lists)
        if graph := getattr(self._opened, "hnsw", None):
            return min(every, int(graph.efSearch) * int(graph.nb_neighbors(0)) * self.dimension)
        return every // 8 if self.looks_again else every
