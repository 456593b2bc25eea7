"""Measures how well people can be told apart: on the gallery's own references, or on a folder per person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery.index import engine
from gallery.models import Calibration, Reference, ReferenceVector
from gallery.people.crops import ReferenceCrop, cut_reference_crop
from gallery.people.folder_import import ImportReport, PersonImage, embed_crops
from recognition.calibrate import Calibration as MeasuredGallery
from recognition.calibrate import calibrate, get_published_figures
from recognition.decide import tighten_for_gallery
from recognition.errors import ImageError
from recognition.mainface import NoFaceFound, SeveralFaces, find_main_face
from recognition.types import Embedder, Embeddings

VECTORS_PER_QUERY = 5_000  # rows read from the database at once
CROPS_PER_BATCH = 16  # pictures embedded at once
HISTOGRAM_BINS = 240  # kept with the row, enough for drawing and for reading a rate


@dataclass(frozen=True, slots=True)
class LabelledVectors:
    """Unit vectors (n, dimension), whose they are (n,), and the ids of the references (n,) or row numbers."""

    vectors: Embeddings
    persons: NDArray[np.int64]
    ids: NDArray[np.int64]


def load_labelled_references(embedder: Embedder) -> LabelledVectors:
    """Every reference that faces are matched to."""
    parts = list(_read_vector_parts(embedder.id))
    if not parts:
        nothing = np.empty(0, np.int64)
        return LabelledVectors(np.empty((0, embedder.dimension), np.float32), nothing, nothing)
    ids, persons, vectors = zip(*parts, strict=True)
    return LabelledVectors(np.concatenate(vectors), np.concatenate(persons), np.concatenate(ids))


def _read_vector_parts(embedder_id: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Embeddings]]:
    rows = ReferenceVector.objects.filter(
        embedder_id=embedder_id, reference__in=Reference.objects.searchable()
    ).order_by("reference_id")
    last = 0
    while some := list(
        rows.filter(reference_id__gt=last).values_list("reference_id", "reference__person_id", "vector")[
            :VECTORS_PER_QUERY
        ]
    ):
        ids, persons, vectors = zip(*some, strict=True)
        yield (
            np.array(ids, np.int64),
            np.array(persons, np.int64),
            np.stack(vectors),
        )
        last = ids[-1]


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
