"""Exports the whole gallery to a new directory, completely or not at all, and erases people from such directories.

::

    people/<name>/<number>.jpg          the references' pictures, a folder per person
    people.csv, references.csv          every column; lists and texts of JSON as JSON
    img_emb/ metadata/ knn.index infos.json ids.npy persons.npy
                                        the index of approved references, row by row, as AutoFaiss built it
    vectors/<embedder id>.npz           ids and vectors of every reference, the others' too

In the original script's layout pictures are in ``train/``, vectors and metadata in ``embedding_folder/``."""

from __future__ import annotations

import contextlib
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

from gallery.history.redaction import drop_columns_with_names, has_name_in_path
from gallery.index import engine
from gallery.index.contents import stream_reference_parts
from gallery.models import Person, Reference, ReferenceVector, SiteSetting
from gallery.models.history import get_site_setting
from gallery.models.people import get_folder_name
from gallery.people.listed_columns import list_rows
from recognition import index
from recognition.errors import IndexUnusable, RecognitionError
from recognition.index import builder
from recognition.index.files import (
    EMBEDDINGS_FOLDER,
    IDS_FILE,
    INDEX_FILE,
    INFOS_FILE,
    METADATA_FOLDER,
    PARTIAL_PREFIX,
    PERSONS_FILE,
    create_build_directory,
    read_figures,
)

VECTORS_FOLDER = "vectors"
PEOPLE_CSV, REFERENCES_CSV = "people.csv", "references.csv"
INDEX_FILES = (EMBEDDINGS_FOLDER, METADATA_FOLDER, IDS_FILE, PERSONS_FILE, INFOS_FILE, INDEX_FILE)
SCRIPT_FOLDER = "embedding_folder"  # there in the original script's layout only
PERSON_COLUMNS = (
    *("name", "distinction", "born", "note", "is_hidden", "is_recognised"),
    *("consent_note", "consent_until", "created_at"),
)
REFERENCE_COLUMNS = (
    *("status", "box", "landmarks", "quality", "score", "source_path"),
    *("source_sha256", "source_columns", "work", "failure", "created_at"),
)
JSON_COLUMNS = {"box", "landmarks", "quality", "score", "source_columns", "is_hidden", "is_recognised"}
EXPORT_CHUNK_SIZE = 2_000


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


def read_source_columns(row: dict[str, str]) -> dict[str, Any]:
    """Those of a line of the references; exports of earlier versions have none."""
    columns: dict[str, Any] = json.loads(row.get("source_columns") or "{}")
    return columns


@dataclass(slots=True)
class ExportResult:
    people: int = 0
    references: int = 0
    embeddings: int = 0
    indexed: int = 0
    without_picture: list[int] = field(default_factory=list)


def export_gallery(
    directory: Path, *, is_script_layout: bool = False, is_half_precision: bool = False
) -> ExportResult:
    """Write the gallery to a directory that is not there yet, or empty. Raises FileExistsError otherwise.

    `is_half_precision`: the vectors in ``img_emb/``, as clip-retrieval writes them; not those of the index.
    """
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
    done = ExportResult()
    _remember_export(directory)
    with create_build_directory(directory) as partial, transaction.atomic():
        folders = _write_people(partial, done)
        pictures = _write_references(partial, "train" if is_script_layout else "people", folders, done)
        _write_vectors(partial, done)
        if is_script_layout:
            (partial / SCRIPT_FOLDER).mkdir()
            # As the script had them: from the directory in which the export lies.
            pictures = {pk: path and f"{directory.name}/{path}" for pk, path in pictures.items()}
        _write_index(partial, pictures, is_half_precision, done)
    return done


def _write_people(partial: Path, done: ExportResult) -> dict[int, str]:
    """The CSV; the folder of each person."""
    folders: dict[int, str] = {}
    taken: set[str] = set()

    def rows() -> Iterator[dict[str, str]]:
        people = Person.objects.order_by("pk").prefetch_related("other_names", "memberships__group")
        for person in people.iterator(EXPORT_CHUNK_SIZE):
            folders[person.pk] = _make_folder_name(person, taken)
            own = {"id": str(person.pk), "cover": str(person.cover_id or "")}
            own["other_names"] = json.dumps(
                [name for [name] in list_rows(person, "other_names")], ensure_ascii=False
            )
            own["groups"] = json.dumps(list_rows(person, "groups"), ensure_ascii=False)
            yield own | format_csv_row(PERSON_COLUMNS, person)

    columns = ("id", "cover", "other_names", "groups", *PERSON_COLUMNS)
    done.people = write_csv(partial / PEOPLE_CSV, columns, rows())
    return folders


