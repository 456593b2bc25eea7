"""Imports references from a folder per person: faces are found, cut, embedded and stored in batches, in this process.

Each batch is one transaction, and a file that was imported before is recognised by its SHA-256. So an interrupted
import goes on where it stopped, and a repeated one never undoes what a curator decided. At the end the pictures are
compared, and approved or left to a curator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from django.db import transaction

from gallery.core.erased import describe_erased
from gallery.core.exceptions import FileWasErased, NameAmbiguous, NameWasErased
from gallery.faces.namesakes import find_people_called, find_person_by_name
from gallery.faces.tagging import map_in_threads
from gallery.history.erased import ask_before_return
from gallery.index import engine
from gallery.models import Person, Reference, Status
from gallery.models.clock import get_site_time
from gallery.models.people import (
    MAX_KEY_LENGTH,
    MAX_NAME_LENGTH,
    clean_name,
    get_name_columns,
)
from gallery.people.crops import ReferenceCrop, cut_reference_crop, get_reference_face
from gallery.people.doubts import compare_imported_references
from gallery.people.processing import store_reference_vector
from gallery.people.selectors import find_present_label, get_name_in_file_name, map_folders_to_labels
from gallery.people.services import import_person
from recognition import images
from recognition.errors import ImageError
from recognition.files import clean_path
from recognition.mainface import NoFaceFound, assume_landmarks, find_main_face_and_rival
from recognition.types import Box, Detection, Detector, Embedder, Embeddings

EMBEDDING_BATCH_SIZE = 16
TIGHT_CROP_RATIOS = 0.6, 1.6  # width to height of pictures that may show nothing but a face
RIVAL_SHARE = 0.2  # a second face that weighs so much of the first may be the one that is meant
Doubt, Judgement = Reference.Doubt, Reference.Judgement


@dataclass(frozen=True, slots=True)
class PersonImage:
    """An image file and the person whose folder it lies in."""

    path: Path
    name: str
    is_nested: bool = False  # beside other folders in the person's, and no pictures


@dataclass(slots=True)
class ImportCandidate:
    """A source and the SHA-256 of its file; a crop, or none; and what to say of the image, if anything."""

    source: PersonImage
    sha256: str = ""
    crop: ReferenceCrop | None = None
    doubt: str = Doubt.UNSEEN
    remark: str = ""
    is_left_out: bool = False  # it waits for somebody's decision, and is said already
    is_faceless: bool = False  # perhaps a tight crop, worth a second look once its person has references


def find_reference_face(candidate: ImportCandidate, detector: Detector) -> ImportCandidate:
    """The candidate with its crop, or with a remark why there is none."""
    if candidate.remark or candidate.is_left_out:
        return candidate
    try:
        pixels = engine.read_photo(candidate.source.path).pixels
        face, rival = find_main_face_and_rival(pixels, detector)
        candidate.crop = cut_reference_crop(pixels, face)
        if candidate.source.is_nested:
            candidate.doubt = Doubt.NESTED
        elif rival >= RIVAL_SHARE:
            candidate.doubt = Doubt.RIVAL
    except NoFaceFound:
        candidate.is_faceless = True
    except ImageError as error:
        candidate.remark = str(error)
    except OSError as error:
        candidate.remark = describe_read_error(error)
    return candidate


def describe_read_error(error: OSError) -> str:
    return f"The file cannot be read: {error.strerror or error}."


@dataclass(slots=True)
class ImportReport:
    people: set[int] = field(default_factory=set)
    added: int = 0
    waiting: list[dict[str, str]] = field(default_factory=list)  # for somebody's decision
    skipped: list[dict[str, str]] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)  # folders of people who have another name by now

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.append({"path": clean_path(path), "reason": reason})

    def wait(self, path: Path | str, reason: str) -> None:
        self.waiting.append({"path": clean_path(path), "reason": reason})


class FolderImporter:
    """Takes sources; `flush` stores what is waiting."""

    def __init__(self) -> None:
        self.report = ImportReport()
        self.embedder = engine.get_serving_embedder()
        self._waiting: list[ImportCandidate] = []
        self._faceless: list[ImportCandidate] = []
        self._asked: set[str] = set()  # names whose folders wait for a decision
        self._names: dict[str, str] = {}  # by the folders' names
        self._begun: dict[str, str] = {}  # SHA-256 of files taken in this run, and whose folder they lie in
        self._paths: set[str] = set()  # of this run, as references keep them

    def add_all(self, sources: Sequence[PersonImage]) -> Iterator[PersonImage]:
        """Take sources, some of them side by side; gives each in turn when it is done with, to be counted."""
        at_once = engine.work_side_by_side(len(sources))
        detector = engine.get_detector()
        candidates = (self._make_candidate(self._find_new_name(source)) for source in sources)
        for _candidate, result in map_in_threads(
            lambda one: find_reference_face(one, detector), candidates, at_once
        ):
            self._take(result)
            yield result.source

    def finish(self) -> ImportReport:
        """Store the rest, and look once more at tight crops in which no face was found."""
        self.flush()
        for each in self._faceless:
            try:
                self._take_whole_picture(each)
            except (ImageError, OSError) as error:
                self.report.skip(each.source.path, f"The file has changed while it was imported: {error}")
        return self.stop()

    def stop(self) -> ImportReport:
        """Store what is waiting, and approve what is as it should be."""
        self.flush()
        for reference, reason in compare_imported_references(self.embedder):
            if reason and reference.source_path in self._paths:  # others wait since an earlier import
                self.report.wait(reference.source_path, reason)
            self.report.added += not reason
        return self.report

    @cached_property
    def _earlier_names(self) -> dict[str, str]:
        return map_folders_to_labels()

    def _find_new_name(self, source: PersonImage) -> PersonImage:
        """The source as that of the person whose folder it was before they were renamed, or merged with another."""
        if source.name not in self._names:
            self._names[source.name] = name = find_present_label(source.name, self._earlier_names)
            if name != source.name:
                self.report.renamed[source.name] = name
        return replace(source, name=self._names[source.name])

    def _make_candidate(self, source: PersonImage) -> ImportCandidate:
        self._paths.add(get_kept_path(source.path))
        try:
            with source.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return ImportCandidate(source, remark=describe_read_error(error))
        found = Reference.objects.filter(source_sha256=sha256).select_related("person").first()
        if found and found.person in find_people_called(source.name):
            self.report.people.add(found.person_id)
        if found or sha256 in self._begun:
            whose = found.person.label if found else self._begun[sha256]
            return ImportCandidate(source, remark=f"Already a reference of {whose}.")
        if self._must_wait(source, sha256):
            return ImportCandidate(source, is_left_out=True)
        self._begun[sha256] = source.name
        return ImportCandidate(source, sha256)

    def _must_wait(self, source: PersonImage, sha256: str) -> bool:
        """Whether the folder's name is that of several, or it or the file was erased here; the name is said once."""
        if source.name in self._asked:
            return True
        try:
            if find_person_by_name(source.name) is None:
                ask_before_return(None, name=clean_name(source.name))
            ask_before_return(None, sha256s=[sha256], file=source.path.name)
        except NameWasErased as error:
            self._asked.add(source.name)
            self.report.wait(_get_folder_of(source), describe_erased(error))
        except NameAmbiguous as error:
            self._asked.add(source.name)
            self.report.wait(_get_folder_of(source), f"{error} Rename the folder as one of these.")
        except FileWasErased as error:
            self.report.wait(source.path, describe_erased(error))
        else:
            return False
        return True

    def _take(self, candidate: ImportCandidate) -> None:
        if candidate.remark:
            self.report.skip(candidate.source.path, candidate.remark)
        if candidate.is_faceless:
            self._faceless.append(candidate)
        if candidate.crop:
            self._waiting.append(candidate)
        if len(self._waiting) >= EMBEDDING_BATCH_SIZE:
            self.flush()

    def _take_whole_picture(self, candidate: ImportCandidate) -> None:
        """A tight crop is kept whole when it is near the person's other references, as only a face can be."""
        source, pixels = candidate.source, engine.read_photo(candidate.source.path).pixels
        height, width = pixels.shape[:2]
        face = Detection(Box(0, 0, width, height), assume_landmarks(width, height), 0.0)
        crop = cut_reference_crop(pixels, face)
        least, most = TIGHT_CROP_RATIOS
        if least <= width / height <= most and self._is_near(find_person_by_name(source.name), crop):
            candidate.crop = crop
            self._waiting.append(candidate)
        else:
            self.report.skip(source.path, "No face was found in this image.")

    def _is_near(self, person: Person | None, crop: ReferenceCrop) -> bool:
        kept = Reference.objects.filter(person=person).exclude(status=Judgement.REJECTED)
        own = kept.filter(vectors__embedder_id=self.embedder.id).values_list("vectors__vector", flat=True)
        others = list(own) if person else []
        if not others:
            return False
        nearest = np.max(np.stack(others) @ embed_crops([crop], self.embedder)[0])
        return float(nearest) >= engine.get_decision_bounds(self.embedder).known

    def flush(self) -> None:
        """Embed and store what is waiting, as one transaction."""
        batch, self._waiting = self._waiting, []
        crops = [candidate.crop for candidate in batch if candidate.crop]
        if not crops:
            return
        vectors = embed_crops(crops, self.embedder)
        stored = [crop.store() for crop in crops]
        now = get_site_time()
        with transaction.atomic():
            for candidate, vector, columns in zip(batch, vectors, stored, strict=True):
                person, _is_new = import_person(candidate.source.name)
                reference = Reference.objects.create(
                    person=person,
                    source_sha256=candidate.sha256,
                    source_path=get_kept_path(candidate.source.path),
                    doubt=candidate.doubt,
                    work=Status.DONE,
                    queued_at=now,
                    finished_at=now,
                    **columns,
                )
                store_reference_vector(reference, self.embedder, vector)
                self.report.people.add(person.pk)


