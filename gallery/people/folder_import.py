"""Imports references from a folder per person: faces are found, cut, embedded and stored in batches, in this process.

Each batch is one transaction, and a file that was imported before is recognised by its SHA-256. So an interrupted
import goes on where it stopped, and a repeated one never undoes what a curator decided."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils import timezone

from gallery.faces.tagging import map_in_threads
from gallery.index import engine
from gallery.index.engine import work_side_by_side
from gallery.models import Person, Reference, Status
from gallery.models.storage import build_reference_name, write_file
from gallery.people.crops import ReferenceCrop, cut_reference_crop, get_reference_face, set_crop_columns
from gallery.people.embedding import store_reference_vector
from gallery.people.selectors import find_person_by_name
from recognition import images
from recognition.errors import ImageError
from recognition.mainface import NoFaceFound, SeveralFaces, assume_landmarks, find_main_face
from recognition.types import Box, Detection, Detector, Embedder, Embeddings


@dataclass(frozen=True, slots=True)
class PersonImage:
    """An image file and the person whose folder it lies in."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class ImportCandidate:
    """A source, and the SHA-256 of its file or what makes looking needless."""

    source: PersonImage
    sha256: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """What became of it: a crop, or none; and what to say of the image, if anything."""

    crop: ReferenceCrop | None = None
    status: str = Reference.Judgement.APPROVED
    remark: str = ""
    is_faceless: bool = False  # perhaps a tight crop, worth a second look once its person has references


def find_reference_face(asked: ImportCandidate, detector: Detector) -> CandidateResult:
    if asked.refusal:
        return CandidateResult(remark=asked.refusal)
    try:
        pixels = engine.read_photo(asked.source.path).pixels
        return CandidateResult(cut_reference_crop(pixels, find_main_face(pixels, detector)))
    except NoFaceFound:
        return CandidateResult(is_faceless=True)
    except SeveralFaces as error:
        remark = f"{error} It waits for a curator as pending."
        return CandidateResult(cut_reference_crop(pixels, error.face), Reference.Judgement.PENDING, remark)
    except ImageError as error:
        return CandidateResult(remark=str(error))
    except OSError as error:
        return CandidateResult(remark=describe_read_error(error))


def describe_read_error(error: OSError) -> str:
    return f"The file cannot be read: {error.strerror or error}."


EMBEDDING_BATCH_SIZE = 16
Judgement = Reference.Judgement


