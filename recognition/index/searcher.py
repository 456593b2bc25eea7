"""One build on disk, opened for searching, whatever its kind; similarities are always those of the vectors.

A search takes so many threads that several worker processes on one machine do not fight. OpenMP keeps its
number per calling thread, so it is set before each search. A second thread gives little on small searches,
and costs much when the other core is busy: its threads spin while they wait.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recognition.errors import IndexUnusable
from recognition.files import compute_sha256
from recognition.index.files import IDS_FILE, INDEX_FILE, PERSONS_FILE, BuildFigures, read_figures
from recognition.index.partitions import Partitions, list_index_files, open_faiss_index
from recognition.index.parts import PartFiles
from recognition.index.searchable import Hits, StoredVectors, is_among
from recognition.types import Embeddings

WORK_FOR_THREADS = 40_000_000  # multiplications from which a second thread pays

_limit: int | None = None


def limit_threads(limit: int | None) -> None:
    """Let each search of this process use at most so many threads; None gives back the default, all cores."""
    global _limit
    if limit is not None and limit < 1:
        raise ValueError("a search needs at least one thread")
    _limit = limit


def get_max_threads() -> int:
    """How many threads a search or a build of this process may use."""
    return _limit or os.cpu_count() or 1


def use_all_threads(faiss: Any) -> None:
    """For a build: as many threads as this process may use, whatever the last search took."""
    faiss.omp_set_num_threads(get_max_threads())


def set_threads(faiss: Any, work: int) -> None:
    """Tell OpenMP how many threads a search of ``work`` multiplications gets, in the calling thread."""
    faiss.omp_set_num_threads(get_max_threads() if work >= WORK_FOR_THREADS else 1)


SearchResult = tuple[NDArray[np.int64], NDArray[np.float32]]

# Kinds that keep less than the vectors: more rows are asked for than are wanted, and the exact vectors decide. They
# also do where Faiss answers with squared distances.
WHOLE_KINDS = {"IndexFlat", "IndexFlatIP", "IndexFlatL2", "IndexHNSWFlat", "IndexIVFFlat"}
FINE_KINDS = {"IndexIVFScalarQuantizer"}
COARSE_FACTOR, COARSE_MINIMUM = 4, 200  # of all others
FINE_EXTRA = 16  # eight bits a number mistake only near ties

COST_OF_LIST = 15_000  # multiplications that take as long as the way to one more list


class Searcher:
    """Faiss's index and, for kinds that keep less than the vectors, the part files to look again."""

    def __init__(self, opened: Any, parts: PartFiles) -> None:
        import faiss

        self._opened = opened
        self._parts = parts
        self.count, self.dimension = int(opened.ntotal), int(opened.d)
        self.kind = type(opened).__name__
        self._is_coarse = self.kind not in WHOLE_KINDS | FINE_KINDS
        self.looks_again = self.kind not in WHOLE_KINDS or opened.metric_type != faiss.METRIC_INNER_PRODUCT
        is_in_parts = isinstance(opened, Partitions)
        self._ivf = opened.first_ivf if is_in_parts else faiss.try_extract_index_ivf(opened)
        self._lists = int(self._ivf.nlist) if self._ivf else 0

    def search(self, vectors: Embeddings, k: int, *, further: bool = True) -> SearchResult:
        """Rows (n, k) and similarities (n, k), best first; row -1 where there are no more.

        ``further``: where the lists that are looked through hold fewer than ``k`` rows, more lists are.
        """
        import faiss

        k = max(1, min(k, self.count))
        if not self.count or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -1, np.float32)
        set_threads(faiss, self._work(self._effort()) * len(vectors))
        vectors = np.ascontiguousarray(vectors, np.float32)
        asked = (
            max(COARSE_FACTOR * k, COARSE_MINIMUM) if self._is_coarse else k + FINE_EXTRA * self.looks_again
        )
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
            wider: Any = faiss.SearchParametersIVF()
            wider.nprobe = effort
            if self.kind == "IndexPreTransform":
                around: Any = faiss.SearchParametersPreTransform
                wider = around(index_params=wider)
            similarities[lacking], rows[lacking] = self._opened.search(
                vectors[lacking], rows.shape[1], params=wider
            )

    def _effort(self) -> int:
        """How many lists are looked through."""
        return min(int(self._ivf.nprobe), self._lists) if self._ivf else 0

    def _work(self, effort: int) -> int:
        """Multiplications one face costs, roughly."""
        every = self.count * self.dimension
        if self._lists:
            return self._lists * self.dimension // 8 + effort * (COST_OF_LIST + every // self._lists)
        if graph := getattr(self._opened, "hnsw", None):
            return min(every, int(graph.efSearch) * int(graph.nb_neighbors(0)) * self.dimension)
        return every // 8 if self.looks_again else every


MAX_OVERFETCHED = 1024  # neighbours asked of the index before the rows left are searched one by one
SPARE_NEIGHBOURS = 16


