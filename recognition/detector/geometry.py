"""Boxes and faces as arrays, many at once, and the detections they become in the end.

Boxes are float64 arrays (n, 4) of left, top, right, bottom. Their arithmetic follows the ``mtcnn`` package to
the letter, including its suppression rule, in which a box falls to any better-scored box it overlaps, even to
one that has itself fallen. Detections are the library's own type: inside the photo, left to right, with their
quality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recognition.quality import measure_quality
from recognition.types import Box, Detection, Image

Boxes = NDArray[np.float64]
Scores = NDArray[np.float32]
_BLOCK_ROWS = 256


def order_best_first(scores: Scores) -> NDArray[np.intp]:
    return np.argsort(scores)[::-1]


def measure_overlap(a: Boxes, b: Boxes, *, of_smaller: bool = False) -> NDArray[np.float64]:
    """(len(a), len(b)) intersections, over the union or over the smaller of the two areas."""
    across = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    down = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    area_a, area_b = _measure_areas(a)[:, None], _measure_areas(b)[None, :]
    whole = np.minimum(area_a, area_b) if of_smaller else area_a + area_b - shared
    part: NDArray[np.float64] = shared / np.maximum(whole, 1e-9)
    return part


def suppress_overlaps(boxes: Boxes, threshold: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Indices of the boxes no earlier box overlaps by more than ``threshold``; boxes come best first."""
    kept = np.ones(len(boxes), np.bool_)
    for start in range(0, len(boxes), _BLOCK_ROWS):
        rows = boxes[start : start + _BLOCK_ROWS]
        stop = start + len(rows)
        over = measure_overlap(boxes[:stop], rows, of_smaller=of_smaller) > threshold
        earlier = np.arange(stop)[:, None] < np.arange(start, stop)[None, :]
        fallen = np.logical_and(over, earlier).any(0)
        kept[start:stop] = np.logical_not(fallen)
    return np.flatnonzero(kept)


def square_boxes(boxes: Boxes) -> Boxes:
    """The square around the same centre with the longer side."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = np.maximum(width, height)
    left = boxes[:, 0] + width * 0.5 - side * 0.5
    top = boxes[:, 1] + height * 0.5 - side * 0.5
    return np.stack([left, top, left + side, top + side], 1)


def apply_offsets(boxes: Boxes, offsets: NDArray[np.float32]) -> Boxes:
    """Each edge moved by its offset, given in box sizes."""
    width, height = boxes[:, 2] - boxes[:, 0] + 1, boxes[:, 3] - boxes[:, 1] + 1
    shifted: Boxes = np.add(boxes, offsets * np.stack([width, height, width, height], 1))
    return shifted


def _measure_areas(boxes: Boxes) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.multiply(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return area


@dataclass(frozen=True, slots=True)
class Faces:
    """What a detector found, as arrays: boxes (n, 4), scores (n,), points (n, 5, 2)."""

    boxes: Boxes
    scores: Scores
    points: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: NDArray[np.generic]) -> Faces:
        return Faces(self.boxes[index], self.scores[index], self.points[index])


NO_FACES = Faces(np.empty((0, 4)), np.empty(0, np.float32), np.empty((0, 5, 2)))


def join_faces(parts: list[Faces]) -> Faces:
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.points for part in parts]),
    )


def turn_faces_back(faces: Faces, quarters: int, rows: int, columns: int) -> Faces:
    """Faces of ``np.rot90(image, quarters)`` in pixels of the image, which has these rows and columns."""
    points = np.concatenate([faces.boxes.reshape(-1, 2, 2), faces.points], 1)
    x, y = points[..., 0], points[..., 1]
    back = {
        0: (x, y),
        1: (columns - 1 - y, x),
        2: (columns - 1 - x, rows - 1 - y),
        3: (y, rows - 1 - x),
    }[quarters]
    points = np.stack(back, -1)
    corners = np.sort(points[:, :2], axis=1)
    return Faces(corners.reshape(-1, 4), faces.scores, points[:, 2:])


def make_detections(image: Image, faces: Faces, unclear: NDArray[np.bool_] | None = None) -> list[Detection]:
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
        quality = measure_quality(image, face)
        if unclear is not None and unclear[index] and quality.is_usable:
            quality = replace(quality, is_usable=False, reason="turned")
        found.append(replace(face, quality=quality))
    return found
