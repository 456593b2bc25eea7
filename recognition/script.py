"""The steps of the script that Facesite grew out of, as it did them, oddities included.

OpenCV read the picture, upright and in the order blue, green, red; MTCNN, made for red, green, blue, was given it so.
The crops were cut from the picture as Pillow opens it, which leaves it lying as the camera stored it.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from recognition.analysis import Analysis
from recognition.mainface import assume_landmarks
from recognition.types import Box, Detector, Embedder, FaceCrop


def analyse_like_script(
    path: Path, detector: Detector, embedder: Embedder, least_detection: float
) -> Analysis:
    """Boxes in pixels of the upright photo, of faces with a detection score over the least; a vector for each.

    Raises OSError, or what else Pillow raises, for a file that Pillow cannot open.
    """
    started = time.perf_counter()
    with Pillow.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
        picture = opened.convert("RGB")
    decoded = time.perf_counter()
    found = detector.detect(np.ascontiguousarray(np.asarray(upright)[:, :, ::-1]))
    faces = [face for face in found if face.score > least_detection]
    detected = time.perf_counter()
    vectors = embedder.embed([_cut_like_script(picture, face.box) for face in faces])
    milliseconds = {
        "decode": 1000 * (decoded - started),
        "detect": 1000 * (detected - decoded),
        "embed": 1000 * (time.perf_counter() - detected),
    }
    return Analysis(upright.width, upright.height, faces, vectors, milliseconds)


def _cut_like_script(picture: Pillow.Image, box: Box) -> FaceCrop:
    """What lies outside the picture is black."""
    left, top, width, height = box.as_ints()
    width, height = max(1, width), max(1, height)
    pixels = np.asarray(picture.crop((left, top, left + width, top + height)))
    return FaceCrop(pixels, Box(0, 0, width, height), assume_landmarks(width, height))
