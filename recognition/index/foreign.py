"""Galleries made elsewhere: what clip-retrieval's inference and AutoFaiss's command line leave behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Embeddings, IndexUnusable
from .files import EMBEDDINGS, METADATA


@dataclass(frozen=True, slots=True)
class ForeignGallery:
    """Row by row: where the crop was, whose it is, and its unit float32 vector (n, dimension)."""

    image_paths: list[str]
    people: list[str]
    vectors: Embeddings


def read_foreign(directory: Path) -> ForeignGallery:
    """Read ``img_emb/*.npy`` (float32 or float16) and ``metadata/*.parquet`` (``image_path``) part by part.

    A person is the ``person`` column where there is one, else the name of the image's folder. Vectors are
    brought to unit length. Raises IndexUnusable when something is missing or does not fit together.
    """
    import pandas as pd

    vector_files = _numbered(directory / EMBEDDINGS, ".npy")
    table_files = _numbered(directory / METADATA, ".parquet")
    if not vector_files or len(vector_files) != len(table_files):
        raise IndexUnusable(
            f"{directory} needs as many {EMBEDDINGS}/*.npy as {METADATA}/*.parquet files, and at least one; "
            f"it has {len(vector_files)} and {len(table_files)}."
        )
    paths: list[str] = []
    people: list[str] = []
    vectors: list[Embeddings] = []
    for vector_file, table_file in zip(vector_files, table_files, strict=True):
        try:
            part, table = np.load(vector_file), pd.read_parquet(table_file)
        except (OSError, ValueError) as error:
            raise IndexUnusable(f"{vector_file} or {table_file.name} cannot be read: {error}") from error
        if "image_path" not in table.columns or part.ndim != 2 or len(part) != len(table):
            raise IndexUnusable(
                f"{table_file} must have a column image_path and as many rows as {vector_file.name}."
            )
        here = table["image_path"].astype(str).tolist()
        paths += here
        people += table["person"].astype(str).tolist() if "person" in table.columns else map(_folder, here)
        vectors.append(_unit(part, vector_file))
    if len({part.shape[1] for part in vectors}) != 1:
        raise IndexUnusable(f"The vectors in {directory / EMBEDDINGS} differ in dimension.")
    return ForeignGallery(paths, people, np.concatenate(vectors))


def _numbered(folder: Path, suffix: str) -> list[Path]:
    """Files in the order of the number in their names, not of its digits."""

    def number(path: Path) -> tuple[int, str]:
        found = re.search(r"(\d+)$", path.stem)
        return (int(found[1]) if found else -1, path.name)

    return sorted(folder.glob(f"*{suffix}"), key=number)


def _folder(image_path: str) -> str:
    return PurePosixPath(image_path.replace("\\", "/")).parent.name


def _unit(part: NDArray[Any], file: Path) -> Embeddings:
    vectors = np.ascontiguousarray(part, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    wrong = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(wrong):
        raise IndexUnusable(f"Row {int(wrong[0])} of {file} is not a vector that can be compared.")
    unit: Embeddings = vectors / lengths
    return unit
