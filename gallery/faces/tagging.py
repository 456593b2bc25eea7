"""Names photos without storing them: what the `tag` command does, by the same steps as the worker."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from gallery.faces import naming
from gallery.index import engine, live
from gallery.index.engine import work_side_by_side
from gallery.models import Person, Reference
from recognition.analysis import Analysis, analyse_photo
from recognition.embedders.dlib import DlibEmbedder
from recognition.errors import ImageError
from recognition.images.sandbox import start_decoder
from recognition.types import Bounds, Detection, Detector, Embedder, Outcome, State

MAX_GALLERY_LAG = 1.0  # seconds by which the gallery that photos are searched in may lag behind


@dataclass(frozen=True, slots=True)
class NamedFace:
    detection: Detection
    outcome: Outcome
    name: str | None  # only when known
    reference: str  # path of the nearest reference below MEDIA_ROOT, "" without one
    candidates: list[dict[str, Any]]  # name, similarity

    @property
    def similarity(self) -> float | None:
        return self.outcome.best.similarity if self.outcome.best else None

    @property
    def label(self) -> str:
        if self.name:
            return self.name
        is_maybe = self.outcome.state is State.UNSURE and self.candidates
        return f"{self.candidates[0]['name']}?" if is_maybe else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "box": list(self.detection.box.as_ints()),
            "landmarks": self.detection.landmarks.astype(float).round(1).tolist(),
            "detection": round(self.detection.score, 4),
            "state": self.outcome.state.value,
            "name": self.name,
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


def tag_photo(path: Path) -> TaggedPhoto:
    """Find and name the photo's faces; an unreadable photo comes back with its error."""
    return next(tag_photos([path]))


def tag_photos(paths: Sequence[Path]) -> Iterator[TaggedPhoto]:
    """The same for many photos, in their order, some of them side by side; see ``engine.work_side_by_side``."""
    start_decoder()  # while the networks are loaded
    at_once = work_side_by_side(len(paths))
    detector, embedder = engine.get_detector(), engine.get_serving_embedder()
    if isinstance(embedder, DlibEmbedder):  # others may have to convert their network first, which takes long
        embedder.warm_up()

    def analysed(path: Path) -> Analysis | str:
        return _analyse_photo(path, detector, embedder)

    names = _GallerySearch(embedder)
    names.ask()
    for path, analysis in map_in_threads(analysed, paths, at_once):
        yield _name_analysed_photo(path, analysis, names)


def _analyse_photo(path: Path, detector: Detector, embedder: Embedder) -> Analysis | str:
    """Pixels to vectors, or what is wrong with the file. Asks the database nothing: it runs in any thread."""
    try:
        return analyse_photo(path, engine.read_photo, detector, embedder)
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"The file cannot be read: {error.strerror or error}."


class _GallerySearch:
    """Searches the gallery for one photo after the other, asking for its changes and bounds once in a while only:
    nothing of what it finds is stored."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._bounds: Bounds | None = None
        self._asked = 0.0

    def ask(self) -> None:
        """Follow the gallery, unless that was done a moment ago."""
        if self._bounds is None or monotonic() - self._asked >= MAX_GALLERY_LAG:
            live.get_index_follower(self._embedder).refresh()
            self._bounds, self._asked = engine.get_decision_bounds(self._embedder), monotonic()

    def of(self, analysis: Analysis) -> list[NamedFace]:
        self.ask()
        found = naming.find_outcomes(analysis.embeddings, self._embedder, bounds=self._bounds, is_fresh=True)
        return _make_named_faces(analysis.detections, found)


def _name_analysed_photo(path: Path, analysis: Analysis | str, names: _GallerySearch) -> TaggedPhoto:
    if isinstance(analysis, str):
        return TaggedPhoto(path, error=analysis)
    started = time.perf_counter()
    faces = names.of(analysis)
    milliseconds = analysis.milliseconds | {"search": 1000 * (time.perf_counter() - started)}
    return TaggedPhoto(path, analysis.width, analysis.height, "", faces, milliseconds)


def _make_named_faces(detections: list[Detection], found: list[Outcome]) -> list[NamedFace]:
    everyone = {candidate.person for outcome in found for candidate in outcome.candidates}
    names = dict(Person.objects.filter(pk__in=everyone).values_list("pk", "name"))
    nearest = {outcome.best.reference for outcome in found if outcome.best}
    paths = dict(Reference.objects.filter(pk__in=nearest).values_list("pk", "image"))
    named = []
    for detection, outcome in zip(detections, found, strict=True):
        best = outcome.best
        named.append(
            NamedFace(
                detection,
                outcome,
                names.get(best.person) if best and outcome.state is State.KNOWN else None,
                paths.get(best.reference, "") if best else "",
                [
                    {"name": names[candidate.person], "similarity": round(candidate.similarity, 4)}
                    for candidate in outcome.candidates
                    if candidate.person in names
                ],
            )
        )
    return named


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
    pool = ThreadPoolExecutor(at_once, "side-by-side")
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > 2 * at_once:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
