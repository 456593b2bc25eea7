"""Settings turned into a detector, an embedder and the live index: once per process, nothing at import.

Models are loaded at first use, after a worker has forked; a fork made later starts afresh. Nothing here may
be imported by a web process.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from django.conf import settings

from gallery import queries
from gallery.limits import limits
from recognition import detector as detectors
from recognition import embedders, images
from recognition.decide import for_gallery
from recognition.images import sandbox
from recognition.types import (
    Bounds,
    Detector,
    Embedder,
    EmbedderMismatch,
    ModelCacheUnusable,
    RecognitionError,
    WeightsCorrupt,
    WeightsMissing,
)

log = logging.getLogger(__name__)
T = TypeVar("T")
SERVING = queries.SERVING
_lock = threading.RLock()
_made: dict[tuple[int, str], object] = {}
_side_by_side = 0  # of a command; 0 in a worker

# Of the installation, not of a photo: what waits for a model is tried again so many seconds later.
MISSING = (WeightsMissing, WeightsCorrupt, ModelCacheUnusable)
MISSING_LATER = 60.0
DECODED_SIDE = 3_000  # a larger JPEG is decoded at a half, a quarter or an eighth, never below this


def once(name: str, make: Callable[[], T]) -> T:
    """One object of this name in this process."""
    with _lock:
        key = (os.getpid(), name)
        if key not in _made:
            _made[key] = make()
        return cast(T, _made[key])


def forget() -> None:
    """Drop everything made so far; for tests and for a change of settings."""
    with _lock:
        _made.clear()


def threads() -> int:
    """Threads for one photo. The worker processes, or the photos that one command works on side by side, share
    the machine instead of fighting for it."""
    return max(1, cores() // (_side_by_side or settings.WORKER_PROCESSES))


def work_side_by_side(photos: int) -> int:
    """Let this process work on up to so many photos at once, as many as there are cores; says how many those are.

    For a command that somebody waits for, not for a worker. The networks gain little from a second thread, and
    photos side by side nearly all of one. Call it before anything is loaded: what is loaded keeps its threads.
    """
    global _side_by_side
    _side_by_side = max(1, min(photos, cores()))
    return _side_by_side


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def detector() -> Detector:
    return once("detector", lambda: detectors.load(settings.DETECTOR, threads=threads()))


def embedder() -> Embedder:
    """The embedder that is wished for (`FACESITE_EMBEDDER`)."""
    return embedder_named(settings.EMBEDDER)


def serving() -> Embedder:
    """The embedder whose index answers now; another one only takes over once its own index is complete."""
    recipe = queries.setting(SERVING)
    return (isinstance(recipe, dict) and _from_recipe(recipe)) or embedder()


def embedder_with(embedder_id: str) -> Embedder:
    """The serving or the wished embedder, whichever has this id; EmbedderMismatch if neither."""
    for find in (serving, embedder):
        if (found := find()).id == embedder_id:
            return found
    raise EmbedderMismatch(f"No embedder with the id {embedder_id} is configured.")


def embedder_named(name: str) -> Embedder:
    return _embedder(name, _options(name))


def recipe() -> dict[str, Any]:
    """What is kept of the wished embedder, so that it can go on serving when another one is wished for."""
    return {"id": embedder().id, "name": settings.EMBEDDER, "options": _options(settings.EMBEDDER)}


def _options(name: str) -> dict[str, str]:
    return {
        "dlib": {},
        "clip": {"model": settings.CLIP_MODEL, "pretrained": settings.CLIP_PRETRAINED},
        "onnx": {"model": settings.ONNX_MODEL},
    }[name]


def _embedder(name: str, options: dict[str, str]) -> Embedder:
    key = " ".join(["embedder", name, *options.values()])
    return once(key, lambda: embedders.load(name, threads=threads(), **options))


def _from_recipe(recipe: dict[str, Any]) -> Embedder | None:
    """The embedder that was serving, if its weights and what is done with them are still the same."""
    try:
        found = _embedder(recipe["name"], recipe["options"])
    except RecognitionError as error:
        log.warning("The embedder that made the serving index cannot be loaded any more: %s", error)
        return None
    return found if found.id == recipe["id"] else None


def read(path: Path) -> images.Photo:
    """Decode a photo where no file can take the process down; large JPEGs at reduced scale."""
    return sandbox.read(path, limits(), at_least=DECODED_SIDE)


def bounds(embedder: Embedder) -> Bounds:
    """The owner's measured bounds for this embedder, else its published ones for so many people."""
    found = queries.applied_calibration(embedder.id)
    return Bounds(**found.bounds) if found else for_gallery(embedder.bounds, queries.searchable_persons())
