"""Names photos without storing them: what the `tag` command does, by the same steps as the worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any, TypeVar

from gallery.faces import naming
from gallery.index import engine, live
from gallery.models import Person, Reference, User
from recognition.analysis import Analysis, analyse_photo
from recognition.decide import withhold_repeated_names
from recognition.embedders.dlib import DlibEmbedder
from recognition.embedders.sface import SFaceEmbedder
from recognition.errors import ImageError
from recognition.images.sandbox import start_decoder
from recognition.types import Bounds, Candidate, Detection, Detector, Embedder, Outcome, State

MAX_GALLERY_LAG = 1.0  # seconds by which the gallery that photos are searched in may lag behind


@dataclass(frozen=True, slots=True)
class NamedFace:
    detection: Detection
    outcome: Outcome
    name: str | None  # only when known
    reference: str  # path of the nearest reference below MEDIA_ROOT, "" without one
    candidates: list[dict[str, Any]]  # name, label, person_id, similarity
    source_path: str = ""  # where that reference came from
    full_name: str = ""  # the name with what tells namesakes apart

    @property
    def similarity(self) -> float | None:
        return self.outcome.best.similarity if self.outcome.best else None

    @property
    def person_id(self) -> int | None:
        return self.outcome.best.person if self.name and self.outcome.best else None

    @property
    def label(self) -> str:
        if self.name:
            return self.full_name
        is_maybe = self.outcome.state is State.UNSURE and self.candidates
        return f"{self.candidates[0]['label']}?" if is_maybe else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "box": list(self.detection.box.as_ints()),
            "landmarks": self.detection.landmarks.astype(float).round(1).tolist(),
            "detection": round(self.detection.score, 4),
            "state": self.outcome.state.value,
            "name": self.name,
            "label": self.full_name if self.name else None,
            "person_id": self.person_id,
            "similarity": None if self.similarity is None else round(self.similarity, 4),
            "reference": self.reference or None,
            "candidates": self.candidates,
        }


@dataclass(frozen=True, slots=True)
class TaggedPhoto:
    path: Path
    width: int = 0
    height: int = 0
    error: str = ""
    faces: list[NamedFace] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "width": self.width,
            "height": self.height,
            "error": self.error or None,
            "faces": [face.as_json() for face in self.faces],
            "milliseconds": {step: round(spent, 2) for step, spent in self.milliseconds.items()},
        }


def candidate_as_json(candidate: Candidate, person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "label": person.label,
        "person_id": candidate.person,
        "similarity": round(candidate.similarity, 4),
    }


def tag_photos(paths: Sequence[Path]) -> Iterator[TaggedPhoto]:
    """Find and name the photos' faces, in their order; an unreadable photo comes back with its error.

    Some photos are worked on side by side; see ``engine.work_side_by_side``.
    """
    start_decoder()  # while the networks are loaded
    at_once = engine.work_side_by_side(len(paths))
    detector, embedder = engine.get_detector(), engine.get_serving_embedder()
    # Others may have to convert their network first, which takes long.
    if isinstance(embedder, DlibEmbedder | SFaceEmbedder):
        embedder.warm_up()

    gallery = GallerySearch(embedder)
    gallery.refresh()
    analyse = partial(_analyse_photo, detector=detector, embedder=embedder)
    for path, analysis in map_in_threads(analyse, paths, at_once):
        if isinstance(analysis, str):
            yield TaggedPhoto(path, error=analysis)
            continue
        started = perf_counter()
        faces = gallery.name_faces(analysis)
        milliseconds = analysis.milliseconds | {"search": 1000 * (perf_counter() - started)}
        yield TaggedPhoto(path, analysis.width, analysis.height, "", faces, milliseconds)


def _analyse_photo(path: Path, detector: Detector, embedder: Embedder) -> Analysis | str:
    """Pixels to vectors, or what is wrong with the file. Asks the database nothing: it runs in any thread."""
    try:
        return analyse_photo(path, engine.read_photo, detector, embedder)
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"The file cannot be read: {error.strerror or error}."


class GallerySearch:
    """Searches the gallery for one photo after the other, asking for its changes and bounds once in a while only:
    nothing of what it finds is stored. With an asker it finds only what this user may see."""

    def __init__(self, embedder: Embedder, asker: User | None = None) -> None:
        self._embedder, self._asker = embedder, asker
        self._bounds: Bounds | None = None
        self._asked = 0.0

    def refresh(self) -> None:
        """Follow the gallery, unless that was done a moment ago."""
        if self._bounds is None or monotonic() - self._asked >= MAX_GALLERY_LAG:
            live.get_index_follower(self._embedder).refresh()
            self._bounds, self._asked = engine.get_decision_bounds(self._embedder), monotonic()

    def name_faces(self, analysis: Analysis) -> list[NamedFace]:
        self.refresh()
        scores = [detection.score for detection in analysis.detections]
        found = naming.find_outcomes(
            analysis.embeddings,
            self._embedder,
            scores=scores,
            bounds=self._bounds,
            is_fresh=True,
            asker=self._asker,
        )
        if self._bounds and not self._bounds.is_nearest:
            found = withhold_repeated_names(found)
        everyone = {candidate.person for outcome in found for candidate in outcome.candidates}
        people = Person.objects.in_bulk(everyone)
        nearest = {outcome.best.reference for outcome in found if outcome.best}
        paths = dict(Reference.objects.filter(pk__in=nearest).values_list("pk", "image"))
        faces = []
        for detection, outcome in zip(analysis.detections, found, strict=True):
            is_known = outcome.best is not None and outcome.state is State.KNOWN
            known = people.get(outcome.best.person) if outcome.best and is_known else None
            faces.append(
                NamedFace(
                    detection,
                    outcome,
                    known.name if known else None,
                    paths.get(outcome.best.reference, "") if outcome.best else "",
                    [
                        candidate_as_json(candidate, people[candidate.person])
                        for candidate in outcome.candidates
                        if candidate.person in people
                    ],
                    full_name=known.label if known else "",
                )
            )
        return faces


T = TypeVar("T")
R = TypeVar("R")


def map_in_threads(work: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[tuple[T, R]]:
    """Each item with what ``work`` makes of it in one of so many threads; a few results wait at most.

    Items are asked for in the calling thread. Whatever ends the loop ends the threads with their present items.
    """
    if at_once == 1:
        yield from ((item, work(item)) for item in items)
        return
    waiting: deque[tuple[T, Future[R]]] = deque()
    coming = iter(items)
    pool = ThreadPoolExecutor(at_once, "side-by-side")
    try:
        while True:
            for item in islice(coming, 2 * at_once + 1 - len(waiting)):
                waiting.append((item, pool.submit(work, item)))
            if not waiting:
                return
            item, future = waiting.popleft()
            yield item, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
