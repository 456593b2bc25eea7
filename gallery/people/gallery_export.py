"""Exports the whole gallery to a new directory, completely or not at all, and erases people from such directories.

::

    people/<name>/<number>.jpg          the references' pictures, a folder per person
    people.csv, references.csv          every column; lists and texts of JSON as JSON
    img_emb/ metadata/ knn.index infos.json ids.npy persons.npy
                                        the index of approved references, row by row, as AutoFaiss built it
    vectors/<embedder id>.npz           ids and vectors of every reference, the others' too"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Model
from numpy.typing import NDArray

from gallery.index import engine
from gallery.index.live import stream_vector_parts
from gallery.models import Person, Reference, ReferenceVector, SiteSetting
from gallery.models.history import get_site_setting
from recognition import index
from recognition.errors import IndexUnusable, RecognitionError
from recognition.index import builder
from recognition.index.files import (
    IDS_FILE,
    INDEX_FILE,
    METADATA_FOLDER,
    PARTIAL_PREFIX,
    create_build_directory,
)

PEOPLE_FOLDER, VECTORS_FOLDER = "people", "vectors"
PEOPLE_CSV, REFERENCES_CSV = "people.csv", "references.csv"
INDEX_FILES = ("img_emb", METADATA_FOLDER, IDS_FILE, "persons.npy", "infos.json", INDEX_FILE)
PERSON_COLUMNS = ("name", "note", "is_hidden", "is_recognised", "consent_note", "consent_until", "created_at")
REFERENCE_COLUMNS = (
    *("status", "box", "landmarks", "quality", "score", "source_path"),
    *("source_sha256", "work", "failure", "created_at"),
)
JSON_COLUMNS = {"box", "landmarks", "quality", "score", "is_hidden", "is_recognised"}
EXPORT_CHUNK_SIZE = 2_000
FORBIDDEN_CHARACTERS = dict.fromkeys(map(ord, '/\\:*?"<>|'), "_")


class GalleryUnreadable(RecognitionError):
    """A directory does not hold a gallery that can be imported."""


def format_csv_row(columns: Iterable[str], row: Model) -> dict[str, str]:
    def format_cell(column: str, value: Any) -> str:
        if column in JSON_COLUMNS:
            return json.dumps(value, ensure_ascii=False)
        if value is None:
            return ""
        return value.isoformat() if isinstance(value, date) else str(value)

    return {column: format_cell(column, getattr(row, column)) for column in columns}


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[dict[str, str]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        for count, row in enumerate(rows, 1):  # noqa: B007 -- the last count is what is wanted
            writer.writerow(row)
    return count


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a file of ours; GalleryUnreadable, with the file's name, where it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GalleryUnreadable(f"{path} cannot be read: {error}") from error


@dataclass(slots=True)
class ExportResult:
    people: int = 0
    references: int = 0
    embeddings: int = 0
    indexed: int = 0
    without_picture: list[int] = field(default_factory=list)


def export_gallery(directory: Path) -> ExportResult:
    """Write the gallery to a directory that is not there yet, or empty. Raises FileExistsError otherwise."""
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
    done = ExportResult()
    _remember_export(directory)
    with create_build_directory(directory) as partial, transaction.atomic():
        folders = _write_people(partial, done)
        pictures = _write_references(partial, folders, done)
        _write_vectors(partial, done)
        _write_index(partial, pictures, done)
    return done


def _write_people(partial: Path, done: ExportResult) -> dict[int, str]:
    """The CSV; the folder of each person."""
    folders: dict[int, str] = {}
    taken: set[str] = set()

    def rows() -> Iterator[dict[str, str]]:
        for person in Person.objects.order_by("pk").iterator(EXPORT_CHUNK_SIZE):
            folders[person.pk] = _make_folder_name(person, taken)
            own = {"id": str(person.pk), "cover": str(person.cover_id or "")}
            yield own | format_csv_row(PERSON_COLUMNS, person)

    done.people = write_csv(partial / PEOPLE_CSV, ("id", "cover", *PERSON_COLUMNS), rows())
    return folders


def _make_folder_name(person: Person, taken: set[str]) -> str:
    """The person's name as a folder: no separators, no leading dot, nobody else's on any file system."""
    name = person.name.translate(FORBIDDEN_CHARACTERS).strip(". ")[:100] or f"person {person.pk}"
    if name.casefold() in taken:
        name = f"{name} ({person.pk})"
    taken.add(name.casefold())
    return name


def _write_references(partial: Path, folders: dict[int, str], done: ExportResult) -> dict[int, str]:
    """The CSV and the pictures; where each reference's picture is, "" for those whose file is gone."""
    pictures: dict[int, str] = {}

    def rows() -> Iterator[dict[str, str]]:
        for reference in Reference.objects.order_by("pk").iterator(EXPORT_CHUNK_SIZE):
            file = Path(reference.image.path)
            picture = f"{PEOPLE_FOLDER}/{folders[reference.person_id]}/{reference.pk}{file.suffix}"
            (partial / picture).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(file, partial / picture)
            except FileNotFoundError:
                picture = ""
                done.without_picture.append(reference.pk)
            pictures[reference.pk] = picture
            own = {"id": str(reference.pk), "person": str(reference.person_id), "picture": picture}
            yield own | format_csv_row(REFERENCE_COLUMNS, reference)

    columns = ("id", "person", "picture", *REFERENCE_COLUMNS)
    done.references = write_csv(partial / REFERENCES_CSV, columns, rows())
    return pictures


