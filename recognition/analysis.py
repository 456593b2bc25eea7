"""One photo from bytes to embedded faces: decode, detect, embed. What both the worker and `tag` run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from recognition.images import Photo, Turned
from recognition.likeness import NO_LIKENESS, Likeness, measure_likeness
from recognition.types import Detection, Detector, Embedder, Embeddings, FaceCrop, Image

Source = TypeVar("Source", Path, bytes, Turned)


@dataclass(frozen=True, slots=True)
class Analysis:
    """The faces of a photo, left to right, in pixels of the full-size upright photo."""

    width: int
    height: int
    detections: list[Detection]
    embeddings: Embeddings  # (n, dimension); a row of zeros where the face is too poor to be recognised
    milliseconds: dict[str, float]  # decode, detect, embed
    is_cut_off: bool = False  # the file ends too early
    likeness: Likeness = NO_LIKENESS


def has_embedding(detection: Detection) -> bool:
    """Faces too poor to recognise are kept and shown, but neither embedded nor matched."""
    return detection.quality is None or detection.quality.is_usable


def embed_faces(pixels: Image, detections: list[Detection], embedder: Embedder) -> Embeddings:
    """Unit vectors for the usable detections (in pixels of `pixels`), zeros for the others."""
    vectors = np.zeros((len(detections), embedder.dimension), np.float32)
    rows = [row for row, detection in enumerate(detections) if has_embedding(detection)]
    crops = [FaceCrop(pixels, detections[row].box, detections[row].landmarks) for row in rows]
    if crops:
        vectors[rows] = embedder.embed(crops)
    return vectors


def scale_to_full_size(photo: Photo, detection: Detection) -> Detection:
    """A detection in the decoded pixels, in pixels of the full-size photo."""
    box, landmarks = photo.box_in_full(detection.box), photo.points_in_full(detection.landmarks)
    return Detection(box, landmarks, detection.score, detection.quality)


def analyse_photo(
    source: Source, read: Callable[[Source], Photo], detector: Detector, embedder: Embedder | None
) -> Analysis:
    """Find and embed every face; ImageError when the file cannot be used.

    Without an embedder the faces are only found: `embeddings` has no columns.
    """
    started = time.perf_counter()
    photo = read(source)
    decoded = time.perf_counter()
    detections = detector.detect(photo.pixels)
    detected = time.perf_counter()
    embeddings = np.zeros((len(detections), 0), np.float32)
    if embedder is not None:
        embeddings = embed_faces(photo.pixels, detections, embedder)
    embedded = time.perf_counter()
    return Analysis(
        photo.width,
        photo.height,
        [scale_to_full_size(photo, detection) for detection in detections],
        embeddings,
        {
            "decode": 1000 * (decoded - started),
            "detect": 1000 * (detected - decoded),
            "embed": 1000 * (embedded - detected),
        },
        photo.is_cut_off,
        measure_likeness(photo.pixels),
    )
