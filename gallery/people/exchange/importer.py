"""Imports a directory that `export_gallery` wrote.

People are matched by name, references by their picture; what is there already stays as it is, so an import may be
repeated, and one that was interrupted goes on. A sample of the pictures is embedded again first, to check that the
vectors were made by the embedder they claim."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from gallery.index import engine
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.models import Person, Reference, ReferenceVector, Status
from gallery.models.storage import build_reference_name, remove_file, write_file
from gallery.people.crops import shrink_image
from gallery.people.exchange.layout import (
    PEOPLE_CSV,
    PERSON_COLUMNS,
    REFERENCE_COLUMNS,
    REFERENCES_CSV,
    VECTORS_FOLDER,
    GalleryUnreadable,
    make_placeholder_image,
    parse_csv_row,
    read_csv,
)
from gallery.people.selectors import find_person_by_name
from recognition.errors import EmbedderMismatch, ImageError
from recognition.mainface import NoFaceFound, SeveralFaces, assume_landmarks, find_main_face
from recognition.types import Box, Embedder, Embeddings, FaceCrop, Image, Landmarks

VECTOR_SAMPLE_SIZE = 20  # pictures
MIN_MEDIAN_SIMILARITY = (
    0.97  # cosine that half of them must reach: other resizing and half precision cost a little
)
MAX_SAMPLE_SIDE = 1_600  # pixels


@dataclass(frozen=True, slots=True)
class SamplePicture:
    """A picture at hand; the face in it where that is known."""

    path: Path
    box: Box | None = None
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class VectorCheck:
    pictures: int  # how many could be compared
    similarity: float | None  # median cosine of the given vector and ours; None without pictures


def check_imported_vectors(
    embedder: Embedder, pictures: Sequence[SamplePicture | None], vectors: Embeddings
) -> VectorCheck:
    """Compare a sample; raises EmbedderMismatch when the vectors are plainly not this embedder's."""
    if vectors.shape[1] != embedder.dimension:
        raise EmbedderMismatch(
            f"The vectors have {vectors.shape[1]} numbers and those of {embedder.name} {embedder.dimension}; "
            "name the embedder that made them."
        )
    at_hand = [row for row, picture in enumerate(pictures) if picture and picture.path.is_file()]
    chosen: list[int] = (
        np.random.default_rng(0).permutation(at_hand)[:VECTOR_SAMPLE_SIZE].astype(int).tolist()
    )
    found = [
        similarity
        for row in chosen
        if (picture := pictures[row])
        and (similarity := _compare_with_picture(embedder, picture, vectors[row])) is not None
    ]
    if not found:
        return VectorCheck(0, None)
    median = float(np.median(found))
    if median < MIN_MEDIAN_SIMILARITY:
        raise EmbedderMismatch(
            f"Of {len(found)} pictures embedded again by {embedder.name}, half have a cosine below "
            f"{median:.3f} with the given vectors, so another model or preprocessing made those. "
            "Name the right embedder, or import the pictures with import_people."
        )
    return VectorCheck(len(found), median)


def _compare_with_picture(embedder: Embedder, picture: SamplePicture, vector: Embeddings) -> float | None:
    """The best cosine over the ways a crop may have been made of the picture; None if it is unreadable."""
    try:
        pixels = engine.read_photo(picture.path).pixels
    except (ImageError, OSError):
        return None
    if picture.box is not None and picture.landmarks is not None:
        crops = [FaceCrop(pixels, picture.box, picture.landmarks)]
    else:
        crops = _guess_face_crops(shrink_image(pixels, MAX_SAMPLE_SIDE / max(pixels.shape[:2])))
    return float(np.max(embedder.embed(crops) @ vector))


def _guess_face_crops(pixels: Image) -> list[FaceCrop]:
    """The whole picture, as clip-retrieval embeds it, and the face that is found in it."""
    height, width = pixels.shape[:2]
    crops = [FaceCrop(pixels, Box(0, 0, width, height), assume_landmarks(width, height))]
    try:
        face = find_main_face(pixels, engine.get_detector())
    except NoFaceFound:
        return crops
    except SeveralFaces as error:
        face = error.face
    return [*crops, FaceCrop(pixels, face.box, face.landmarks)]


IMPORT_BATCH_SIZE = 200


@dataclass(slots=True)
class ImportResult:
    people: int = 0  # new ones
    added: int = 0
    already: int = 0
    without_picture: int = 0
    checked: VectorCheck = field(default_factory=lambda: VectorCheck(0, None))


@dataclass(frozen=True, slots=True)
class ExportedVectors:
    """The vectors of one embedder by the exported reference's number."""

    rows: dict[int, int]
    vectors: Embeddings

    def get(self, reference: int) -> NDArray[np.float32] | None:
        return self.vectors[self.rows[reference]] if reference in self.rows else None


def is_gallery_export(directory: Path) -> bool:
    return (directory / REFERENCES_CSV).is_file()


def import_gallery(directory: Path) -> ImportResult:
    """Take in people, references, statuses and embeddings. The index is then built from the database.

    Raises EmbedderMismatch where vectors are not what they are said to be, before anything has changed, and
    GalleryUnreadable for a directory that is incomplete; what was stored by then is whole and stays.
    """
    done = ImportResult()
    try:
        vectors = _read_vectors(directory)
        rows = list(read_csv(directory / REFERENCES_CSV))
        done.checked = _check_exported_vectors(directory, rows, vectors)
        people = _import_people(directory, done)
        numbers: dict[int, int] = {}
        remaining = iter(rows)
        while batch := list(islice(remaining, IMPORT_BATCH_SIZE)):
            numbers |= _import_batch(directory, batch, people, vectors, done)
        _set_covers(directory, people, numbers)
    except (KeyError, ValueError) as error:
        raise GalleryUnreadable(f"{directory} is not a whole export: {error!r}") from error
    return done


