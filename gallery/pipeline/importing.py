"""References from a folder per person: found, cut, embedded and stored a batch at a time, in this process.

Each batch is one transaction, and what is there already is recognised by the file's SHA-256, so an
interrupted import goes on where it stopped, and a repeated one never undoes what a curator decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils import timezone

from gallery import engine, queries, storage
from gallery.models import Person, Reference, Status
from gallery.pipeline.looking import Asked, Seen, Source, look, unreadable
from gallery.pipeline.references import Crop, cut, describe, face_of, store_vector
from gallery.pipeline.side_by_side import in_order
from gallery.vectors import from_bytes
from recognition import images
from recognition.mainface import assumed_landmarks
from recognition.types import Box, Detection, Embedder, Embeddings, ImageError

BATCH = 16
Judgement = Reference.Judgement


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
    """Takes sources; `flush` stores what is waiting."""

    def __init__(self) -> None:
        self.report = Report()
        self.embedder = engine.serving()
        self._waiting: list[Prepared] = []
        self._faceless: list[Asked] = []
        self._begun: dict[str, str] = {}  # SHA-256 of files taken in this run, and whose folder they lie in
        self._people: dict[str, Person] = {}

    def add_all(self, sources: Sequence[Source]) -> Iterator[Source]:
        """Take sources, some of them side by side; gives each in turn when it is done with, to be counted."""
        at_once = engine.work_side_by_side(len(sources))
        detector = engine.detector()
        asked = (self._asked(source) for source in sources)
        for each, seen in in_order(lambda one: look(one, detector), asked, at_once):
            self._take(each, seen)
            yield each.source

    def finish(self) -> Report:
        """Store the rest, and look once more at tight crops in which no face was found."""
        self.flush()
        for each in self._faceless:
            try:
                self._keep_plain_crop(each)
            except (ImageError, OSError) as error:
                self.report.skip(each.source.path, f"The file has changed while it was imported: {error}")
        self.flush()
        return self.report

    def _asked(self, source: Source) -> Asked:
        try:
            with source.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return Asked(source, refusal=unreadable(error))
        found = Reference.objects.filter(source_sha256=sha256).select_related("person").first()
        if found and found.person == queries.find_person(source.name):
            self.report.people.add(found.person_id)
        if found or sha256 in self._begun:
            whose = found.person.name if found else self._begun[sha256]
            return Asked(source, refusal=f"Already a reference of {whose}.")
        self._begun[sha256] = source.name
        return Asked(source, sha256)

    def _take(self, asked: Asked, seen: Seen) -> None:
        if seen.remark:
            self.report.skip(asked.source.path, seen.remark)
        if seen.is_faceless:
            self._faceless.append(asked)
        if seen.crop:
            self._waiting.append(Prepared(asked.source, asked.sha256, seen.crop, seen.status))
        if len(self._waiting) >= BATCH:
            self.flush()

    def _keep_plain_crop(self, asked: Asked) -> None:
        """A tight crop is kept whole when it is near the person's other references, as only a face can be."""
        source, pixels = asked.source, engine.read(asked.source.path).pixels
        person = self._people.get(source.name) or queries.find_person(source.name)
        height, width = pixels.shape[:2]
        face = Detection(Box(0, 0, width, height), assumed_landmarks(width, height), 0.0)
        crop = cut(pixels, face)
        if person and 0.6 <= width / height <= 1.6 and self._is_near(person, crop):
            self._waiting.append(Prepared(source, asked.sha256, crop, Judgement.APPROVED))
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
