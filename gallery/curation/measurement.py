"""What the vectors of references say: how well people can be told apart, and what may be wrong in the gallery.

The first is measured on the gallery's own references, or on a folder per person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from gallery.curation.findings import (
    CHECKED_KINDS,
    REFERENCE_COUNTS,
    FindingKind,
    find_people_with_references,
    settle_findings,
)
from gallery.history.changeset import split_into_chunks
from gallery.index import engine
from gallery.index.contents import stream_reference_parts
from gallery.models import Calibration, Finding
from gallery.people.crops import ReferenceCrop, cut_reference_crop
from gallery.people.folder_import import ImportReport, PersonImage, embed_crops
from recognition.calibrate import Calibration as MeasuredGallery
from recognition.calibrate import calibrate, get_published_figures
from recognition.decide import tighten_for_gallery
from recognition.errors import ImageError
from recognition.health import (
    Gallery,
    SimilarPair,
    Suspect,
    find_confusable_people,
    find_duplicates,
    find_likely_wrong,
)
from recognition.mainface import NoFaceFound, SeveralFaces, find_main_face
from recognition.types import Bounds, Embedder, Embeddings

CROPS_PER_BATCH = 16  # pictures embedded at once
HISTOGRAM_BINS = 240  # kept with the row, enough for drawing and for reading a rate
MAX_FINDINGS_PER_KIND = 2_000  # findings of one kind kept; nobody works through more
FINDING_KEY = ("kind", "person_id", "reference_id", "other_person_id", "other_reference_id")


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """Unit vectors (n, dimension), whose they are (n,), and the ids of the references (n,) or row numbers."""

    vectors: Embeddings
    persons: NDArray[np.int64]
    ids: NDArray[np.int64]


def load_labelled_references(embedder: Embedder) -> LabelledVectors:
    """Every reference that faces are matched to."""
    parts = list(stream_reference_parts(embedder.id))
    if not parts:
        nothing = np.empty(0, np.int64)
        return LabelledVectors(np.empty((0, embedder.dimension), np.float32), nothing, nothing)
    return LabelledVectors(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.persons for part in parts]),
        np.concatenate([part.ids for part in parts]),
    )


class FolderEmbedder:
    """Pictures of a folder per person, embedded as an import would but kept nowhere."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.report = ImportReport()
        self._waiting: list[ReferenceCrop] = []
        self._vectors: list[Embeddings] = []
        self._persons: list[int] = []
        self._people: dict[str, int] = {}

    def add(self, source: PersonImage) -> None:
        try:
            pixels = engine.read_photo(source.path).pixels
            self._waiting.append(cut_reference_crop(pixels, find_main_face(pixels, engine.get_detector())))
        except (ImageError, NoFaceFound, SeveralFaces) as error:
            self.report.skip(source.path, str(error))
            return
        except OSError as error:
            self.report.skip(source.path, f"The file cannot be read: {error.strerror or error}.")
            return
        self._persons.append(self._people.setdefault(source.name, len(self._people)))
        if len(self._waiting) >= CROPS_PER_BATCH:
            self._flush()

    def _flush(self) -> None:
        self._vectors.append(embed_crops(self._waiting, self.embedder))
        self._waiting = []

    def finish(self) -> LabelledVectors:
        self._flush()
        persons = np.array(self._persons, np.int64)
        return LabelledVectors(
            np.concatenate(self._vectors), persons, np.arange(len(persons), dtype=np.int64)
        )