def _get_folder_of(source: PersonImage) -> Path:
    """The person's folder in which the image lies."""
    return next((each for each in source.path.parents if each.name == source.name), source.path)


def embed_crops(crops: Iterable[ReferenceCrop], embedder: Embedder) -> Embeddings:
    """(n, dimension) embeddings of crops as they are stored, so that embedding them again gives the same."""
    faces = [
        get_reference_face(Reference(**crop.columns), images.read_photo(crop.jpeg).pixels) for crop in crops
    ]
    return embedder.embed(faces)


def find_person_images(
    root: Path, report: ImportReport, files: Iterable[Path], *, is_by_file_name: bool = False
) -> Iterator[PersonImage]:
    """The image files in folders of people; what lies beside them, and folders that can be nobody's, are reported.

    By file name, those beside the folders are pictures of who they are called after.
    """
    files, refused = list(files), set[str]()
    folders = {path.parent for path in files}
    for path in files:
        name, *inside = path.relative_to(root).parts
        if not inside and not is_by_file_name:
            report.skip(path, "It does not lie in a person's folder.")
        elif not inside and not (name := get_name_in_file_name(path)):
            report.skip(path, "Its name does not say who is on it.")
        elif not (reason := _explain_bad_name(name)):
            yield PersonImage(path, name, is_nested=bool(inside) and root / name not in folders)
        elif name not in refused:
            refused.add(name)
            report.skip(root / name if inside else path, reason)


def _explain_bad_name(name: str) -> str:
    """Why the name of a folder or file cannot be a person's, if so."""
    columns = get_name_columns(name)
    if name != clean_path(name):
        return "The name is not UTF-8. Rename it."
    if not columns["name"]:
        return "The name has no letters to use as a person's name."
    if len(columns["name"]) > MAX_NAME_LENGTH or len(columns["key"]) > MAX_KEY_LENGTH:
        return f"The name is longer than a person's may be, {MAX_NAME_LENGTH} letters."
    return ""


def get_kept_path(path: Path) -> str:
    """As much of a path as a reference keeps."""
    return clean_path(path)[-1000:]
