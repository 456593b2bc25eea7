"""Remembers where exports were written, so that an erasure reaches into them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from gallery.models import SiteSetting
from gallery.models.history import get_site_setting
from gallery.people.exchange.layout import (
    INDEX_FILES,
    PEOPLE_CSV,
    REFERENCES_CSV,
    VECTORS_FOLDER,
    read_csv,
    write_csv,
)
from recognition import index
from recognition.errors import IndexUnusable
from recognition.index import builder
from recognition.index.files import IDS_FILE, INDEX_FILE, METADATA_FOLDER, PARTIAL_PREFIX

EXPORT_FOLDERS_KEY = "exports"  # the SiteSetting with the folders
NEW_FILE_SUFFIX = ".facesite-new"


def remember_export(directory: Path) -> None:
    """Call it before anything is written there."""
    known = [*_list_known_exports(), str(directory)]
    SiteSetting.objects.update_or_create(pk=EXPORT_FOLDERS_KEY, defaults={"value": sorted(set(known))})


def _list_known_exports() -> list[str]:
    value = get_site_setting(EXPORT_FOLDERS_KEY, [])
    return [str(each) for each in value] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """Numbers of people and references, and names of photos that references were cut from."""

    people: set[int]
    references: set[int]
    photos: set[str]

    def has(self, row: dict[str, str]) -> bool:
        """Whether this line of the references is gone."""
        return int(row["person"]) in self.people or int(row["id"]) in self.references

    def told(self, row: dict[str, str]) -> dict[str, str]:
        return {**row, "source_path": ""} if row["source_path"] in self.photos else row


def remove_from_exports(erased: ErasedRows) -> tuple[int, int]:
    """Take these out of every export that is still there; how many held them, and how many cannot be found.

    An export that is being written is given up: it would hold what was erased. Raises OSError where a folder
    may not be written to.
    """
    cleared, unreached = 0, 0
    for name in _list_known_exports():
        directory = Path(name)
        for partial in directory.parent.glob(f"{PARTIAL_PREFIX}{directory.name}-*"):
            shutil.rmtree(partial, ignore_errors=True)
        if not (directory / REFERENCES_CSV).is_file():
            unreached += 1
        elif _has_erased_rows(directory, erased):
            _remove_from_export(directory, erased)
            cleared += 1
    return cleared, unreached


def _has_erased_rows(directory: Path, erased: ErasedRows) -> bool:
    rows = read_csv(directory / PEOPLE_CSV)
    if any(int(row["id"]) in erased.people for row in rows):
        return True
    references = read_csv(directory / REFERENCES_CSV)
    return any(erased.has(row) or erased.told(row) != row for row in references)


def _remove_from_export(directory: Path, erased: ErasedRows) -> None:
    """The lists last: they say what there is to clear, should this be stopped before its end."""
    rows = list(read_csv(directory / REFERENCES_CSV))
    gone = [row for row in rows if erased.has(row)]
    for row in gone:
        picture = directory / row["picture"]
        if row["picture"]:
            picture.unlink(missing_ok=True)
            if picture.parent.is_dir() and not any(picture.parent.iterdir()):
                picture.parent.rmdir()
    numbers = np.array(sorted({int(row["id"]) for row in gone}), np.int64)
    for path in (directory / VECTORS_FOLDER).glob("*.npz"):
        _remove_vectors(path, numbers)
    _rebuild_export_index(directory, numbers)
    kept = [erased.told(row) for row in rows if not erased.has(row)]
    _rewrite_csv(directory / REFERENCES_CSV, kept)
    listed = read_csv(directory / PEOPLE_CSV)
    _rewrite_csv(directory / PEOPLE_CSV, [row for row in listed if int(row["id"]) not in erased.people])


def _rewrite_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        columns = file.readline().strip().split(",")
    fresh = path.with_name(path.name + NEW_FILE_SUFFIX)
    write_csv(fresh, columns, rows)
    fresh.replace(path)


def _remove_vectors(path: Path, gone: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    with np.load(path) as file:
        ids, vectors = file["ids"], file["vectors"]
    keep = ~np.isin(ids, gone)
    if keep.all():
        return
    fresh = path.with_name(path.name + NEW_FILE_SUFFIX)
    with fresh.open("wb") as out:
        np.savez(out, ids=ids[keep], vectors=vectors[keep])
    fresh.replace(path)


def _rebuild_export_index(directory: Path, gone: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """The export's index, built anew from what it holds itself."""
    fresh = directory / NEW_FILE_SUFFIX
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        old = index.Index.load(directory)
    except IndexUnusable:  # half replaced by a process that was killed: it can be made again from the rest
        for name in (*INDEX_FILES, INDEX_FILE):
            _remove_path(directory / name)
        return
    if not np.isin(old.ids, gone).any():
        return
    builder.build(
        _read_remaining_parts(directory, old, gone),
        fresh,
        embedder_id=old.embedder_id,
        dimension=old.dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
        only_exact=True,
    )
    (directory / IDS_FILE).unlink()  # half an index is none: see above
    for path in fresh.iterdir():
        _remove_path(directory / path.name)
    for path in sorted(fresh.iterdir(), key=lambda each: each.name == IDS_FILE):
        path.rename(directory / path.name)
    fresh.rmdir()


def _remove_path(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read_remaining_parts(
    directory: Path, old: index.Index, gone: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[index.Part]:
    import pandas as pd

    files = sorted((directory / METADATA_FOLDER).glob("*.parquet"))
    texts = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    for first, vectors in old.parts.chunks():
        rows = np.arange(first, first + len(vectors))
        keep = rows[~np.isin(old.ids[rows], gone)]
        yield index.Part(
            np.asarray(old.ids[keep]),
            np.asarray(old.persons[keep]),
            np.asarray(vectors[keep - first]),
            texts["image_path"].iloc[keep].tolist(),
            texts["person"].iloc[keep].tolist(),
        )
