"""One build on disk, opened for searching."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings, IndexUnusable
from .files import IDS, INDEX, PERSONS, BuildFigures, read_figures, sha256_of
from .partfiles import PartFiles
from .searcher import Searcher


class Index:
    """A loaded build. Reading only; safe to search from several threads.

    The files are mapped into memory, so the processes of one machine share their pages.
    """

    def __init__(self, directory: Path, figures: BuildFigures, searcher: Searcher, parts: PartFiles) -> None:
        self.directory = directory
        self.figures = figures
        self.parts = parts
        self._searcher = searcher
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
        parts = PartFiles.open(directory)
        try:
            opened = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexUnusable(f"{path} cannot be opened; build the index again.") from error
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


def _read_array(path: Path, count: int) -> NDArray[np.int64]:
    try:
        array: NDArray[np.int64] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise IndexUnusable(f"{path} is missing or broken; build the index again.") from error
    if array.shape != (count,) or array.dtype != np.int64:
        raise IndexUnusable(f"{path} does not belong to this index; build the index again.")
    return array
