"""MTCNN's cascade exactly as the ``mtcnn`` package 1.0.0 runs it with its default settings.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016:
P-Net proposes boxes on a pyramid of reduced images, R-Net and O-Net refine them on patches of the photo, and
O-Net adds the five landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.types import Image

from . import boxes as geometry
from .boxes import Boxes, Scores
from .networks import Networks
from .resample import area, patches

CELL = 12  # pixels P-Net sees at once
STRIDE = 2
SMALLEST_FACE = 20
STEP = 0.709  # from one level of the pyramid to the next
PROPOSED, REFINED, ACCEPTED = 0.6, 0.7, 0.8  # lowest score each network lets through


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


NONE = Faces(np.empty((0, 4)), np.empty(0, np.float32), np.empty((0, 5, 2)))


def find(networks: Networks, image: Image) -> Faces:
    """All faces the cascade finds, best first."""
    found = propose(networks, image)
    if len(found):
        found = refine(networks, image, found)
    return output(networks, image, found) if len(found) else NONE


def scales(rows: int, columns: int) -> NDArray[np.float64]:
    shorter = min(rows, columns)
    count = round(-(np.log(shorter / CELL) / np.log(STEP) + 1)) if shorter else 0
    return CELL / SMALLEST_FACE * STEP ** np.arange(count)


def propose(networks: Networks, image: Image) -> Boxes:
    """Square boxes where P-Net sees a face at some level of the pyramid."""
    rows, columns = image.shape[:2]
    boxes, scores = [np.empty((0, 4))], [np.empty(0, np.float32)]
    for scale in scales(rows, columns):
        planes = area(image, int(rows * scale), int(columns * scale))
        level, level_scores = cells(*networks.propose(planes), PROPOSED)
        order = geometry.best_first(level_scores)
        level, level_scores = level[order] / scale, level_scores[order]
        kept = geometry.survivors(level, 0.5)
        boxes.append(level[kept])
        scores.append(level_scores[kept])
    every = np.concatenate(boxes)[geometry.best_first(np.concatenate(scores))]
    return geometry.squared(every[geometry.survivors(every, 0.7)])


def cells(scores: NDArray[np.float32], offsets: NDArray[np.float32], lowest: float) -> tuple[Boxes, Scores]:
    """The boxes of P-Net's cells over a score, in pixels of the level."""
    row, column = np.nonzero(scores > lowest)
    corner = np.stack([column, row], 1) * STRIDE + 1.0
    offset = offsets[row, column] * (CELL - 1)
    return np.concatenate([corner, corner + CELL - 1], 1) + offset, scores[row, column]


def refine(networks: Networks, image: Image, found: Boxes) -> Boxes:
    """R-Net's verdict on square boxes: those it takes for faces, moved, square again."""
    scores, offsets = networks.refine(patches(image, found, 24))
    found = geometry.moved(found, offsets)
    found, scores = found[scores > REFINED], scores[scores > REFINED]
    found = found[geometry.best_first(scores)]
    return geometry.squared(found[geometry.survivors(found, 0.7)])


def output(networks: Networks, image: Image, found: Boxes) -> Faces:
    """O-Net's verdict on square boxes: faces with landmarks, best first."""
    scores, offsets, points = networks.output(patches(image, found, 48))
    size = (found[:, 2:] - found[:, :2] + 1)[:, None, :]
    faces = Faces(geometry.moved(found, offsets), scores, points * size + found[:, None, :2] - 1)
    faces = faces.take(scores > ACCEPTED)
    faces = faces.take(geometry.best_first(faces.scores))
    return faces.take(geometry.survivors(faces.boxes, 0.7, of_smaller=True))
