"""Search an opened Faiss index row by row, whatever its kind; similarities are always those of the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings
from .partfiles import PartFiles
from .threads import set_threads

COARSE = {"IndexPQFastScan", "IndexPreTransform"}  # the second: builds of versions before this one
AGAIN = 4  # they are asked for so many times more than are wanted, and the exact vectors decide
AT_LEAST = 200
FINE = {"IndexIVFScalarQuantizer"}
MORE = 16  # eight bits a number mistake only near ties
LIST = 15_000  # multiplications that take as long as a trip to one more list


class Searcher:
    """Faiss's index and, for kinds that keep compressed vectors, the part files to look again."""

    def __init__(self, opened: Any, parts: PartFiles) -> None:
        self._opened = opened
        self._parts = parts
        self.count, self.dimension = int(opened.ntotal), int(opened.d)
        self.kind = type(opened).__name__
        self.is_compressed = self.kind in COARSE | FINE

    def search(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows (n, k) and similarities (n, k), best first; row -1 where there are no more."""
        import faiss

        k = max(1, min(k, self.count))
        if not self.count or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -1, np.float32)
        set_threads(faiss, self._work() * len(vectors))
        vectors = np.ascontiguousarray(vectors, np.float32)
        asked = max(AGAIN * k, AT_LEAST) if self.kind in COARSE else k + MORE * self.is_compressed
        similarities, rows = self._opened.search(vectors, min(asked, self.count))
        if lists := self._lists():
            similarities, rows = self._with_further_lists(vectors, k, lists, similarities, rows)
        if not self.is_compressed:
            return rows, similarities
        similarities = self._parts.similarities(vectors, rows)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(similarities, order, axis=1)

    def _lists(self) -> int:
        return int(getattr(self._opened, "nlist", 0))

    def _with_further_lists(
        self, vectors: Embeddings, k: int, lists: int, similarities: Any, rows: Any
    ) -> tuple[Any, Any]:
        """What was found, of more lists where those looked through hold fewer than ``k`` rows."""
        import faiss

        effort = int(self._opened.nprobe)
        while effort < lists and (rows[:, k - 1] < 0).any():
            effort = min(4 * effort, lists)
            wider = faiss.SearchParametersIVF()
            wider.nprobe = effort
            similarities, rows = self._opened.search(vectors, rows.shape[1], params=wider)
        return similarities, rows

    def _work(self) -> int:
        """Multiplications one face costs, roughly."""
        every = self.count * self.dimension
        if lists := self._lists():
            effort = min(int(self._opened.nprobe), lists)
            return lists * self.dimension // 8 + effort * (LIST + every // lists)
        if graph := getattr(self._opened, "hnsw", None):
            return min(every, int(graph.efSearch) * int(graph.nb_neighbors(0)) * self.dimension)
        return every // 8 if self.is_compressed else every