@dataclass(slots=True)
class ImportReport:
    people: set[int] = field(default_factory=set)
    added: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.append({"path": str(path), "reason": reason})


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A reference ready to be stored."""

    source: PersonImage
    sha256: str
    crop: ReferenceCrop
    status: str


class FolderImporter:
    """Takes sources; `flush` stores what is waiting."""

    def __init__(self) -> None:
        self.report = ImportReport()
        self.embedder = engine.get_serving_embedder()
        self._waiting: list[PreparedReference] = []
        self._faceless: list[ImportCandidate] = []
        self._begun: dict[str, str] = {}  # SHA-256 of files taken in this run, and whose folder they lie in
        self._people: dict[str, Person] = {}

    def add_all(self, sources: Sequence[PersonImage]) -> Iterator[PersonImage]:
        """Take sources, some of them side by side; gives each in turn when it is done with, to be counted."""
        at_once = work_side_by_side(len(sources))
        detector = engine.get_detector()
        asked = (self._asked(source) for source in sources)
        for each, seen in map_in_threads(lambda one: find_reference_face(one, detector), asked, at_once):
            self._take(each, seen)
            yield each.source

    def finish(self) -> ImportReport:
        """Store the rest, and look once more at tight crops in which no face was found."""
        self.flush()
        for each in self._faceless:
            try:
                self._keep_plain_crop(each)
            except (ImageError, OSError) as error:
                self.report.skip(each.source.path, f"The file has changed while it was imported: {error}")
        self.flush()
        return self.report

    def _asked(self, source: PersonImage) -> ImportCandidate:
        try:
            with source.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return ImportCandidate(source, refusal=describe_read_error(error))
        found = Reference.objects.filter(source_sha256=sha256).select_related("person").first()
        if found and found.person == find_person_by_name(source.name):
            self.report.people.add(found.person_id)
        if found or sha256 in self._begun:
            whose = found.person.name if found else self._begun[sha256]
            return ImportCandidate(source, refusal=f"Already a reference of {whose}.")
        self._begun[sha256] = source.name
        return ImportCandidate(source, sha256)

    def _take(self, asked: ImportCandidate, seen: CandidateResult) -> None:
        if seen.remark:
            self.report.skip(asked.source.path, seen.remark)
        if seen.is_faceless:
            self._faceless.append(asked)
        if seen.crop:
            self._waiting.append(PreparedReference(asked.source, asked.sha256, seen.crop, seen.status))
        if len(self._waiting) >= EMBEDDING_BATCH_SIZE:
            self.flush()

    def _keep_plain_crop(self, asked: ImportCandidate) -> None:
        """A tight crop is kept whole when it is near the person's other references, as only a face can be."""
        source, pixels = asked.source, engine.read_photo(asked.source.path).pixels
        person = self._people.get(source.name) or find_person_by_name(source.name)
        height, width = pixels.shape[:2]
        face = Detection(Box(0, 0, width, height), assume_landmarks(width, height), 0.0)
        crop = cut_reference_crop(pixels, face)
        if person and 0.6 <= width / height <= 1.6 and self._is_near(person, crop):
            self._waiting.append(PreparedReference(source, asked.sha256, crop, Judgement.APPROVED))
        else:
            self.report.skip(source.path, "No face was found in this image.")

    def _is_near(self, person: Person, crop: ReferenceCrop) -> bool:
        vector = embed_crops([crop], self.embedder)[0]
        rows = person.references.filter(
            status=Judgement.APPROVED, vectors__embedder_id=self.embedder.id
        ).values_list("vectors__vector", flat=True)
        others = list(rows)
        return (
            bool(others)
            and float(np.max(np.stack(others) @ vector)) >= engine.get_decision_bounds(self.embedder).known
        )

    def flush(self) -> None:
        """Embed and store what is waiting, as one transaction."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        vectors = embed_crops([each.crop for each in batch], self.embedder)
        files = []
        for each in batch:
            name = build_reference_name(".jpg")
            files.append((name, write_file(name, each.crop.jpeg)))
        with transaction.atomic():
            for each, vector, (name, digest) in zip(batch, vectors, files, strict=True):
                reference = self._store(each, name, digest)
                store_reference_vector(reference, self.embedder, vector)

    def _store(self, prepared: PreparedReference, name: str, digest: str) -> Reference:
        person = self._person(prepared.source.name)
        now = timezone.now()
        reference = Reference(
            person=person,
            image=name,
            sha256=digest,
            source_sha256=prepared.sha256,
            source_path=str(prepared.source.path)[-1000:],
            status=prepared.status,
            work=Status.DONE,
            queued_at=now,
            finished_at=now,
        )
        set_crop_columns(reference, prepared.crop)
        reference.save()
        self.report.added += prepared.status == Judgement.APPROVED
        self.report.people.add(person.pk)
        return reference

    def _person(self, name: str) -> Person:
        if name not in self._people:
            found = find_person_by_name(name)
            if found is None:
                found = Person()
                found.set_name(name)
                found.save()
            self._people[name] = found
        return self._people[name]


def embed_crops(crops: Iterable[ReferenceCrop], embedder: Embedder) -> Embeddings:
    """(n, dimension) embeddings of crops as they are stored, so that embedding them again gives the same."""
    faces = []
    for crop in crops:
        pixels = images.read_photo(crop.jpeg).pixels
        reference = Reference()
        set_crop_columns(reference, crop)
        faces.append(get_reference_face(reference, pixels))
    return embedder.embed(faces)


def find_person_images(root: Path, report: ImportReport, files: Iterable[Path]) -> Iterator[PersonImage]:
    """The image files in folders of people; what lies beside the folders is reported."""
    for path in files:
        inside = path.relative_to(root).parts
        if len(inside) < 2:
            report.skip(path, "It does not lie in a person's folder.")
            continue
        yield PersonImage(path, inside[0])
