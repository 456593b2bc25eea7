"""The references of a build: streamed in parts, checked, written as part files, and read back.

They are read without holding them all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recognition.errors import IndexUnusable
from recognition.index.files import EMBEDDINGS_FOLDER, IDS_FILE, METADATA_FOLDER, PERSONS_FILE
from recognition.types import Embeddings

PART_NUMBERS = 16 * 1024 * 1024  # float32 numbers in one part file: 64 MB
LENGTH_TOLERANCE = 1e-3  # how far from 1 the length of a unit vector may be


@dataclass(frozen=True, slots=True)
class Part:
    """Some references: ids and persons int64 (n,), unit float32 vectors (n, dimension), texts and columns or none."""

    ids: NDArray[np.int64]
    persons: NDArray[np.int64]
    vectors: Embeddings
    image_paths: Sequence[str] = field(default=())
    names: Sequence[str] = field(default=())
    columns: Sequence[Mapping[str, Any]] = field(default=())  # more of the parquet's; JSON's kinds

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.persons), len(self.vectors)}
        lengths |= {len(texts) for texts in (self.image_paths, self.names, self.columns) if len(texts)}
        if len(lengths) != 1 or self.vectors.ndim != 2:
            raise ValueError("a part's ids, persons, vectors and texts differ in number")


@dataclass(frozen=True, slots=True)
class WrittenParts:
    """What the parts came to."""

    count: int
    dimension: int


def write_parts(
    parts: Iterable[Part], directory: Path, dimension: int, progress: Callable[[int], None]
) -> WrittenParts:
    """Write ``img_emb/``, ``metadata/``, ``ids.npy`` and ``persons.npy``, holding one part file at a time.

    ``progress`` is told how many references are written. Raises IndexUnusable for a vector of another
    dimension or that is not of unit length, or a reference that comes twice.
    """
    for name in (EMBEDDINGS_FOLDER, METADATA_FOLDER):
        (directory / name).mkdir()
    ids: list[NDArray[np.int64]] = []
    persons: list[NDArray[np.int64]] = []
    waiting: list[Part] = []
    rows_per_file = max(1, PART_NUMBERS // dimension)
    held = number = 0
    for part in parts:
        check_vectors(part.vectors, dimension, part.ids)
        ids.append(np.asarray(part.ids, np.int64))
        persons.append(np.asarray(part.persons, np.int64))
        waiting.append(part)
        held += len(part.ids)
        if held >= rows_per_file:
            _write_part(waiting, directory, number)
            waiting, held, number = [], 0, number + 1
        progress(sum(map(len, ids)))
    if held or not number:
        _write_part(waiting or [_make_empty_part(dimension)], directory, number)
        number += 1
    every_id = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    if len(np.unique(every_id)) != len(every_id):
        raise IndexUnusable("A reference came twice while the index was built; build it again.")
    np.save(directory / IDS_FILE, every_id)
    np.save(directory / PERSONS_FILE, np.concatenate(persons) if persons else np.zeros(0, np.int64))
    _pad_file_names(directory, number)
    return WrittenParts(len(every_id), dimension)


def check_vectors(vectors: Embeddings, dimension: int, ids: Sequence[int] | NDArray[np.int64]) -> None:
    """Raise IndexUnusable unless all are unit float32 vectors of this dimension."""
    if vectors.shape[1] != dimension or vectors.dtype != np.float32:
        raise IndexUnusable(
            f"Got {vectors.dtype} vectors of {vectors.shape[1]} numbers where float32 vectors of "
            f"{dimension} were due; embed the references again."
        )
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= LENGTH_TOLERANCE))
    if len(wrong):
        raise IndexUnusable(
            f"The vector of reference {ids[int(wrong[0])]} has length {lengths[wrong[0]]:.3f} instead of 1; "
            "embed it again."
        )


def _make_empty_part(dimension: int) -> Part:
    nothing = np.zeros(0, np.int64)
    return Part(nothing, nothing, np.zeros((0, dimension), np.float32))


def _write_part(parts: Sequence[Part], directory: Path, number: int) -> None:
    import pyarrow
    from pyarrow import parquet

    np.save(
        directory / EMBEDDINGS_FOLDER / f"img_emb_{number}.npy",
        np.ascontiguousarray(np.concatenate([part.vectors for part in parts])),
    )
    table: dict[str, Any] = {
        "image_path": [text for part in parts for text in part.image_paths or [""] * len(part.ids)],
        "person": [text for part in parts for text in part.names or [""] * len(part.ids)],
        "reference": np.concatenate([part.ids for part in parts]),
        "person_id": np.concatenate([part.persons for part in parts]),
    }
    more = [columns for part in parts for columns in part.columns or [{}] * len(part.ids)]
    for name in dict.fromkeys(name for columns in more for name in columns if name not in table):
        table[name] = _make_one_kind([columns.get(name) for columns in more])
    parquet.write_table(pyarrow.table(table), directory / METADATA_FOLDER / f"metadata_{number}.parquet")


def _make_one_kind(values: list[Any]) -> list[Any]:
    """Values that a column of a parquet can hold: those of several kinds, and what is nested, become JSON."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds - {float} if int in kinds else kinds) <= 1 and not kinds & {list, dict}:
        return values
    return [value if value is None else json.dumps(value, ensure_ascii=False) for value in values]


def _pad_file_names(directory: Path, count: int) -> None:
    """Number the files with equal width, since AutoFaiss and others read them in the order of their names."""
    width = len(str(count - 1))
    for folder, pattern in ((METADATA_FOLDER, "metadata_{}.parquet"), (EMBEDDINGS_FOLDER, "img_emb_{}.npy")):
        for number in range(count):
            old = directory / folder / pattern.format(number)
            old.rename(directory / folder / pattern.format(str(number).zfill(width)))


CHUNK_ROWS = 16_384


@contextmanager
def write_temporary_parts(folder: Path, vectors: Embeddings) -> Iterator[PartFiles]:
    """These vectors as the part files of a folder that is gone afterwards."""
    (folder / EMBEDDINGS_FOLDER).mkdir(parents=True)
    np.save(folder / EMBEDDINGS_FOLDER / "img_emb_0.npy", vectors)
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
            parts = [
                np.load(file, mmap_mode="r") for file in sorted((directory / EMBEDDINGS_FOLDER).glob("*.npy"))
            ]
        except (OSError, ValueError, EOFError) as error:
            raise IndexUnusable(
                f"{directory / EMBEDDINGS_FOLDER} cannot be read ({error}); build the index again."
            ) from error
        if any(part.dtype != np.float32 or part.ndim != 2 or not part.flags.c_contiguous for part in parts):
            raise IndexUnusable(
                f"{directory / EMBEDDINGS_FOLDER} holds no float32 vectors; build the index again."
            )
        if len({part.shape[1] for part in parts}) > 1:
            raise IndexUnusable(
                f"{directory / EMBEDDINGS_FOLDER} holds vectors of two kinds; build the index again."
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
            for offset in range(0, len(part), CHUNK_ROWS):
                yield int(start) + offset, np.asarray(part[offset : offset + CHUNK_ROWS])

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