class Index:
    """A loaded build. Reading only; safe to search from several threads.

    The files are mapped into memory, so the processes of one machine share their pages.
    """

    def __init__(self, directory: Path, figures: BuildFigures, searcher: Searcher, parts: PartFiles) -> None:
        self.directory = directory
        self.figures = figures
        self.parts = parts
        self._searcher = searcher
        self.ids: NDArray[np.int64] = _read_array(directory / IDS_FILE, figures.count)
        self.persons: NDArray[np.int64] = _read_array(directory / PERSONS_FILE, figures.count)
        self._by_id = np.argsort(self.ids, kind="stable")
        self._sorted_ids = self.ids[self._by_id]

    @classmethod
    def load(cls, directory: Path, embedder_id: str | None = None, *, check_content: bool = True) -> Self:
        """Open the build in ``directory``, for vectors of this embedder.

        ``check_content`` compares the file's SHA-256 (about a second a gigabyte). Raises IndexUnusable when
        anything is missing or broken, EmbedderMismatch when the vectors are another embedder's.
        """
        figures = read_figures(directory, embedder_id)
        paths = list_index_files(directory)
        if not paths:
            raise IndexUnusable(f"{directory} has no {INDEX_FILE}; build the index again.")
        size = sum(path.stat().st_size for path in paths)
        if size != figures.bytes or (check_content and compute_sha256(*paths) != figures.sha256):
            raise IndexUnusable(f"{paths[0]} is not the file that was written; build the index again.")
        parts = PartFiles.open(directory)
        opened = open_faiss_index(paths, figures.index_param)
        shape = (figures.count, figures.dimension)
        if not (opened.ntotal, opened.d) == (len(parts), parts.dimension) == shape:
            raise IndexUnusable(f"{directory} does not hold what its infos.json says; build the index again.")
        return cls(directory, figures, Searcher(opened, parts), parts)

    @property
    def count(self) -> int:
        return self.figures.count

    @property
    def dimension(self) -> int:
        return self.figures.dimension

    @property
    def embedder_id(self) -> str:
        return self.figures.embedder_id

    def search(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Reference ids (n, k) and similarities (n, k), best first; id -1 where there are no more."""
        rows, similarities = self.search_rows(vectors, k)
        if not self.count:
            return rows, similarities
        return np.where(rows < 0, -1, self.ids[rows]), similarities

    def search_rows(self, vectors: Embeddings, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As ``search``, with rows of the build in place of reference ids. Never more than all rows."""
        return self._searcher.search(vectors, k)

    def search_visible(self, vectors: Embeddings, k: int, hidden: NDArray[np.int64]) -> Hits:
        """As ``SearchableIndex`` says."""
        hidden_rows = int(self._rows_of(hidden)[1].sum()) if len(hidden) else 0
        wanted, fetch = min(k, self.count - hidden_rows), k + min(hidden_rows, SPARE_NEIGHBOURS)
        while wanted:
            rows, similarities = self.search_rows(vectors, fetch)
            hits = self._make_hits(rows, similarities, hidden)
            if not hidden_rows or ((hits.ids >= 0).sum(axis=1) >= wanted).all():
                return hits
            if fetch >= MAX_OVERFETCHED or (rows < 0).any():
                return self._make_hits(
                    *self.parts.search(vectors, wanted, ~is_among(self.ids, hidden)), hidden
                )
            fetch *= 4
        nothing = np.zeros((len(vectors), 0), np.int64)
        return Hits(nothing, nothing, nothing.astype(np.float32))

    def _make_hits(
        self, rows: NDArray[np.int64], similarities: NDArray[np.float32], hidden: NDArray[np.int64]
    ) -> Hits:
        ids = self.ids[rows]
        return Hits(np.where((rows < 0) | is_among(ids, hidden), -1, ids), self.persons[rows], similarities)

    def take(self, ids: NDArray[np.int64]) -> StoredVectors:
        rows, is_known = self._rows_of(ids)
        vectors = np.zeros((len(ids), self.dimension), np.float32)
        persons = np.zeros(len(ids), np.int64)
        vectors[is_known], persons[is_known] = self.parts.take(rows[is_known]), self.persons[rows[is_known]]
        return StoredVectors(is_known, persons, vectors)

    def list_ids(self) -> NDArray[np.int64]:
        return np.array(self.ids)

    def _rows_of(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The row of each id, and whether it has one."""
        if not self.count:
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        at = np.minimum(np.searchsorted(self._sorted_ids, ids), self.count - 1)
        return self._by_id[at], self._sorted_ids[at] == ids


def _read_array(path: Path, count: int) -> NDArray[np.int64]:
    try:
        array: NDArray[np.int64] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise IndexUnusable(f"{path} is missing or broken; build the index again.") from error
    if array.shape != (count,) or array.dtype != np.int64:
        raise IndexUnusable(f"{path} does not belong to this index; build the index again.")
    return array