def _write_vectors(partial: Path, done: ExportResult) -> None:
    folder = partial / VECTORS_FOLDER
    folder.mkdir()
    rows = ReferenceVector.objects.order_by("reference_id")
    for embedder_id in rows.order_by("embedder_id").values_list("embedder_id", flat=True).distinct():
        found = rows.filter(embedder_id=embedder_id).values_list("reference_id", "vector")
        ids, vectors = zip(*found.iterator(EXPORT_CHUNK_SIZE), strict=True)
        done.embeddings += len(ids)
        np.savez(folder / f"{embedder_id}.npz", ids=np.array(ids, np.int64), vectors=np.stack(vectors))


def _write_index(partial: Path, pictures: dict[int, str], done: ExportResult) -> None:
    """An index of what is searchable, in the export's own rows and picture paths."""
    embedder = engine.get_serving_embedder()
    parts = stream_vector_parts(embedder.id, pictures)
    done.indexed = _build_exact_index(parts, partial / "index", embedder.id, embedder.dimension)
    for path in (partial / "index").iterdir():
        path.rename(partial / path.name)
    (partial / "index").rmdir()


def _build_exact_index(parts: Iterable[index.Part], directory: Path, embedder_id: str, dimension: int) -> int:
    figures = builder.build(
        parts,
        directory,
        embedder_id=embedder_id,
        dimension=dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
        only_exact=True,
    )
    return figures.count


EXPORT_FOLDERS_KEY = "exports"  # the SiteSetting with the folders that an erasure must reach into
NEW_FILE_SUFFIX = ".facesite-new"


def _remember_export(directory: Path) -> None:
    """Call it before anything is written there."""
    known = {*_list_known_exports(), str(directory)}
    SiteSetting.objects.update_or_create(pk=EXPORT_FOLDERS_KEY, defaults={"value": sorted(known)})


def _list_known_exports() -> list[str]:
    value = get_site_setting(EXPORT_FOLDERS_KEY, [])
    return [str(each) for each in value] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """Numbers of people and references, and names of photos that references were cut from."""

    people: set[int]
    references: set[int]
    photos: set[str]

    def include(self, row: dict[str, str]) -> bool:
        """Whether this line of the references is gone."""
        return int(row["person"]) in self.people or int(row["id"]) in self.references

    def redact_source(self, row: dict[str, str]) -> dict[str, str]:
        return {**row, "source_path": ""} if row["source_path"] in self.photos else row


def remove_from_exports(erased: ErasedRows) -> tuple[int, int]:
    """Take these out of every export that is still there; how many held them, and how many cannot be found.

    An export that is being written is given up: it would hold what was erased. Raises OSError where a folder
    may not be written to.
    """
    cleared, unreached = 0, 0
    for directory in map(Path, _list_known_exports()):
        for partial in directory.parent.glob(f"{PARTIAL_PREFIX}{directory.name}-*"):
            shutil.rmtree(partial, ignore_errors=True)
        if not (directory / REFERENCES_CSV).is_file():
            unreached += 1
        else:
            cleared += _remove_from_export(directory, erased)
    return cleared, unreached


def _remove_from_export(directory: Path, erased: ErasedRows) -> bool:
    """The lists last: they say what there is to clear, should this be stopped before its end."""
    people, rows = list(read_csv(directory / PEOPLE_CSV)), list(read_csv(directory / REFERENCES_CSV))
    kept_people = [row for row in people if int(row["id"]) not in erased.people]
    kept = [erased.redact_source(row) for row in rows if not erased.include(row)]
    if (kept_people, kept) == (people, rows):
        return False
    gone = [row for row in rows if erased.include(row)]
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
    _rewrite_csv(directory / REFERENCES_CSV, kept)
    _rewrite_csv(directory / PEOPLE_CSV, kept_people)
    return True


def _rewrite_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        columns = file.readline().strip().split(",")
    fresh = path.with_name(path.name + NEW_FILE_SUFFIX)
    write_csv(fresh, columns, rows)
    fresh.replace(path)


def _remove_vectors(path: Path, gone: NDArray[np.int64]) -> None:
    with np.load(path) as file:
        ids, vectors = file["ids"], file["vectors"]
    keep = ~np.isin(ids, gone)
    if keep.all():
        return
    fresh = path.with_name(path.name + NEW_FILE_SUFFIX)
    with fresh.open("wb") as out:
        np.savez(out, ids=ids[keep], vectors=vectors[keep])
    fresh.replace(path)


def _rebuild_export_index(directory: Path, gone: NDArray[np.int64]) -> None:
    """The export's index, built anew from what it holds itself."""
    fresh = directory / NEW_FILE_SUFFIX
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        old = index.Index.load(directory)
    except IndexUnusable:  # half replaced by a process that was killed: it can be made again from the rest
        for name in INDEX_FILES:
            _remove_path(directory / name)
        return
    if not np.isin(old.ids, gone).any():
        return
    _build_exact_index(_read_remaining_parts(directory, old, gone), fresh, old.embedder_id, old.dimension)
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


def _read_remaining_parts(directory: Path, old: index.Index, gone: NDArray[np.int64]) -> Iterator[index.Part]:
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
