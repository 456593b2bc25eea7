"""The vectors of a build, read from its part files without holding them all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings, IndexUnusable
from .files import EMBEDDINGS

CHUNK = 16_384


@contextmanager
def put_aside(folder: Path, vectors: Embeddings) -> Iterator[PartFiles]:
    """These vectors as the part files of a folder that is gone afterwards."""
    (folder / EMBEDDINGS).mkdir(parents=True)
    np.save(folder / EMBEDDINGS / "img_emb_0.npy", vectors)
    try:
        yield PartFiles.open(folder)
    finally:
        shutil.rmtree(folder)


class PartFiles:
    """Part files as one array of rows, mapped into memory; reading only."""

    def __init__(self, parts: list[Embeddings]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Those of the build in ``directory``; raises IndexUnusable when one cannot be read."""
        try:
            parts = [np.load(file, mmap_mode="r") for file in sorted((directory / EMBEDDINGS).glob("*.npy"))]
        except (OSError, ValueError, EOFError) as error:
            raise IndexUnusable(
                f"{directory / EMBEDDINGS} cannot be read ({error}); build the index again."
            ) from error
        if any(part.dtype != np.float32 or part.ndim != 2 or not part.flags.c_contiguous for part in parts):
            raise IndexUnusable(f"{directory / EMBEDDINGS} holds no float32 vectors; build the index again.")
        if len({part.shape[1] for part in parts}) > 1:
            raise IndexUnusable(
                f"{directory / EMBEDDINGS} holds vectors of two kinds; build the index again."
            )
        return cls(parts)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def dimension(self) -> int:
        return int(self._parts[0].shape[1]) if self._parts else 0

    def take(self, rows: NDArray[np.int64]) -> Embeddings:
        """The vectors (n, dimension) of these rows, in their order."""
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][rows])
        which = np.searchsorted(self._starts, rows, side="right") - 1
        taken = np.empty((len(rows), self.dimension), np.float32)
        for number, part in enumerate(self._parts):
            here = which == number
            taken[here] = part[rows[here] - self._starts[number]]
        return taken

    def similarities(self, vectors: Embeddings, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Similarity (n, k) of each vector (n, dimension) with the rows (n, k) given for it; -inf for row -1.

        The rows are read where they lie. To copy them first took three times as long. Faiss looks at no bounds, so
        IndexError and ValueError are raised here for rows that are not there and for shapes that do not go together.
        """
        import faiss

        if rows.max(initial=-1) >= len(self):
            raise IndexError(f"row {rows.max()} of {len(self)}")
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"{vectors.shape} vectors, {rows.shape} rows of {self.dimension} numbers")
        vectors = np.ascontiguousarray(vectors, np.float32)
        result = np.full(rows.shape, -np.inf, np.float32)
        some = np.empty_like(result)
        compare: Any = faiss.fvec_inner_products_by_idx  # type: ignore[attr-defined]  # its stubs leave it out
        for start, part in zip(self._starts, self._parts, strict=False):
            here = np.where((rows >= start) & (rows < start + len(part)), rows - start, -1)
            if here.max(initial=-1) < 0:
                continue
            pointers = (faiss.swig_ptr(array) for array in (some, vectors, part, here))
            compare(*pointers, vectors.shape[1], *rows.shape)
            np.maximum(result, some, out=result)
        return result

    def chunks(self) -> Iterator[tuple[int, Embeddings]]:
        """All rows in order, some thousands at a time, each with the number of its first row."""
        for start, part in zip(self._starts, self._parts, strict=False):
            for offset in range(0, len(part), CHUNK):
                yield int(start) + offset, np.asarray(part[offset : offset + CHUNK])

    def search(
        self, vectors: Embeddings, k: int, allowed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows (n, k) and similarities of the nearest among the allowed rows: slow, and always right."""
        k = min(k, int(allowed.sum()))
        best_rows = np.full((len(vectors), k), -1, np.int64)
        best = np.full((len(vectors), k), -2, np.float32)
        for first, chunk in self.chunks():
            similarities = vectors @ chunk.T
            similarities[:, ~allowed[first : first + len(chunk)]] = -2
            rows = np.broadcast_to(np.arange(first, first + len(chunk)), similarities.shape)
            both = np.concatenate([best, similarities], axis=1)
            both_rows = np.concatenate([best_rows, rows], axis=1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :k]
            best = np.take_along_axis(both, order, axis=1)
            best_rows = np.take_along_axis(both_rows, order, axis=1)
        return best_rows, best
