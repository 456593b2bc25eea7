"""Exports that are kept on disk: remembered when they are made, so that an erasure reaches into them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from gallery import queries
from gallery.models import SiteSetting
from gallery.pipeline.exchange import layout
from recognition import index
from recognition.index.files import IDS, INDEX, PARTIAL
from recognition.types import IndexUnusable

SETTING = "exports"  # the SiteSetting with the folders
FRESH = ".facesite-new"


def remember(directory: Path) -> None:
    """Call it before anything is written there."""
    known = [*_known(), str(directory)]
    SiteSetting.objects.update_or_create(pk=SETTING, defaults={"value": sorted(set(known))})


def _known() -> list[str]:
    value = queries.setting(SETTING, [])
    return [str(each) for each in value] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class Erased:
    """Numbers of people and references, and names of photos that references were cut from."""

    people: set[int]
    references: set[int]
    photos: set[str]

    def has(self, row: dict[str, str]) -> bool:
        """Whether this line of the references is gone."""
        return int(row["person"]) in self.people or int(row["id"]) in self.references

    def told(self, row: dict[str, str]) -> dict[str, str]:
        return {**row, "source_path": ""} if row["source_path"] in self.photos else row


def clear(erased: Erased) -> tuple[int, int]:
    """Take these out of every export that is still there; how many held them, and how many cannot be found.

    An export that is being written is given up: it would hold what was erased. Raises OSError where a folder
    may not be written to.
    """
    cleared, unreached = 0, 0
    for name in _known():
        directory = Path(name)
        for partial in directory.parent.glob(f"{PARTIAL}{directory.name}-*"):
            shutil.rmtree(partial, ignore_errors=True)
        if not (directory / layout.REFERENCES_CSV).is_file():
            unreached += 1
        elif _holds(directory, erased):
            _clear(directory, erased)
            cleared += 1
    return cleared, unreached


def _holds(directory: Path, erased: Erased) -> bool:
    rows = layout.read_csv(directory / layout.PEOPLE_CSV)
    if any(int(row["id"]) in erased.people for row in rows):
        return True
    references = layout.read_csv(directory / layout.REFERENCES_CSV)
    return any(erased.has(row) or erased.told(row) != row for row in references)


def _clear(directory: Path, erased: Erased) -> None:
    """The lists last: they say what there is to clear, should this be stopped before its end."""
    rows = list(layout.read_csv(directory / layout.REFERENCES_CSV))
    gone = [row for row in rows if erased.has(row)]
    for row in gone:
        picture = directory / row["picture"]
        if row["picture"]:
            picture.unlink(missing_ok=True)
            if picture.parent.is_dir() and not any(picture.parent.iterdir()):
                picture.parent.rmdir()
    numbers = np.array(sorted({int(row["id"]) for row in gone}), np.int64)
    for path in (directory / layout.VECTORS).glob("*.npz"):
        _without_vectors(path, numbers)
    _clear_index(directory, numbers)
    kept = [erased.told(row) for row in rows if not erased.has(row)]
    _rewrite(directory / layout.REFERENCES_CSV, kept)
    listed = layout.read_csv(directory / layout.PEOPLE_CSV)
    _rewrite(directory / layout.PEOPLE_CSV, [row for row in listed if int(row["id"]) not in erased.people])


def _rewrite(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        columns = file.readline().strip().split(",")
    fresh = path.with_name(path.name + FRESH)
    layout.write_csv(fresh, columns, rows)
    fresh.replace(path)


def _without_vectors(path: Path, gone: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    with np.load(path) as file:
        ids, vectors = file["ids"], file["vectors"]
    keep = ~np.isin(ids, gone)
    if keep.all():
        return
    fresh = path.with_name(path.name + FRESH)
    with fresh.open("wb") as out:
        np.savez(out, ids=ids[keep], vectors=vectors[keep])
    fresh.replace(path)


def _clear_index(directory: Path, gone: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """The export's index, built anew from what it holds itself."""
    fresh = directory / FRESH
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        old = index.Index.load(directory)
    except IndexUnusable:  # half replaced by a process that was killed: it can be made again from the rest
        for name in (*layout.INDEX_FILES, INDEX):
            _remove(directory / name)
        return
    if not np.isin(old.ids, gone).any():
        return
    index.build(
        _parts(directory, old, gone),
        fresh,
        embedder_id=old.embedder_id,
        dimension=old.dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
        only_exact=True,
    )
    (directory / IDS).unlink()  # half an index is none: see above
    for path in fresh.iterdir():
        _remove(directory / path.name)
    for path in sorted(fresh.iterdir(), key=lambda each: each.name == IDS):
        path.rename(directory / path.name)
    fresh.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _parts(
    directory: Path, old: index.Index, gone: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Iterator[index.Part]:
    import pandas as pd

    files = sorted((directory / index.files.METADATA).glob("*.parquet"))
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
