"""A directory that `export_gallery` wrote, taken into this gallery.

People are recognised by name, references by their picture; what is there already is left as it is, so an
import may be repeated, and one that was interrupted goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from gallery import changes, engine, queries, storage
from gallery.models import Person, Reference, ReferenceVector, Status
from gallery.pipeline.exchange import layout
from gallery.pipeline.exchange.checking import Checked, Picture, check
from gallery.pipeline.exchange.placeholder import placeholder
from gallery.vectors import to_bytes
from recognition.types import Box, Embeddings

BATCH = 200


@dataclass(slots=True)
class Imported:
    people: int = 0  # new ones
    added: int = 0
    already: int = 0
    without_picture: int = 0
    checked: Checked = field(default_factory=lambda: Checked(0, None))


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of one embedder by the exported reference's number."""

    rows: dict[int, int]
    vectors: Embeddings

    def get(self, reference: int) -> NDArray[np.float32] | None:
        return self.vectors[self.rows[reference]] if reference in self.rows else None


def is_ours(directory: Path) -> bool:
    return (directory / layout.REFERENCES_CSV).is_file()


def import_gallery(directory: Path) -> Imported:
    """Take in people, references, statuses and embeddings. The index is then built from the database.

    Raises EmbedderMismatch where vectors are not what they are said to be, before anything has changed, and
    GalleryUnreadable for a directory that is incomplete; what was stored by then is whole and stays.
    """
    done = Imported()
    try:
        vectors = _read_vectors(directory)
        rows = list(layout.read_csv(directory / layout.REFERENCES_CSV))
        done.checked = _check(directory, rows, vectors)
        people = _import_people(directory, done)
        numbers: dict[int, int] = {}
        remaining = iter(rows)
        while batch := list(islice(remaining, BATCH)):
            numbers |= _import_batch(directory, batch, people, vectors, done)
        _set_covers(directory, people, numbers)
    except (KeyError, ValueError) as error:
        raise layout.GalleryUnreadable(f"{directory} is not a whole export: {error!r}") from error
    return done


def _read_vectors(directory: Path) -> dict[str, Vectors]:
    found = {}
    for path in sorted((directory / layout.VECTORS).glob("*.npz")):
        with np.load(path) as file:
            rows = {int(pk): row for row, pk in enumerate(file["ids"])}
            found[path.stem] = Vectors(rows, np.ascontiguousarray(file["vectors"], np.float32))
    return found


def _check(directory: Path, rows: list[dict[str, str]], vectors: dict[str, Vectors]) -> Checked:
    """Embed a sample again, if the vectors are said to be of the embedder that serves here."""
    embedder = engine.serving()
    ours = vectors.get(embedder.id)
    if ours is None or not ours.rows:
        return Checked(0, None)
    pictures: list[Picture | None] = [None] * len(ours.vectors)
    for row in rows:
        at, box = ours.rows.get(int(row["id"])), json.loads(row["box"])
        if at is not None and box and row["picture"]:
            landmarks = np.array(json.loads(row["landmarks"]), np.float32)
            pictures[at] = Picture(directory / row["picture"], Box(*box), landmarks)
    return check(embedder, pictures, ours.vectors)


@transaction.atomic
def _import_people(directory: Path, done: Imported) -> dict[int, Person]:
    people = {}
    for row in layout.read_csv(directory / layout.PEOPLE_CSV):
        values = layout.values_of(layout.PERSON_COLUMNS, row)
        person = queries.find_person(values["name"])
        if person is None:
            person = Person(**{name: value for name, value in values.items() if name != "created_at"})
            person.set_name(values["name"])
            person.save()
            Person.objects.filter(pk=person.pk).update(created_at=values["created_at"])
            done.people += 1
        people[int(row["id"])] = person
    return people


@dataclass(frozen=True, slots=True)
class New:
    """A reference to be stored, its number in the export, and when it was made."""

    number: int
    reference: Reference
    created_at: datetime


def _import_batch(
    directory: Path,
    batch: list[dict[str, str]],
    people: dict[int, Person],
    vectors: dict[str, Vectors],
    done: Imported,
) -> dict[int, int]:
    """Store some references as one transaction; exported number to number here, of the new ones."""
    new: list[New] = []
    try:
        for row in batch:
            values = layout.values_of(layout.REFERENCE_COLUMNS, row)
            person = people[int(row["person"])]
            content = _content(directory, row["picture"])
            if _is_there(person, content, values):
                done.already += 1
                continue
            done.without_picture += content is None
            reference = _reference(person, row["picture"], content, values)
            new.append(New(int(row["id"]), reference, values["created_at"]))
        numbers = _store(new, vectors)
    except BaseException:
        for each in new:
            storage.remove(each.reference.image)
        raise
    done.added += len(new)
    return numbers


@transaction.atomic
def _store(new: list[New], vectors: dict[str, Vectors]) -> dict[int, int]:
    references = Reference.objects.bulk_create([each.reference for each in new])
    for reference, each in zip(references, new, strict=True):
        reference.created_at = each.created_at
    Reference.objects.bulk_update(references, ["created_at"])
    numbers = {each.number: reference.pk for each, reference in zip(new, references, strict=True)}
    ReferenceVector.objects.bulk_create(_vector_rows(numbers, vectors))
    approved = [each for each in references if each.status == Reference.Judgement.APPROVED]
    changes.record(changes.Kind.ADDED, approved)
    return numbers


def _content(directory: Path, picture: str) -> bytes | None:
    """The picture's bytes; None where there is none. Only files of the export are read."""
    if not picture:
        return None
    path = (directory / picture).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise ValueError(f"{picture} lies outside the directory")
    try:
        return path.read_bytes()
    except OSError as error:
        raise layout.GalleryUnreadable(f"{path} cannot be read: {error.strerror or error}") from error


def _is_there(person: Person, content: bytes | None, values: dict[str, Any]) -> bool:
    rows = person.references
    if content is not None:
        return rows.filter(sha256=hashlib.sha256(content).hexdigest()).exists()
    same = {name: values[name] for name in ("source_sha256", "source_path")}
    return any(same.values()) and rows.filter(**same).exists()


def _reference(person: Person, picture: str, content: bytes | None, values: dict[str, Any]) -> Reference:
    suffix = Path(picture).suffix if content is not None else ".png"
    name = storage.reference_name(suffix)
    sha256 = storage.write(name, content if content is not None else placeholder())
    status = Status.QUEUED if values["work"] == Status.PROCESSING else values["work"]
    columns = {name: value for name, value in values.items() if name not in ("work", "created_at")}
    return Reference(person=person, image=name, sha256=sha256, work=status, **columns)


def _vector_rows(numbers: dict[int, int], vectors: dict[str, Vectors]) -> Iterator[ReferenceVector]:
    for embedder_id, found in vectors.items():
        for old, new in numbers.items():
            if (vector := found.get(old)) is not None:
                yield ReferenceVector(reference_id=new, embedder_id=embedder_id, vector=to_bytes(vector))


@transaction.atomic
def _set_covers(directory: Path, people: dict[int, Person], numbers: dict[int, int]) -> None:
    for row in layout.read_csv(directory / layout.PEOPLE_CSV):
        if row["cover"] and int(row["cover"]) in numbers:
            person = people[int(row["id"])]
            Person.objects.filter(pk=person.pk, cover=None).update(cover=numbers[int(row["cover"])])
