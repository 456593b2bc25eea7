"""Imports directories that `export_gallery` wrote; `script_import` takes those that were made elsewhere.

People are matched by name, references by their picture; what is there already stays as it is, so an import may be
repeated, and one that was interrupted goes on. A sample of the pictures is embedded again first, to check that the
vectors were made by the embedder they claim."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from django.db import transaction

from gallery.core.erased import describe_erased
from gallery.core.exceptions import FileWasErased, NameAmbiguous, NameWasErased
from gallery.faces.namesakes import hold_name
from gallery.history.changeset import ChangeSet
from gallery.history.erased import ask_before_return
from gallery.index import engine
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.models import Person, Reference, ReferenceVector, Status
from gallery.models.clock import get_site_time
from gallery.models.labels import LabelParts
from gallery.models.people import get_name_key
from gallery.models.storage import build_reference_name, remove_file, write_file
from gallery.people.gallery_export import (
    JSON_COLUMNS,
    PEOPLE_CSV,
    PERSON_COLUMNS,
    REFERENCE_COLUMNS,
    REFERENCES_CSV,
    VECTORS_FOLDER,
    GalleryUnreadable,
    read_csv,
)
from gallery.people.listed_columns import store_listed_rows
from gallery.people.services import import_person, store_imported_person
from recognition import images
from recognition.errors import EmbedderMismatch, ImageError
from recognition.mainface import NoFaceFound, SeveralFaces, assume_landmarks, find_main_face
from recognition.types import Box, Embedder, Embeddings, FaceCrop, Image, Landmarks

VECTOR_SAMPLE_SIZE = 20  # pictures
# Cosine that half of them must reach: other resizing and half precision cost a little.
MIN_MEDIAN_SIMILARITY = 0.97
MAX_SAMPLE_SIDE = 1_600  # pixels
IMPORT_BATCH_SIZE = 200

Row = TypeVar("Row")
Vectors = dict[int, Embeddings]  # one vector each, by the exported reference's number


@dataclass(frozen=True, slots=True)
class SamplePicture:
    """A picture at hand; the face in it where that is known."""

    path: Path
    box: Box | None = None
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class VectorCheck:
    pictures: int = 0  # how many could be compared
    similarity: float | None = None  # median cosine of the given vector and ours; None without pictures


@dataclass(slots=True)
class ImportResult:
    people: int = 0  # new ones
    added: int = 0
    already: int = 0
    pictures: int = 0  # stored now, some of them with references that had none
    without_picture: int = 0  # references of the directory that still have none
    renamed: dict[str, str] = field(default_factory=dict)  # names of people who have another one by now
    skipped: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, str]] = field(default_factory=list)  # for somebody's decision: erased here before
    checked: VectorCheck = field(default_factory=VectorCheck)


@dataclass(frozen=True, slots=True)
class NewReference:
    """A reference to be stored, with its vectors by embedder id."""

    reference: Reference
    vectors: Mapping[str, Embeddings]
    number: int = 0  # in the export
    created_at: datetime = field(default_factory=get_site_time)


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

        def build(row: dict[str, str]) -> NewReference | None:
            person = people[int(row["person"])]
            return _build_exported_reference(directory, row, person, vectors, done) if person else None

        _set_covers(directory, people, import_in_batches(rows, build, done))
    except (KeyError, ValueError) as error:
        raise GalleryUnreadable(f"{directory} is not a whole export: {error!r}") from error
    return done


def check_imported_vectors(
    embedder: Embedder, pictures: Mapping[int, SamplePicture], vectors: Vectors
) -> VectorCheck:
    """Compare a sample; raises EmbedderMismatch when the vectors are plainly not this embedder's."""
    for vector in islice(vectors.values(), 1):  # all are rows of one array
        check_dimension(embedder, len(vector))
    at_hand = [row for row, picture in pictures.items() if picture.path.is_file()]
    chosen = np.random.default_rng(0).permutation(np.array(at_hand, np.int64))[:VECTOR_SAMPLE_SIZE]
    compared = [_compare_with_picture(embedder, pictures[row], vectors[row]) for row in chosen.tolist()]
    found = [similarity for similarity in compared if similarity is not None]
    if not found:
        return VectorCheck()
    median = float(np.median(found))
    if median < MIN_MEDIAN_SIMILARITY:
        raise EmbedderMismatch(
            f"Of {len(found)} pictures embedded again by {embedder.name}, half have a cosine below "
            f"{median:.3f} with the given vectors, so another model or preprocessing made those. "
            "Name the right embedder, or import the pictures with import_people."
        )
    return VectorCheck(len(found), median)


