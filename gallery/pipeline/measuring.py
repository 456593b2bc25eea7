"""Measuring how well people can be told apart: the gallery's own references, or a folder per person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gallery import engine, queries
from gallery.models import Calibration, ReferenceVector
from gallery.pipeline.importing import Report, embed_crops
from gallery.pipeline.looking import Source
from gallery.pipeline.references import Crop, cut
from gallery.vectors import from_bytes
from recognition import calibrate
from recognition.decide import for_gallery
from recognition.mainface import NoFaceFound, SeveralFaces, main_face
from recognition.types import Embedder, Embeddings, ImageError

PART = 5_000  # rows read from the database at once
BATCH = 16  # pictures embedded at once
HISTOGRAM_BINS = 240  # kept with the row, enough for drawing and for reading a rate


@dataclass(frozen=True, slots=True)
class Labelled:
    """Unit vectors (n, dimension), whose they are (n,), and the ids of the references (n,) or row numbers."""

    vectors: Embeddings
    persons: NDArray[np.int64]
    ids: NDArray[np.int64]


def gallery_references(embedder: Embedder) -> Labelled:
    """Every reference that faces are matched to."""
    parts = list(_parts(embedder.id))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Labelled(np.empty((0, embedder.dimension), np.float32), nothing, nothing)
    ids, persons, vectors = zip(*parts, strict=True)
    return Labelled(np.concatenate(vectors), np.concatenate(persons), np.concatenate(ids))


def _parts(embedder_id: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Embeddings]]:
    rows = ReferenceVector.objects.filter(
        embedder_id=embedder_id, reference__in=queries.searchable_references()
    ).order_by("reference_id")
    last = 0
    while some := list(
        rows.filter(reference_id__gt=last).values_list("reference_id", "reference__person_id", "vector")[
            :PART
        ]
    ):
        ids, persons, vectors = zip(*some, strict=True)
        yield np.array(ids, np.int64), np.array(persons, np.int64), np.stack([from_bytes(v) for v in vectors])
        last = ids[-1]


class Folder:
    """Pictures of a folder per person, embedded as an import would but kept nowhere."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.report = Report()
        self._waiting: list[Crop] = []
        self._vectors: list[Embeddings] = []
        self._persons: list[int] = []
        self._people: dict[str, int] = {}

    def add(self, source: Source) -> None:
        try:
            pixels = engine.read(source.path).pixels
            self._waiting.append(cut(pixels, main_face(pixels, engine.detector())))
        except (ImageError, NoFaceFound, SeveralFaces) as error:
            self.report.skip(source.path, str(error))
            return
        except OSError as error:
            self.report.skip(source.path, f"The file cannot be read: {error.strerror or error}.")
            return
        self._persons.append(self._people.setdefault(source.name, len(self._people)))
        if len(self._waiting) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        self._vectors.append(embed_crops(self._waiting, self.embedder))
        self._waiting = []

    def finish(self) -> Labelled:
        self._flush()
        persons = np.array(self._persons, np.int64)
        return Labelled(np.concatenate(self._vectors), persons, np.arange(len(persons), dtype=np.int64))


def measure(
    labelled: Labelled,
    embedder: Embedder,
    false_name_rate: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> calibrate.Calibration:
    """What these people's pictures say of the bounds in force, and which they suggest."""
    return calibrate.calibrate(
        labelled.vectors,
        labelled.persons,
        for_gallery(embedder.bounds, len(np.unique(labelled.persons))),
        embedder_id=embedder.id,
        false_name_rate=false_name_rate,
        current=engine.bounds(embedder),
        prior=calibrate.published(embedder.name).prior,
        progress=progress,
    )


def keep(found: calibrate.Calibration) -> Calibration:
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


def measure_gallery(false_name_rate: float) -> Calibration:
    """Measure the gallery with the embedder that serves, and keep the result."""
    embedder = engine.serving()
    return keep(measure(gallery_references(embedder), embedder, false_name_rate))
