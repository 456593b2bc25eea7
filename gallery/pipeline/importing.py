"""References from a folder per person: found, cut, embedded and stored a batch at a time, in this process.

Each batch is one transaction, and what is there already is recognised by the file's SHA-256, so an
interrupted import goes on where it stopped, and a repeated one never undoes what a curator decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils import timezone

from gallery import engine, queries, storage
from gallery.models import Person, Reference, Status
from gallery.pipeline.references import Crop, cut, describe, face_of, store_vector
from gallery.vectors import from_bytes
from recognition import images
from recognition.mainface import NoFaceFound, SeveralFaces, assumed_landmarks, main_face
from recognition.types import Box, Detection, Embedder, Embeddings, Image, ImageError

BATCH = 16
Judgement = Reference.Judgement


@dataclass(frozen=True, slots=True)
class Source:
    """An image file and the person whose folder it lies in."""

    path: Path
    name: str


@dataclass(slots=True)
class Report:
    people: set[int] = field(default_factory=set)
    added: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.append({"path": str(path), "reason": reason})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reference ready to be stored."""

    source: Source
    sha256: str
    crop: Crop
    status: str


class Importer:
    """Takes sources one by one; `flush` stores what is waiting."""

    def __init__(self) -> None:
        self.report = Report()
        self.embedder = engine.serving()
        self._waiting: list[Prepared] = []
        self._faceless: list[tuple[Source, str, Image]] = []
        self._people: dict[str, Person] = {}

    def add(self, source: Source) -> None:
        try:
            content = source.path.read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            if not self._is_there(source, sha256):
                self._prepare(source, sha256)
        except ImageError as error:
            self.report.skip(source.path, str(error))
        except OSError as error:
            self.report.skip(source.path, f"The file cannot be read: {error.strerror or error}.")
        if len(self._waiting) >= BATCH:
            self.flush()

    def finish(self) -> Report:
        """Store the rest, and look once more at tight crops in which no face was found."""
        self.flush()
        for source, sha256, pixels in self._faceless:
            self._keep_plain_crop(source, sha256, pixels)
        self.flush()
        return self.report

    def _is_there(self, source: Source, sha256: str) -> bool:
        found = Reference.objects.filter(source_sha256=sha256).select_related("person").first()
        is_waiting = any(each.sha256 == sha256 for each in self._waiting)
        if found is None and not is_waiting:
            return False
        whose = found.person.name if found else source.name
        self.report.skip(source.path, f"Already a reference of {whose}.")
        if found and found.person == queries.find_person(source.name):
            self.report.people.add(found.person_id)
        return True

    def _prepare(self, source: Source, sha256: str) -> None:
        pixels = engine.read(source.path).pixels
        status = Judgement.APPROVED
        try:
            face = main_face(pixels, engine.detector())
        except NoFaceFound:
            self._faceless.append((source, sha256, pixels))
            return
        except SeveralFaces as error:
            face, status = error.face, Judgement.PENDING
            self.report.skip(source.path, f"{error} It waits for a curator as pending.")
        self._waiting.append(Prepared(source, sha256, cut(pixels, face), status))

    def _keep_plain_crop(self, source: Source, sha256: str, pixels: Image) -> None:
        """A tight crop is kept whole when it is near the person's other references, as only a face can be."""
        person = self._people.get(source.name) or queries.find_person(source.name)
        height, width = pixels.shape[:2]
        face = Detection(Box(0, 0, width, height), assumed_landmarks(width, height), 0.0)
        crop = cut(pixels, face)
        if person and 0.6 <= width / height <= 1.6 and self._is_near(person, crop):
            self._waiting.append(Prepared(source, sha256, crop, Judgement.APPROVED))
        else:
            self.report.skip(source.path, "No face was found in this image.")

    def _is_near(self, person: Person, crop: Crop) -> bool:
        vector = embed_crops([crop], self.embedder)[0]
        rows = person.references.filter(
            status=Judgement.APPROVED, vectors__embedder_id=self.embedder.id
        ).values_list("vectors__vector", flat=True)
        others = [from_bytes(row) for row in rows]
        return bool(others) and float(np.max(np.stack(others) @ vector)) >= engine.bounds(self.embedder).known

    def flush(self) -> None:
        """Embed and store what is waiting, as one transaction."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        vectors = embed_crops([each.crop for each in batch], self.embedder)
        files = []
        for each in batch:
            name = storage.reference_name(".jpg")
            files.append((name, storage.write(name, each.crop.jpeg)))
        with transaction.atomic():
            for each, vector, (name, digest) in zip(batch, vectors, files, strict=True):
                reference = self._store(each, name, digest)
                store_vector(reference, self.embedder, vector)

    def _store(self, prepared: Prepared, name: str, digest: str) -> Reference:
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
        describe(reference, prepared.crop)
        reference.save()
        self.report.added += prepared.status == Judgement.APPROVED
        self.report.people.add(person.pk)
        return reference

    def _person(self, name: str) -> Person:
        if name not in self._people:
            found = queries.find_person(name)
            if found is None:
                found = Person()
                found.set_name(name)
                found.save()
            self._people[name] = found
        return self._people[name]


def embed_crops(crops: Iterable[Crop], embedder: Embedder) -> Embeddings:
    """(n, dimension) embeddings of crops as they are stored, so that embedding them again gives the same."""
    faces = []
    for crop in crops:
        pixels = images.read(crop.jpeg).pixels
        reference = Reference()
        describe(reference, crop)
        faces.append(face_of(reference, pixels))
    return embedder.embed(faces)


def sources_below(root: Path, report: Report, files: Iterable[Path]) -> Iterator[Source]:
    """The image files in folders of people; what lies beside the folders is reported."""
    for path in files:
        inside = path.relative_to(root).parts
        if len(inside) < 2:
            report.skip(path, "It does not lie in a person's folder.")
            continue
        yield Source(path, inside[0])