def _make_folder_name(person: Person, taken: set[str]) -> str:
    """The person's label as a folder that is nobody else's on any file system."""
    name = get_folder_name(person.label) or f"person {person.pk}"
    if name.casefold() in taken:
        name = f"{name} ({person.pk})"
    taken.add(name.casefold())
    return name


def _write_references(
    partial: Path, inside: str, folders: dict[int, str], done: ExportResult
) -> dict[int, str]:
    """The CSV and the pictures; where each reference's picture is, "" for those whose file is gone."""
    pictures: dict[int, str] = {}

    def rows() -> Iterator[dict[str, str]]:
        for reference in Reference.objects.order_by("pk").iterator(EXPORT_CHUNK_SIZE):
            file = Path(reference.image.path)
            picture = f"{inside}/{folders[reference.person_id]}/{reference.pk}{file.suffix}"
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


def _write_index(
    partial: Path, pictures: dict[int, str], is_half_precision: bool, done: ExportResult
) -> None:
    """An index of what is searchable, in the export's own rows and picture paths."""
    embedder = engine.get_serving_embedder()
    parts = stream_reference_parts(embedder.id, pictures)
    done.indexed = _build_exact_index(parts, partial / "index", embedder.id, embedder.dimension)
    _place_index(partial / "index", partial, is_half_precision)


def _place_index(built: Path, directory: Path, is_half_precision: bool) -> None:
    """Give the files of a new index their places, in the place of others; the ids last."""
    for path in sorted(built.iterdir(), key=lambda each: each.name == IDS_FILE):
        if path.name == EMBEDDINGS_FOLDER and is_half_precision:
            for file in path.iterdir():
                np.save(file, np.load(file).astype(np.float16))
        path.rename(_get_index_path(directory, path.name))
    built.rmdir()


def _get_index_path(directory: Path, name: str) -> Path:
    is_inside = name in (EMBEDDINGS_FOLDER, METADATA_FOLDER) and (directory / SCRIPT_FOLDER).is_dir()
    return directory / SCRIPT_FOLDER / name if is_inside else directory / name


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
    names: frozenset[str] = frozenset()

    def include(self, row: dict[str, str]) -> bool:
        """Whether this line of the references is gone."""
        return int(row["person"]) in self.people or int(row["id"]) in self.references

    def redact_source(self, row: dict[str, str]) -> dict[str, str]:
        path = row["source_path"]
        if path in self.photos or (self.people and has_name_in_path(path, self.names)):
            path = ""
        columns = drop_columns_with_names(read_source_columns(row), self.names)
        return {**row, "source_path": path, "source_columns": json.dumps(columns, ensure_ascii=False)}


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
    _rebuild_export_index(directory, kept, {row["id"]: row["name"] for row in kept_people})
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


def _rebuild_export_index(directory: Path, kept: list[dict[str, str]], names: dict[str, str]) -> None:
    """The export's index, built anew from what it holds itself: lines of the CSV, and names by people's numbers."""
    fresh = directory / NEW_FILE_SUFFIX
    shutil.rmtree(fresh, ignore_errors=True)
    part, figures, is_half_precision = None, None, False
    with contextlib.suppress(IndexUnusable, OSError, KeyError):  # half replaced by a process that was killed
        figures = read_figures(directory)
        vectors_file = next(_get_index_path(directory, EMBEDDINGS_FOLDER).glob("*.npy"))
        is_half_precision = np.load(vectors_file, mmap_mode="r").dtype == np.float16
        part = _read_remaining_part(directory, figures, kept, names)
    if figures and part:
        _build_exact_index([part], fresh, figures.embedder_id, figures.dimension)
    (directory / IDS_FILE).unlink(missing_ok=True)  # half an index is none
    for name in INDEX_FILES:
        _remove_path(_get_index_path(directory, name))
    if fresh.is_dir():
        _place_index(fresh, directory, is_half_precision)


def _remove_path(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read_remaining_part(
    directory: Path, figures: index.BuildFigures, kept: list[dict[str, str]], names: dict[str, str]
) -> index.Part:
    indexed = set(np.load(directory / IDS_FILE).tolist())
    rows = [row for row in kept if int(row["id"]) in indexed]
    before = f"{directory.name}/" if (directory / SCRIPT_FOLDER).is_dir() else ""
    with np.load(directory / VECTORS_FOLDER / f"{figures.embedder_id}.npz") as file:
        vectors = dict(zip(file["ids"].tolist(), file["vectors"], strict=True))
    return index.Part(
        np.array([int(row["id"]) for row in rows], np.int64),
        np.array([int(row["person"]) for row in rows], np.int64),
        np.array([vectors[int(row["id"])] for row in rows], np.float32).reshape(-1, figures.dimension),
        [row["picture"] and before + row["picture"] for row in rows],
        [names[row["person"]] for row in rows],
        [read_source_columns(row) for row in rows],
    )