def measure_bounds(
    labelled: LabelledVectors,
    embedder: Embedder,
    false_name_rate: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MeasuredGallery:
    """What these people's pictures say of the bounds in force, and which they suggest."""
    return calibrate(
        labelled.vectors,
        labelled.persons,
        tighten_for_gallery(embedder.bounds, len(np.unique(labelled.persons))),
        embedder_id=embedder.id,
        false_name_rate=false_name_rate,
        current=engine.get_decision_bounds(embedder),
        prior=get_published_figures(embedder.name).prior,
        progress=progress,
    )


def store_calibration(found: MeasuredGallery) -> Calibration:
    """Store what was measured; it changes nothing until somebody applies it."""
    report = found.to_json()
    for name in ("genuine", "impostor"):
        report[name] = getattr(found, name).coarser(HISTOGRAM_BINS).to_json()
    return Calibration.objects.create(
        embedder_id=found.embedder_id,
        bounds=report["suggestion"]["bounds"],
        report=report,
        false_name_rate=found.suggestion.false_name_rate,
    )


def calibrate_gallery(false_name_rate: float) -> Calibration:
    """Measure the gallery with the embedder that serves, and keep the result."""
    embedder = engine.get_serving_embedder()
    return store_calibration(measure_bounds(load_labelled_references(embedder), embedder, false_name_rate))


def check_all_references() -> int:
    """Check the references of the embedder that serves; how many findings there are, dismissed ones aside."""
    embedder = engine.get_serving_embedder()
    found = list(detect_findings(load_labelled_references(embedder), engine.get_decision_bounds(embedder)))
    for finding in found:
        finding.embedder_id = embedder.id
    return _store_findings(found)


def _store_findings(found: list[Finding]) -> int:
    _replace_findings(found)
    kept = list(Finding.objects.filter(kind__in=CHECKED_KINDS).order_by("pk").values_list("pk", flat=True))
    for some in split_into_chunks(kept):  # references may have been judged or moved while they were compared
        settle_findings(some)
    return sum(finding.dismissed_at is None for finding in found)


@transaction.atomic
def _replace_findings(found: list[Finding]) -> None:
    """Store them in place of the earlier ones; what was found before keeps its row, and stays dismissed.

    New ones do not hold yet: that is settled afterwards, a part at a time, with nothing else in the way.
    """
    # People who were all right with one reference, or none, and have more by now, are asked about afresh.
    for kind, references in REFERENCE_COUNTS.items():
        Finding.objects.filter(kind=kind).exclude(person__in=find_people_with_references(references)).delete()
    earlier = {_get_finding_key(row): row for row in Finding.objects.filter(kind__in=CHECKED_KINDS)}
    again = []
    for finding in found:
        row = earlier.pop(_get_finding_key(finding), None)
        if row is not None:
            finding.pk, finding.found_at = row.pk, row.found_at
            finding.dismissed_at, finding.dismissed_by_id = row.dismissed_at, row.dismissed_by_id
            again.append(finding)
    for some in split_into_chunks([row.pk for row in earlier.values()]):
        Finding.objects.filter(pk__in=some).delete()
    Finding.objects.bulk_update(
        again, ["similarity", "own_similarity", "weight", "embedder_id"], batch_size=200
    )
    new = [finding for finding in found if finding.pk is None]
    for finding in new:
        finding.is_outdated = True
    Finding.objects.bulk_create(new, batch_size=200)


def _get_finding_key(finding: Finding) -> tuple[object, ...]:
    return tuple(getattr(finding, name) for name in FINDING_KEY)


def detect_findings(labelled: LabelledVectors, bounds: Bounds) -> Iterator[Finding]:
    """Everything that may be wrong, unsaved."""
    if len(labelled.ids) < 2:
        return
    gallery = Gallery.of(labelled.vectors, labelled.persons)
    suspects = find_likely_wrong(gallery, bounds)
    yield from (_build_suspect_finding(labelled, each) for each in suspects[:MAX_FINDINGS_PER_KIND])
    yield from (
        _build_duplicate_finding(labelled, each)
        for each in find_duplicates(gallery, bounds)[:MAX_FINDINGS_PER_KIND]
    )
    wrong = [each.row for each in suspects if each.other_person is not None]
    for pair in find_confusable_people(gallery, bounds, wrong)[:MAX_FINDINGS_PER_KIND]:
        yield Finding(
            kind=FindingKind.CONFUSABLE,
            person_id=pair.left,
            other_person_id=pair.right,
            similarity=pair.similarity,
            weight=pair.similarity,
        )


def _build_suspect_finding(labelled: LabelledVectors, suspect: Suspect) -> Finding:
    is_another = suspect.other_person is not None
    return Finding(
        kind=FindingKind.WRONG if is_another else FindingKind.UNLIKE,
        person_id=int(labelled.persons[suspect.row]),
        reference_id=int(labelled.ids[suspect.row]),
        other_person_id=suspect.other_person,
        other_reference_id=None if suspect.other_row is None else int(labelled.ids[suspect.other_row]),
        similarity=suspect.other,
        own_similarity=suspect.own,
        weight=suspect.other - suspect.own if is_another else -suspect.own,
    )


def _build_duplicate_finding(labelled: LabelledVectors, pair: SimilarPair) -> Finding:
    persons, ids = labelled.persons, labelled.ids
    is_filed_twice = persons[pair.left] != persons[pair.right]  # worse: one picture under two names
    return Finding(
        kind=FindingKind.DUPLICATE,
        person_id=int(persons[pair.left]),
        reference_id=int(ids[pair.left]),
        other_person_id=int(persons[pair.right]),
        other_reference_id=int(ids[pair.right]),
        similarity=pair.similarity,
        weight=pair.similarity + is_filed_twice,
    )
