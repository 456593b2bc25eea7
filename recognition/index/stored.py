"""One build on disk, opened for searching."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings, IndexUnusable
from .files import EMBEDDINGS, IDS, INDEX, PERSONS, BuildFigures, read_figures, sha256_of
from .threads import set_threads

CHUNK = 16_384


class Index:
    """A loaded build. Reading only; safe to search from several threads.

    The index file is mapped into memory, so the processes of one machine share its pages.
    """

    def __init__(self, directory: Path, figures: BuildFigures, opened: Any) -> None:
        self.directory = directory
        self.figures = figures
        self._opened = opened
        self.ids: NDArray[np.int64] = _read_array(directory / IDS, figures.count)
        self.persons: NDArray[np.int64] = _read_array(directory / PERSONS, figures.count)

    @classmethod
    def load(cls, directory: Path, embedder_id: str | None = None, *, check_content: bool = True) -> Self:
        """Open the build in ``directory``, for vectors of this embedder.

        ``check_content`` compares the file's SHA-256 (about a second a gigabyte). Raises IndexUnusable when
        anything is missing or broken, EmbedderMismatch when the vectors are another embedder's.
        """
        import faiss

        figures = read_figures(directory, embedder_id)
        path = directory / INDEX
        if not path.is_file():
            raise IndexUnusable(f"{directory} has no {INDEX}; build the index again.")
        if path.stat().st_size != figures.bytes or (check_content and sha256_of(path) != figures.sha256):
            raise IndexUnusable(f"{path} is not the file that was written; build the index again.")
        try:
            opened = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexUnusable(f"{path} cannot be opened; build the index again.") from error
        if opened.ntotal != figures.count or opened.d != figures.dimension:
            raise IndexUnusable(f"{path} does not hold what its {directory.name}/infos.json says.")
        return cls(directory, figures, opened)

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
        import faiss

        k = max(1, min(k, self.count))
        if not self.count or not len(vectors):
            return np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -1, np.float32)
        set_threads(faiss, self.count * self.dimension * len(vectors))
        similarities, rows = self._opened.search(np.ascontiguousarray(vectors, np.float32), k)
        return rows, similarities

    def search_exactly(
        self, vectors: Embeddings, k: int, allowed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As ``search_rows``, over the allowed rows only, from the part files: slower, and always right."""
        k = min(k, int(allowed.sum()))
        best_rows = np.full((len(vectors), k), -1, np.int64)
        best = np.full((len(vectors), k), -2, np.float32)
        for first, chunk in self._chunks():
            similarities = vectors @ chunk.T
            similarities[:, ~allowed[first : first + len(chunk)]] = -2
            rows = np.broadcast_to(np.arange(first, first + len(chunk)), similarities.shape)
            both = np.concatenate([best, similarities], axis=1)
            both_rows = np.concatenate([best_rows, rows], axis=1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :k]
            best = np.take_along_axis(both, order, axis=1)
            best_rows = np.take_along_axis(both_rows, order, axis=1)
        return np.where(best <= -2, -1, best_rows), best

    def vectors(self) -> Embeddings:
        """All vectors (rows, dimension), in memory; for checks and exports."""
        chunks = [chunk for _, chunk in self._chunks()]
        return np.concatenate(chunks) if chunks else np.zeros((0, self.dimension), np.float32)

    def _chunks(self) -> Any:
        first = 0
        for path in sorted((self.directory / EMBEDDINGS).glob("*.npy")):
            part = np.load(path, mmap_mode="r")
            for offset in range(0, len(part), CHUNK):
                chunk = np.asarray(part[offset : offset + CHUNK])
                yield first + offset, chunk
            first += len(part)


def _read_array(path: Path, count: int) -> NDArray[np.int64]:
    try:
        array: NDArray[np.int64] = np.load(path, mmap_mode="r") if count else np.load(path)
    except (OSError, ValueError) as error:
        raise IndexUnusable(f"{path} is missing or broken; build the index again.") from error
    if array.shape != (count,) or array.dtype != np.int64:
        raise IndexUnusable(f"{path} does not belong to this index; build the index again.")
    return array
