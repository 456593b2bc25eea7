"""Exports the whole gallery to a new directory, completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction

from gallery.index import engine
from gallery.index.live import stream_vector_parts
from gallery.models import Person, Reference, ReferenceVector
from gallery.people.exchange.layout import (
    PEOPLE_CSV,
    PEOPLE_FOLDER,
    PERSON_COLUMNS,
    REFERENCE_COLUMNS,
    REFERENCES_CSV,
    VECTORS_FOLDER,
    format_csv_row,
    write_csv,
)
from gallery.people.exchange.registry import remember_export
from recognition.index import builder
from recognition.index.files import create_build_directory

EXPORT_CHUNK_SIZE = 2_000
FORBIDDEN_CHARACTERS = dict.fromkeys(map(ord, '/\\:*?"<>|'), "_")


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
    remember_export(directory)
    with create_build_directory(directory) as partial, transaction.atomic():
        folders = _write_people(partial, done)
        pictures = _write_references(partial, folders, done)
        _write_vectors(partial, done)
        _write_index(partial, pictures, done)
    return done


def make_folder_name(person: Person, taken: set[str]) -> str:
    """The person's name as a folder: no separators, no leading dot, nobody else's on any file system."""
    name = person.name.translate(FORBIDDEN_CHARACTERS).strip(". ")[:100] or f"person {person.pk}"
    if name.casefold() in taken:
        name = f"{name} ({person.pk})"
    taken.add(name.casefold())
    return name


def _write_people(partial: Path, done: ExportResult) -> dict[int, str]:
    folders: dict[int, str] = {}
    taken: set[str] = set()

    def rows() -> Iterator[dict[str, str]]:
        for person in Person.objects.order_by("pk").iterator(EXPORT_CHUNK_SIZE):
            folders[person.pk] = make_folder_name(person, taken)
            yield {
                "id": str(person.pk),
                "cover": str(person.cover_id or ""),
                **format_csv_row(PERSON_COLUMNS, person),
            }

    columns = ("id", "cover", *PERSON_COLUMNS)
    done.people = write_csv(partial / PEOPLE_CSV, columns, rows())
    return folders


def _write_references(partial: Path, folders: dict[int, str], done: ExportResult) -> dict[int, str]:
    """The CSV and the pictures; where each reference's picture is, "" for those whose file is gone."""
    pictures: dict[int, str] = {}

    def rows() -> Iterator[dict[str, str]]:
        for reference in Reference.objects.order_by("pk").iterator(EXPORT_CHUNK_SIZE):
            suffix = Path(reference.image.path).suffix
            picture = f"{PEOPLE_FOLDER}/{folders[reference.person_id]}/{reference.pk}{suffix}"
            pictures[reference.pk] = picture if _copy_picture(reference, partial / picture) else ""
            if not pictures[reference.pk]:
                done.without_picture.append(reference.pk)
            columns = format_csv_row(REFERENCE_COLUMNS, reference)
            yield {
                "id": str(reference.pk),
                "person": str(reference.person_id),
                "picture": pictures[reference.pk],
                **columns,
            }

    columns = ("id", "person", "picture", *REFERENCE_COLUMNS)
    done.references = write_csv(partial / REFERENCES_CSV, columns, rows())
    return pictures


def _copy_picture(reference: Reference, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(Path(reference.image.path), target)
    except FileNotFoundError:
        return False
    return True


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
    figures = builder.build(
        stream_vector_parts(embedder.id, pictures),
        partial / "index",
        embedder_id=embedder.id,
        dimension=embedder.dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
        only_exact=True,
    )
    done.indexed = figures.count
    for path in (partial / "index").iterdir():
        path.rename(partial / path.name)
    (partial / "index").rmdir()