def _read_vectors(directory: Path) -> dict[str, ExportedVectors]:
    found = {}
    for path in sorted((directory / VECTORS_FOLDER).glob("*.npz")):
        with np.load(path) as file:
            rows = {int(pk): row for row, pk in enumerate(file["ids"])}
            found[path.stem] = ExportedVectors(rows, np.ascontiguousarray(file["vectors"], np.float32))
    return found


def _check_exported_vectors(
    directory: Path, rows: list[dict[str, str]], vectors: dict[str, ExportedVectors]
) -> VectorCheck:
    """Embed a sample again, if the vectors are said to be of the embedder that serves here."""
    embedder = engine.get_serving_embedder()
    ours = vectors.get(embedder.id)
    if ours is None or not ours.rows:
        return VectorCheck(0, None)
    pictures: list[SamplePicture | None] = [None] * len(ours.vectors)
    for row in rows:
        at, box = ours.rows.get(int(row["id"])), json.loads(row["box"])
        if at is not None and box and row["picture"]:
            landmarks = np.array(json.loads(row["landmarks"]), np.float32)
            pictures[at] = SamplePicture(directory / row["picture"], Box(*box), landmarks)
    return check_imported_vectors(embedder, pictures, ours.vectors)


@transaction.atomic
def _import_people(directory: Path, done: ImportResult) -> dict[int, Person]:
    people = {}
    for row in read_csv(directory / PEOPLE_CSV):
        values = parse_csv_row(PERSON_COLUMNS, row)
        person = find_person_by_name(values["name"])
        if person is None:
            person = Person(**{name: value for name, value in values.items() if name != "created_at"})
            person.set_name(values["name"])
            person.save()
            Person.objects.filter(pk=person.pk).update(created_at=values["created_at"])
            done.people += 1
        people[int(row["id"])] = person
    return people


@dataclass(frozen=True, slots=True)
class NewReference:
    """A reference to be stored, its number in the export, and when it was made."""

    number: int
    reference: Reference
    created_at: datetime


def _import_batch(
    directory: Path,
    batch: list[dict[str, str]],
    people: dict[int, Person],
    vectors: dict[str, ExportedVectors],
    done: ImportResult,
) -> dict[int, int]:
    """Store some references as one transaction; exported number to number here, of the new ones."""
    new: list[NewReference] = []
    try:
        for row in batch:
            values = parse_csv_row(REFERENCE_COLUMNS, row)
            person = people[int(row["person"])]
            content = _read_picture(directory, row["picture"])
            if _is_already_stored(person, content, values):
                done.already += 1
                continue
            done.without_picture += content is None
            reference = _build_reference(person, row["picture"], content, values)
            new.append(NewReference(int(row["id"]), reference, values["created_at"]))
        numbers = _store_references(new, vectors)
    except BaseException:
        for each in new:
            remove_file(str(each.reference.image))
        raise
    done.added += len(new)
    return numbers


@transaction.atomic
def _store_references(new: list[NewReference], vectors: dict[str, ExportedVectors]) -> dict[int, int]:
    references = Reference.objects.bulk_create([each.reference for each in new])
    for reference, each in zip(references, new, strict=True):
        reference.created_at = each.created_at
    Reference.objects.bulk_update(references, ["created_at"])
    numbers = {each.number: reference.pk for each, reference in zip(new, references, strict=True)}
    ReferenceVector.objects.bulk_create(_build_vector_rows(numbers, vectors))
    approved = [each for each in references if each.status == Reference.Judgement.APPROVED]
    record_reference_changes(ChangeKind.ADDED, approved)
    return numbers


def _read_picture(directory: Path, picture: str) -> bytes | None:
    """The picture's bytes; None where there is none. Only files of the export are read."""
    if not picture:
        return None
    path = (directory / picture).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise ValueError(f"{picture} lies outside the directory")
    try:
        return path.read_bytes()
    except OSError as error:
        raise GalleryUnreadable(f"{path} cannot be read: {error.strerror or error}") from error


def _is_already_stored(person: Person, content: bytes | None, values: dict[str, Any]) -> bool:
    rows = person.references
    if content is not None:
        return rows.filter(sha256=hashlib.sha256(content).hexdigest()).exists()
    same = {name: values[name] for name in ("source_sha256", "source_path")}
    return any(same.values()) and rows.filter(**same).exists()


def _build_reference(
    person: Person, picture: str, content: bytes | None, values: dict[str, Any]
) -> Reference:
    suffix = Path(picture).suffix if content is not None else ".png"
    name = build_reference_name(suffix)
    sha256 = write_file(name, content if content is not None else make_placeholder_image())
    status = Status.QUEUED if values["work"] == Status.PROCESSING else values["work"]
    columns = {name: value for name, value in values.items() if name not in ("work", "created_at")}
    return Reference(person=person, image=name, sha256=sha256, work=status, **columns)


def _build_vector_rows(
    numbers: dict[int, int], vectors: dict[str, ExportedVectors]
) -> Iterator[ReferenceVector]:
    for embedder_id, found in vectors.items():
        for old, new in numbers.items():
            if (vector := found.get(old)) is not None:
                yield ReferenceVector(reference_id=new, embedder_id=embedder_id, vector=vector)


@transaction.atomic
def _set_covers(directory: Path, people: dict[int, Person], numbers: dict[int, int]) -> None:
    for row in read_csv(directory / PEOPLE_CSV):
        if row["cover"] and int(row["cover"]) in numbers:
            person = people[int(row["id"])]
            Person.objects.filter(pk=person.pk, cover=None).update(cover=numbers[int(row["cover"])])
