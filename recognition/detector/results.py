"""From arrays to the library's own types: faces inside the photo, left to right, with their quality."""

from __future__ import annotations

import numpy as np

from recognition.quality import measure
from recognition.types import Box, Detection, Image

from .cascade import Faces


def detections(image: Image, faces: Faces) -> list[Detection]:
    """Detections left to right, boxes clipped to the image, quality measured."""
    rows, columns = image.shape[:2]
    found = []
    order = np.lexsort((faces.boxes[:, 1], faces.boxes[:, 0]))
    for box, score, points in zip(faces.boxes[order], faces.scores[order], faces.points[order], strict=True):
        left, top = min(max(box[0], 0.0), columns - 1.0), min(max(box[1], 0.0), rows - 1.0)
        right, bottom = min(max(box[2], left), columns - 1.0), min(max(box[3], top), rows - 1.0)
        kept = Box(float(left), float(top), float(right - left), float(bottom - top))
        face = Detection(kept, points.astype(np.float32), float(min(max(score, 0.0), 1.0)))
        found.append(Detection(kept, face.landmarks, face.score, measure(image, face)))
    return found
