"""Settings turned into a detector and an embedder: once per process, nothing at import.

Models are loaded at first use, after a worker has forked; a fork made later starts afresh. Nothing here may
be imported by a web process."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from django.conf import settings

from gallery.core.limits import get_upload_limits
from gallery.index.carry_over import carry_over_vectors
from gallery.index.selectors import SERVING_RECIPE_KEY, get_bounds_in_force
from gallery.index.switch import get_chosen_name
from gallery.models.history import get_site_setting
from recognition import images
from recognition.cores import count_cores
from recognition.detector import load_detector
from recognition.embedders import (
    DEFAULT_EMBEDDER,
    FALLBACK_EMBEDDER,
    get_unavailable_reason,
    load_embedder,
)
from recognition.errors import (
    EmbedderMismatch,
    IndexAway,
    ModelCacheUnusable,
    RecognitionError,
    WeightsCorrupt,
    WeightsMissing,
)
from recognition.images import Turned, sandbox
from recognition.types import Bounds, Detector, Embedder

log = logging.getLogger(__name__)
T = TypeVar("T")
_loading_lock = threading.RLock()
_loaded_objects: dict[tuple[int, str], object] = {}
_side_by_side = 0  # of a command; 0 in a worker

# Of the installation, not of a photo: what waits for a model or the index is tried again so many seconds later.
MISSING_ENGINE_ERRORS = (WeightsMissing, WeightsCorrupt, ModelCacheUnusable, IndexAway)
MODEL_RETRY_SECONDS = 60.0
MIN_DECODED_SIDE = 3_000  # a larger JPEG is decoded at a half, a quarter or an eighth, never below this


def load_once(name: str, make: Callable[[], T]) -> T:
    """One object of this name in this process."""
    with _loading_lock:
        key = (os.getpid(), name)
        if key not in _loaded_objects:
            _loaded_objects[key] = make()
        return cast(T, _loaded_objects[key])


def forget_loaded_models() -> None:
    """Drop everything made so far; for tests and for a change of settings."""
    with _loading_lock:
        _loaded_objects.clear()


def threads_per_photo() -> int:
    """Threads for one photo. The worker processes, or the photos that one command works on side by side, share
    the machine instead of fighting for it."""
    return max(1, count_cores() // (_side_by_side or settings.WORKER_PROCESSES))


def work_side_by_side(photos: int) -> int:
    """Let this process work on up to so many photos at once, as many as there are cores; says how many those are.

    For a command that somebody waits for, not for a worker. The networks gain little from a second thread, and
    photos side by side nearly all of one. Call it before anything is loaded: what is loaded keeps its threads.
    """
    global _side_by_side
    _side_by_side = max(1, min(photos, count_cores()))
    return _side_by_side


def get_detector() -> Detector:
    return load_once("detector", lambda: load_detector(settings.DETECTOR, threads=threads_per_photo()))


def get_configured_name() -> str:
    """The embedder that is chosen, or that a new site begins with."""
    missing = get_unavailable_reason(DEFAULT_EMBEDDER)
    return get_chosen_name() or (FALLBACK_EMBEDDER if missing else DEFAULT_EMBEDDER)


def get_configured_embedder() -> Embedder:
    """The embedder that is chosen; another one may still serve."""
    return get_named_embedder(get_configured_name())


def get_named_embedder(name: str) -> Embedder:
    """One of EMBEDDER_NAMES, with the options that the settings give it."""
    return _load_embedder(name, _embedder_options(name))


def get_serving_embedder() -> Embedder:
    """The embedder whose index answers now; another one only takes over once its own index is complete."""
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    if isinstance(recipe, dict):
        try:
            found = _load_embedder(recipe["name"], recipe["options"])
        except RecognitionError as error:
            log.warning("The embedder that made the serving index cannot be loaded any more: %s", error)
        else:
            if recipe["id"] in found.earlier_ids:
                carry_over_vectors(recipe["id"], found.id)
                return found
            if found.id == recipe["id"]:  # its weights, and what is done with them, are still the same
                return found
    return get_configured_embedder()


def get_embedder_by_id(embedder_id: str) -> Embedder:
    """The serving or the configured embedder, whichever has this id; EmbedderMismatch if neither has."""
    for find in (get_serving_embedder, get_configured_embedder):
        if (found := find()).id == embedder_id:
            return found
    raise EmbedderMismatch(f"No embedder with the id {embedder_id} is configured.")


def get_configured_recipe() -> dict[str, Any]:
    """What is stored of the configured embedder, so that it can go on serving when the settings name another."""
    name = get_configured_name()
    return {"id": get_configured_embedder().id, "name": name, "options": _embedder_options(name)}


def _embedder_options(name: str) -> dict[str, str]:
    return {
        "sface": {},
        "dlib": {},
        "clip": {"model": settings.CLIP_MODEL, "pretrained": settings.CLIP_PRETRAINED},
        "onnx": {"model": settings.ONNX_MODEL},
    }[name]


def _load_embedder(name: str, options: dict[str, str]) -> Embedder:
    key = " ".join(["embedder", name, *options.values()])
    return load_once(key, lambda: load_embedder(name, threads=threads_per_photo(), **options))


def read_photo(source: Path | bytes | Turned) -> images.Photo:
    """Decode a photo where no file can take the process down; large JPEGs at reduced scale."""
    return sandbox.read_photo(source, get_upload_limits(), at_least=MIN_DECODED_SIDE)


def get_decision_bounds(embedder: Embedder) -> Bounds:
    """By which names are given now."""
    return get_bounds_in_force(embedder.id, embedder.bounds)
