"""References on their way into a build: streamed in parts, checked, written as part files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings, IndexUnusable
from .files import EMBEDDINGS, IDS, METADATA, PERSONS

PART_NUMBERS = 16 * 1024 * 1024  # float32 numbers in one part file: 64 MB
TOLERANCE = 1e-3  # how far from 1 the length of a unit vector may be


@dataclass(frozen=True, slots=True)
class Part:
    """Some references: ids and persons int64 (n,), unit float32 vectors (n, dimension), texts or none."""

    ids: NDArray[np.int64]
    persons: NDArray[np.int64]
    vectors: Embeddings
    image_paths: Sequence[str] = field(default=())
    names: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.persons), len(self.vectors)}
        lengths |= {len(texts) for texts in (self.image_paths, self.names) if len(texts)}
        if len(lengths) != 1 or self.vectors.ndim != 2:
            raise ValueError("a part's ids, persons, vectors and texts differ in number")


@dataclass(frozen=True, slots=True)
class Written:
    """What the parts came to."""

    count: int
    dimension: int


def write_parts(
    parts: Iterable[Part], directory: Path, dimension: int, progress: Callable[[int], None]
) -> Written:
    """Write ``img_emb/``, ``metadata/``, ``ids.npy`` and ``persons.npy``, holding one part file at a time.

    ``progress`` is told how many references are written. Raises IndexUnusable for a vector of another
    dimension or that is not of unit length, or a reference that comes twice.
    """
    for name in (EMBEDDINGS, METADATA):
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
        _write_part(waiting or [_empty(dimension)], directory, number)
        number += 1
    every_id = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    if len(np.unique(every_id)) != len(every_id):
        raise IndexUnusable("A reference came twice while the index was built; build it again.")
    np.save(directory / IDS, every_id)
    np.save(directory / PERSONS, np.concatenate(persons) if persons else np.zeros(0, np.int64))
    _pad_names(directory, number)
    return Written(len(every_id), dimension)


def check_vectors(vectors: Embeddings, dimension: int, ids: Sequence[int] | NDArray[np.int64]) -> None:
    """Raise IndexUnusable unless all are unit float32 vectors of this dimension."""
    if vectors.shape[1] != dimension or vectors.dtype != np.float32:
        raise IndexUnusable(
            f"Got {vectors.dtype} vectors of {vectors.shape[1]} numbers where float32 vectors of "
            f"{dimension} were due; embed the references again."
        )
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= TOLERANCE))
    if len(wrong):
        raise IndexUnusable(
            f"The vector of reference {ids[int(wrong[0])]} has length {lengths[wrong[0]]:.3f} instead of 1; "
            "embed it again."
        )


def _empty(dimension: int) -> Part:
    nothing = np.zeros(0, np.int64)
    return Part(nothing, nothing, np.zeros((0, dimension), np.float32))


def _write_part(parts: Sequence[Part], directory: Path, number: int) -> None:
    import pandas as pd

    np.save(
        directory / EMBEDDINGS / f"img_emb_{number}.npy",
        np.ascontiguousarray(np.concatenate([part.vectors for part in parts])),
    )
    table = {
        "image_path": [text for part in parts for text in part.image_paths or [""] * len(part.ids)],
        "person": [text for part in parts for text in part.names or [""] * len(part.ids)],
        "reference": np.concatenate([part.ids for part in parts]),
        "person_id": np.concatenate([part.persons for part in parts]),
    }
    pd.DataFrame(table).to_parquet(directory / METADATA / f"metadata_{number}.parquet", index=False)


def _pad_names(directory: Path, count: int) -> None:
    """Number the files with equal width, since AutoFaiss and others read them in the order of their names."""
    width = len(str(count - 1))
    for folder, pattern in ((METADATA, "metadata_{}.parquet"), (EMBEDDINGS, "img_emb_{}.npy")):
        for number in range(count):
            old = directory / folder / pattern.format(number)
            old.rename(directory / folder / pattern.format(str(number).zfill(width)))