def check_dimension(embedder: Embedder, dimension: int) -> None:
    if dimension != embedder.dimension:
        raise EmbedderMismatch(
            f"The vectors have {dimension} numbers and those of {embedder.name} {embedder.dimension}; "
            "name the embedder that made them."
        )


def _compare_with_picture(embedder: Embedder, picture: SamplePicture, vector: Embeddings) -> float | None:
    """The best cosine over the ways a crop may have been made of the picture; None if it is unreadable."""
    try:
        pixels = engine.read_photo(picture.path).pixels
    except (ImageError, OSError):
        return None
    if picture.box is not None and picture.landmarks is not None:
        crops = [FaceCrop(pixels, picture.box, picture.landmarks)]
    else:
        crops = _guess_face_crops(images.shrink_pixels(pixels, MAX_SAMPLE_SIDE))
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


def import_in_batches(
    rows: Iterable[Row], build: Callable[[Row], NewReference | None], done: ImportResult
) -> dict[int, int]:
    """Store what `build` makes of the rows (None: it is there already); exported number to number here.

    A batch is one transaction; the pictures of what is not stored are removed.
    """
    numbers: dict[int, int] = {}
    remaining = iter(rows)
    while batch := list(islice(remaining, IMPORT_BATCH_SIZE)):
        new: list[NewReference] = []
        waiting = len(done.waiting)
        try:
            for row in batch:
                try:
                    made = build(row)
                except FileWasErased as error:
                    done.waiting.append({"path": error.params["file"], "reason": describe_erased(error)})
                    continue
                if made:
                    new.append(made)
            _store_references(new)
        except BaseException:
            for each in new:
                remove_file(str(each.reference.image))
            raise
        done.added += len(new)
        done.already += len(batch) - len(new) - (len(done.waiting) - waiting)
        numbers |= {each.number: each.reference.pk for each in new}
    return numbers


@transaction.atomic
def _store_references(new: list[NewReference]) -> None:
    references = Reference.objects.bulk_create([each.reference for each in new])
    for each in new:
        each.reference.created_at = each.created_at  # which creating has set to now
    Reference.objects.bulk_update(references, ["created_at"])
    ReferenceVector.objects.bulk_create(
        ReferenceVector(reference=each.reference, embedder_id=embedder_id, vector=vector)
        for each in new
        for embedder_id, vector in each.vectors.items()
    )
    approved = [each for each in references if each.status == Reference.Judgement.APPROVED]
    record_reference_changes(ChangeKind.ADDED, approved)


def _read_vectors(directory: Path) -> dict[str, Vectors]:
    found = {}
    for path in sorted((directory / VECTORS_FOLDER).glob("*.npz")):
        with np.load(path) as file:
            vectors = np.ascontiguousarray(file["vectors"], np.float32)
            found[path.stem] = dict(zip(file["ids"].tolist(), vectors, strict=True))
    return found


def _check_exported_vectors(
    directory: Path, rows: list[dict[str, str]], vectors: dict[str, Vectors]
) -> VectorCheck:
    """Embed a sample again, if there are vectors of the embedder that serves here."""
    embedder = engine.get_serving_embedder()
    ours = vectors.get(embedder.id, {})
    pictures = {}
    for row in rows:
        number, box = int(row["id"]), json.loads(row["box"])
        if number in ours and box and row["picture"]:
            landmarks = np.array(json.loads(row["landmarks"]), np.float32)
            pictures[number] = SamplePicture(directory / row["picture"], Box(*box), landmarks)
    return check_imported_vectors(embedder, pictures, ours)


@transaction.atomic
def _import_people(directory: Path, done: ImportResult) -> dict[int, Person | None]:
    """The people by their numbers in the export; None for those that wait for a decision."""
    rows = list(read_csv(directory / PEOPLE_CSV))
    times = Counter(get_name_key(row["name"]) for row in rows)
    made = set[int]()

    def find_or_make(row: dict[str, str]) -> tuple[Person, bool]:
        columns = _parse_csv_row(PERSON_COLUMNS, row)
        parts = LabelParts(*(columns.pop(column) for column in LabelParts._fields))
        made_at = columns.pop("created_at")
        hold_name(parts.name)
        namesakes = Person.objects.filter(key=get_name_key(parts.name)).exclude(pk__in=made)
        found = _find_exported_person(list(namesakes), parts, made_at, times[get_name_key(parts.name)] == 1)
        listed = {"groups": json.loads(row.get("groups") or "[]")}
        if found:
            store_listed_rows(ChangeSet(), found, listed)
            return found, False
        listed["other_names"] = [[name] for name in json.loads(row.get("other_names") or "[]")]
        for [name] in listed["other_names"]:
            ask_before_return(None, name=name)
        person = store_imported_person(parts, **columns)
        Person.objects.filter(pk=person.pk).update(created_at=made_at)
        made.add(person.pk)
        store_listed_rows(ChangeSet(), person, listed)
        return person, True

    return {int(row["id"]): _take_person(done, row["name"], partial(find_or_make, row)) for row in rows}


