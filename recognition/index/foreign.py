"""Reads galleries that clip-retrieval's inference and AutoFaiss's command line left, some rows at a time.

Taken is the folder with ``img_emb/*.npy`` and ``metadata/*.parquet``, the one around it, or ``knn.index`` with the
parquet alone, if the index keeps whole vectors. The parquet has a column ``image_path`` at least.
"""

from __future__ import annotations

import base64
import math
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recognition.errors import IndexUnusable
from recognition.index.files import EMBEDDINGS_FOLDER, INDEX_FILE, METADATA_FOLDER
from recognition.types import Embeddings

BATCH_ROWS = 1_000
PATH_COLUMN, PERSON_COLUMN = "image_path", "person"
ReadVectors = Callable[[int, int], NDArray[Any]]
"""The vectors (n, dimension) of a part from a row on, so many."""


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """One picture's row. ``problem`` says why it cannot be taken; else the vector has unit length."""

    number: int  # counted over all parts
    image_path: str
    person: str  # the column ``person`` where there is one, else the picture's folder
    vector: Embeddings
    columns: dict[str, Any] = field(default_factory=dict)  # the parquet's others, as JSON can hold them
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ForeignPart:
    table: Path
    rows: int
    read_vectors: ReadVectors


class ForeignGallery:
    """A gallery made elsewhere: its parts, opened but not read."""

    def __init__(self, parts: list[ForeignPart], dimension: int) -> None:
        self._parts = parts
        self.dimension = dimension

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Raises IndexUnusable when something is missing or does not fit together."""
        inside = sorted(path for path in directory.iterdir() if path.is_dir())
        folders = [directory, directory / "embedding_folder", *inside]
        for folder in folders:
            if vectors := _list_numbered_files(folder / EMBEDDINGS_FOLDER, ".npy"):
                tables = _list_numbered_files(folder / METADATA_FOLDER, ".parquet")
                return cls(*_pair_parts(folder, vectors, tables))
        for folder in (*folders[:2], *(each / METADATA_FOLDER for each in folders), *inside):
            if (directory / INDEX_FILE).is_file() and (tables := _list_numbered_files(folder, ".parquet")):
                return cls(*_read_index_parts(directory / INDEX_FILE, tables))
        raise IndexUnusable(
            f"{directory} needs {EMBEDDINGS_FOLDER}/*.npy beside {METADATA_FOLDER}/*.parquet, or {INDEX_FILE} "
            "and a parquet file."
        )

    def read_rows(self) -> Iterator[ForeignRow]:
        """All rows in order, of which some hundreds are held at a time."""
        first = 0
        for part in self._parts:
            yield from _read_part(part, first)
            first += part.rows


def _read_part(part: ForeignPart, first: int) -> Iterator[ForeignRow]:
    start = 0
    for batch in _stream_batches(part.table):
        vectors = np.array(part.read_vectors(start, len(batch)), np.float32)
        with np.errstate(all="ignore"):
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            unit = vectors / lengths
        is_vector = np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)
        for place, columns in enumerate(batch.to_pylist()):
            path, person = columns.pop(PATH_COLUMN), columns.pop(PERSON_COLUMN, None)
            path = path if isinstance(path, str) else ""
            inside = split_image_path(path)
            whose = person if isinstance(person, str) else "".join(inside[-2:-1])
            yield ForeignRow(
                first + start + place,
                path,
                whose,
                unit[place],
                {name: _make_json(value) for name, value in columns.items()},
                _find_problem(is_vector[place], path, whose),
            )
        start += len(batch)


def _find_problem(is_vector: bool, path: str, person: str) -> str:
    if not is_vector:
        return "Its vector is not one that can be compared: it holds no number, or only zeros."
    if not path:
        return f"It has no {PATH_COLUMN}."
    return "" if person.strip() else "It has no person: the picture lies in no folder."


def _pair_parts(folder: Path, files: list[Path], tables: list[Path]) -> tuple[list[ForeignPart], int]:
    if len(files) != len(tables):
        raise IndexUnusable(
            f"{folder} needs as many {EMBEDDINGS_FOLDER}/*.npy as {METADATA_FOLDER}/*.parquet files; "
            f"it has {len(files)} and {len(tables)}."
        )
    parts, dimensions = [], set()
    for file, table in zip(files, tables, strict=True):
        shape, rows = _open_vectors(file).shape, _count_rows(table)
        if len(shape) != 2 or shape[0] != rows:
            raise IndexUnusable(f"{table} must have as many rows as {file.name}.")
        dimensions.add(shape[1])
        parts.append(ForeignPart(table, rows, partial(_slice_vectors, file)))
    if len(dimensions) != 1:
        raise IndexUnusable(f"The vectors in {folder / EMBEDDINGS_FOLDER} differ in dimension.")
    return parts, dimensions.pop()


def _slice_vectors(file: Path, start: int, count: int) -> NDArray[Any]:
    return _open_vectors(file)[start : start + count]


def _open_vectors(file: Path) -> NDArray[Any]:
    try:
        vectors: NDArray[Any] = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise IndexUnusable(f"{file} cannot be read: {error}") from error
    return vectors


def _open_table(file: Path) -> Any:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(file)
    except (OSError, pyarrow.ArrowException) as error:
        raise IndexUnusable(f"{file} cannot be read: {error}") from error
    if PATH_COLUMN not in table.schema_arrow.names:
        raise IndexUnusable(f"{file} must have a column {PATH_COLUMN}.")
    return table


def _stream_batches(file: Path) -> Iterator[Any]:
    with _open_table(file) as table:
        yield from table.iter_batches(BATCH_ROWS)


def _count_rows(file: Path) -> int:
    with _open_table(file) as table:
        return int(table.metadata.num_rows)


def _read_index_parts(file: Path, tables: list[Path]) -> tuple[list[ForeignPart], int]:
    """Parts whose vectors come out of the index."""
    import faiss

    try:
        whole = faiss.read_index(str(file))
    except RuntimeError as error:
        raise IndexUnusable(f"{file} cannot be read: {error}") from error
    index = getattr(whole, "refine_index", None) or whole
    index = faiss.downcast_index(getattr(index, "storage", None) or index)
    if not isinstance(index, faiss.IndexFlat | faiss.IndexIVFFlat):
        raise IndexUnusable(
            f"{file} is compressed ({type(index).__name__}), so the vectors cannot be read back as they were. "
            f"Bring {EMBEDDINGS_FOLDER}/*.npy along, or import the pictures: manage.py import_people DIR"
        )
    counts = [_count_rows(table) for table in tables]
    if sum(counts) != whole.ntotal:
        raise IndexUnusable(f"{file} holds {whole.ntotal} vectors and the parquet {sum(counts)} rows.")
    parts, first = [], 0
    for table, rows in zip(tables, counts, strict=True):
        parts.append(ForeignPart(table, rows, partial(_reconstruct_vectors, whole, index, first)))
        first += rows
    return parts, int(whole.d)


def _reconstruct_vectors(owner: Any, index: Any, first: int, start: int, count: int) -> NDArray[Any]:
    """`owner`, of which the index is a part, is only held: Faiss frees the part along with it."""
    vectors: NDArray[Any] = index.reconstruct_n(first + start, count)
    return vectors


def _list_numbered_files(folder: Path, suffix: str) -> list[Path]:
    """Files in the order of the number in their names, not of its digits."""

    def number(path: Path) -> tuple[int, str]:
        found = re.search(r"(\d+)$", path.stem)
        return (int(found[1]) if found else -1, path.name)

    return sorted(folder.glob(f"*{suffix}"), key=number)


def _make_json(value: Any) -> Any:
    """The value as JSON and every database hold it."""
    if isinstance(value, dict):
        return {str(key): _make_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_make_json(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value).replace("\0", "")


def split_image_path(image_path: str) -> list[str]:
    """Folders and file of a path with either slash, without the drive and without dots."""
    path = re.sub(r"^[A-Za-z]:", "", image_path.replace("\\", "/"))
    return [part for part in path.split("/") if part not in ("", ".", "..")]


class PictureFinder:
    """Finds the pictures of image paths that were written elsewhere, by the ends of the paths.

    Looked in are the folder, what lies beside it, and the folders given, at any depth; from whichever directory it
    is run, and whatever the case of the letters.
    """

    def __init__(self, directory: Path, pictures: Path | None = None) -> None:
        around = directory.resolve().parent
        trees = [pictures.resolve()] if pictures else []
        roots = [each for tree in (*trees, directory.resolve()) for each in _list_branches(tree)]
        self._roots = list(dict.fromkeys([*roots, around, *_list_folders(around), around.parent]))
        self._list_names = lru_cache(256)(_list_names)  # a folder's pictures mostly come one after the other

    def find(self, image_path: str) -> Path | None:
        """The picture, by as much of its path as is found somewhere, the person's folder at least."""
        if (path := Path(image_path)).is_absolute() and path.is_file():
            return path
        parts = split_image_path(image_path)
        for skipped in range(len(parts) - 1):
            for root in self._roots:
                if found := self._follow(root, parts[skipped:]):
                    return found
        return None

    def _follow(self, root: Path, parts: list[str]) -> Path | None:
        for part in parts:
            names = self._list_names(root)
            name = names.get(part) or names.get(_fold(part))
            if name is None:
                return None
            root = root / name
        return root if root.is_file() else None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _list_names(folder: Path) -> dict[str, str]:
    """The names in a folder, by themselves and, for names written elsewhere, without regard to case."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return {}
    return {_fold(name): name for name in names} | {name: name for name in names}


def _list_folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[:1] != ".")
    except OSError:
        return []


def _list_branches(tree: Path) -> list[Path]:
    """The folder and all below it that hold folders."""
    return [tree, *(Path(path) for path, folders, _files in os.walk(tree) if folders and Path(path) != tree)]
