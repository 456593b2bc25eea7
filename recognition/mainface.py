"""The one face a reference image is about, also in tight crops that leave a detector no border."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from recognition.errors import CodedError
from recognition.types import Box, Detection, Detector, Image, Landmarks

RIVAL_SHARE = 0.75
"""A second face that weighs this much of the first makes the image ambiguous."""

SMALL_IMAGE_SIDE = 160
"""Shorter images are enlarged, by whole factors, before the second look."""


class NoFaceFound(CodedError):
    """The image shows no face that can be found, even with a border added."""


class SeveralFaces(CodedError):
    """The image shows two faces of about the same weight; nobody can tell whose it is. `face` is the first."""

    def __init__(self, code: str, face: Detection) -> None:
        super().__init__(code)
        self.face = face


def find_main_face(image: Image, detector: Detector) -> Detection:
    """The face of an upright RGB image that it is about: large and near the middle.

    Raises NoFaceFound, or SeveralFaces where a second face competes.
    """
    best, rival = find_main_face_and_rival(image, detector)
    if rival >= RIVAL_SHARE:
        raise SeveralFaces("several_faces", best)
    return best


def find_main_face_and_rival(image: Image, detector: Detector) -> tuple[Detection, float]:
    """The face that weighs most, and the share of it that the second weighs: 0 (none) to 1. Raises NoFaceFound."""
    found = detector.detect(image) or _detect_with_border(image, detector)
    if not found:
        raise NoFaceFound("no_face")
    height, width = image.shape[:2]
    weights = [weigh_box(face.box, width, height) for face in found]
    first, *others = sorted(weights, reverse=True)
    return found[weights.index(first)], (others[0] / first if others and first else 0.0)


def cut_main_face(image: Image, detector: Detector, margin: float) -> tuple[Image, Detection]:
    """A tight cut of the face the image is about, with ``margin`` of its box on every side, and the face.

    Raises as ``find_main_face`` does.
    """
    face = find_main_face(image, detector)
    height, width = image.shape[:2]
    left, top, across, down = face.box.padded(margin).clipped(width, height).as_ints()
    return image[top : top + max(down, 1), left : left + max(across, 1)], face


def weigh_box(box: Box, width: int, height: int) -> float:
    """Area of the box, falling to half at the image's corners; in pixels."""
    across = (box.left + box.width / 2) / width - 0.5
    down = (box.top + box.height / 2) / height - 0.5
    distance = math.hypot(across, down) / math.hypot(0.5, 0.5)
    return box.area * (1 - 0.5 * min(distance, 1.0))


def _detect_with_border(image: Image, detector: Detector) -> list[Detection]:
    """Detections after adding a border and enlarging a small image, in pixels of the image as it came."""
    height, width = image.shape[:2]
    if min(height, width) < 16:
        return []
    factor = max(1, math.ceil(SMALL_IMAGE_SIDE / min(height, width)))
    for fraction in (0.25, 0.6):
        border = round(fraction * max(height, width))
        padded = np.pad(image, ((border, border), (border, border), (0, 0)), mode="edge")
        grown = padded.repeat(factor, axis=0).repeat(factor, axis=1)
        found = detector.detect(grown)
        if found:
            return [_map_back_face(face, border, factor) for face in found]
    return []


def _map_back_face(face: Detection, border: int, factor: int) -> Detection:
    box = face.box.scaled(1 / factor).shifted(-border, -border)
    return replace(face, box=box, landmarks=(face.landmarks / factor - border).astype(np.float32))


def assume_landmarks(width: int, height: int) -> Landmarks:
    """Where the five points usually lie in a crop that is one frontal face and nothing else, in pixels."""
    usual = [(0.31, 0.40), (0.69, 0.40), (0.50, 0.58), (0.35, 0.76), (0.65, 0.76)]
    return np.array([(across * width, down * height) for across, down in usual], np.float32)