def _find_exported_person(
    namesakes: list[Person], parts: LabelParts, made_at: datetime, is_alone: bool
) -> Person | None:
    """Who of these the exported person is; None where it is somebody new, NameAmbiguous where that cannot be told.

    `is_alone`: nobody else in the export has the name.
    """
    same = [person for person in namesakes if person.created_at == made_at]
    if parts.distinction:
        key = get_name_key(parts.distinction)
        same = same or [person for person in namesakes if get_name_key(person.distinction) == key]
    elif parts.born:
        same = same or [person for person in namesakes if person.born == parts.born]
    if len(same) == 1:
        return same[0]
    if parts.distinction or not namesakes:
        return None
    if is_alone and len(namesakes) == 1 and (not parts.born or not namesakes[0].born):
        return namesakes[0]
    raise NameAmbiguous(parts.name, namesakes)


def import_named_person(done: ImportResult, label: str) -> Person | None:
    """The person, counted if they are new; None, and said, where somebody must decide first."""
    return _take_person(done, label, partial(import_person, label))


def _take_person(
    done: ImportResult, name: str, find_or_make: Callable[[], tuple[Person, bool]]
) -> Person | None:
    try:
        person, is_new = find_or_make()
    except NameWasErased as error:
        done.waiting.append({"path": name, "reason": describe_erased(error)})
    except NameAmbiguous as error:
        done.waiting.append({"path": name, "reason": str(error)})
    else:
        done.people += is_new
        return person
    return None


def _build_exported_reference(
    directory: Path,
    row: dict[str, str],
    person: Person,
    vectors: dict[str, Vectors],
    done: ImportResult,
) -> NewReference | None:
    """None where the person has the same picture, or one from the same source."""
    columns = _parse_csv_row(REFERENCE_COLUMNS, row)
    created_at = columns.pop("created_at")
    content = _read_exported_picture(directory, row["picture"])
    if content is not None:
        same = {"sha256": hashlib.sha256(content).hexdigest()}
    else:
        same = {name: columns[name] for name in ("source_sha256", "source_path")}
    if any(same.values()) and person.references.filter(**same).exists():
        return None
    sha256s = (same.get("sha256", ""), columns["source_sha256"])
    ask_before_return(None, sha256s=sha256s, file=row["picture"] or columns["source_path"])
    if columns["work"] == Status.PROCESSING:
        columns["work"] = Status.QUEUED
    number = int(row["id"])
    reference = Reference(
        person=person, **columns, **store_picture(content, Path(row["picture"]).suffix, done)
    )
    own = {embedder_id: found[number] for embedder_id, found in vectors.items() if number in found}
    return NewReference(reference, own, number, created_at)


def _parse_csv_row(columns: Iterable[str], row: dict[str, str]) -> dict[str, Any]:
    """The columns' values; raises ValueError or KeyError where the row is not one we wrote."""

    def parse_cell(column: str, text: str) -> Any:
        if column in JSON_COLUMNS:
            return json.loads(text)
        if column == "created_at":
            return datetime.fromisoformat(text)
        if column == "consent_until":
            return date.fromisoformat(text) if text else None
        return text

    row = {
        "source_columns": "{}",
        "distinction": "",
        "born": "",
        **row,
    }  # exports of earlier versions have none
    return {column: parse_cell(column, row[column]) for column in columns}


def _read_exported_picture(directory: Path, picture: str) -> bytes | None:
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


def store_picture(content: bytes | None, suffix: str, done: ImportResult) -> dict[str, str]:
    """The columns of a reference that has this picture, or a grey one where there is none."""
    if content is None:
        content, suffix = images.encode_pixels(np.full((64, 64, 3), 200, np.uint8), form="PNG"), ".png"
        done.without_picture += 1
    else:
        done.pictures += 1
    name = build_reference_name(suffix)
    return {"image": name, "sha256": write_file(name, content)}


@transaction.atomic
def _set_covers(directory: Path, people: dict[int, Person | None], numbers: dict[int, int]) -> None:
    for row in read_csv(directory / PEOPLE_CSV):
        person = people[int(row["id"])]
        if person and row["cover"] and int(row["cover"]) in numbers:
            Person.objects.filter(pk=person.pk, cover=None).update(cover=numbers[int(row["cover"])])
