"""One index in several files, searched together: what Spark's executors wrote, each of some of the rows.

Each holds the numbers of its rows in the whole build, and the same lists; so the nearest of all are among the nearest
of each, and a search effort means the same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.errors import IndexUnusable
from recognition.index.files import INDEX_FILE
from recognition.types import Embeddings


def list_index_files(directory: Path) -> list[Path]:
    """The one file of the index, or those of its partitions."""
    whole = directory / INDEX_FILE
    return [whole] if whole.is_file() else sorted(directory.glob(f"{INDEX_FILE}[0-9]*"))


def open_faiss_index(paths: Sequence[Path], effort: str = "") -> Any:
    """What Faiss opens, mapped into memory. ``effort``: of partitions, as in "nprobe=16"; one file knows its own."""
    import faiss

    try:
        opened = [faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC) for path in paths]
    except RuntimeError as error:
        raise IndexUnusable(f"{paths[0]} cannot be opened; build the index again.") from error
    if len(opened) == 1 and paths[0].name == INDEX_FILE:
        return opened[0]
    partitions = Partitions(opened)
    if effort:
        partitions.set_effort(int(effort.removeprefix("nprobe=")))
    return partitions


class Partitions:
    """Answers as an inverted file of Faiss does; see the module."""

    def __init__(self, parts: Sequence[Any]) -> None:
        import faiss

        self.parts = parts
        self.first_ivf = faiss.extract_index_ivf(parts[0])
        self.d, self.metric_type = parts[0].d, parts[0].metric_type
        self.ntotal = sum(part.ntotal for part in parts)

    def set_effort(self, lists: int) -> None:
        import faiss

        for part in self.parts:
            faiss.extract_index_ivf(part).nprobe = lists

    def search(
        self, vectors: Embeddings, k: int, params: Any = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Similarities (n, k) and rows, the largest first; row -1 where there are no more."""
        answers = [part.search(vectors, k, params=params) for part in self.parts]
        similarities, rows = (np.concatenate(some, axis=1) for some in zip(*answers, strict=True))
        order = np.lexsort((-similarities, rows < 0), axis=1)[:, :k]
        return np.take_along_axis(similarities, order, axis=1), np.take_along_axis(rows, order, axis=1)
