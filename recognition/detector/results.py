"""From arrays to the library's own types: faces inside the photo, left to right, with their quality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recognition.quality import measure
from recognition.types import Box, Detection, Image

from .cascade import Faces


def detections(image: Image, faces: Faces, unclear: NDArray[np.bool_] | None = None) -> list[Detection]:
    """Detections left to right, boxes clipped to the image, quality measured.

    ``unclear`` faces are turned or lowered so far that their landmarks are guesses: never usable.
    """
    rows, columns = image.shape[:2]
    found = []
    for index in np.lexsort((faces.boxes[:, 1], faces.boxes[:, 0])):
        box, points = faces.boxes[index], faces.points[index]
        left, top = min(max(box[0], 0.0), columns - 1.0), min(max(box[1], 0.0), rows - 1.0)
        right, bottom = min(max(box[2], left), columns - 1.0), min(max(box[3], top), rows - 1.0)
        kept = Box(float(left), float(top), float(right - left), float(bottom - top))
        face = Detection(kept, points.astype(np.float32), float(np.clip(faces.scores[index], 0, 1)))
        quality = measure(image, face)
        if unclear is not None and unclear[index] and quality.is_usable:
            quality = replace(quality, is_usable=False, reason="turned")
        found.append(replace(face, quality=quality))
    return found
