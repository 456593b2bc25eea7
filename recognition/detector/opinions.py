"""Is it a face? Two opinions on every candidate: CenterFace's, and O-Net's on several crops of it.

The rule, measured on the photos of bench/detection.py: among candidates CenterFace scores over 0.5 nearly all
are faces, whatever O-Net says of profiles and lowered faces; under that, O-Net must agree, the more the lower
the first score is; what only the cascade believes in has to convince CenterFace on an enlarged crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.types import Image

from .boxes import moved, overlap, squared
from .cascade import NONE, Faces
from .networks import Networks
from .resample import Planes, patches

Array = NDArray[np.float32]
DIM = 60.0  # mean brightness of a patch under which it is brightened
CERTAIN, LIKELY, POSSIBLE = 0.65, 0.5, 0.2  # CenterFace's score
UPRIGHT = 0.9  # O-Net's opinion of upright faces
SAME, PART = 0.4, 0.75  # shares of two boxes that make them one face
AGREED = (0.0, 0.2, 0.8)  # the lowest opinion of O-Net for each


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places that may be faces: as first proposed (``centre``: CenterFace's score, 0 where it saw none), and
    as O-Net sees them (``output``: its mean score over three crops)."""

    proposed: Faces
    refined: Faces
    output: Array

    @property
    def centre(self) -> Array:
        return self.proposed.scores

    def take(self, index: NDArray[np.generic]) -> Candidates:
        return Candidates(self.proposed.take(index), self.refined.take(index), self.output[index])

    def accepted(self) -> NDArray[np.bool_]:
        accepted = np.zeros(len(self.output), np.bool_)
        for low, agreed in zip((CERTAIN, LIKELY, POSSIBLE), AGREED, strict=True):
            accepted |= (self.centre >= low) & (self.output >= agreed)
        return accepted

    def is_sure(self) -> bool:
        """Whether one of them is surely a face, and upright."""
        return bool(((self.centre >= LIKELY) & (self.output >= UPRIGHT)).any())

    def score(self) -> Array:
        """How sure both together are, 0 to 1: the doubts multiply."""
        together: Array = np.subtract(1, (1 - self.centre) * (1 - self.output), dtype=np.float32)
        return together

    def faces(self) -> Faces:
        """O-Net's box and landmarks where it agrees that this is a face, else CenterFace's."""
        agree = (self.output >= 0.5)[:, None]
        boxes = np.where(agree, self.refined.boxes, self.proposed.boxes)
        points = np.where(agree[..., None], self.refined.points, self.proposed.points)
        return Faces(boxes, self.score(), points)


def examine(networks: Networks, image: Image, proposed: Faces) -> Candidates:
    """O-Net's opinion on the square around each proposed box, on its mirror image, and once more where it
    moved the box to."""
    if not len(proposed):
        return Candidates(NONE, NONE, NONE.scores)
    squares = squared(proposed.boxes)
    first = brightened(patches(image, squares, 48))
    scores, offsets, points = networks.output(np.concatenate([first, first[..., ::-1]]))
    count = len(squares)
    once = moved(squares, offsets[:count])
    again_in = squared(once)
    again, offsets, points = networks.output(brightened(patches(image, again_in, 48)))
    size = (again_in[:, 2:] - again_in[:, :2] + 1)[:, None, :]
    landmarks = points * size + again_in[:, None, :2] - 1
    mean = (scores[:count] + scores[count:] + again) / 3
    return Candidates(proposed, Faces(once, mean, landmarks), mean)


def brightened(crops: Planes) -> Planes:
    """Patches (n, 3, size, size) with the dim ones stretched in contrast."""
    mean = crops.mean((1, 2, 3), keepdims=True)
    gain = np.where(mean < DIM, np.minimum(DIM * 1.6 / np.maximum(mean, 1.0), 8.0), 1.0).astype(np.float32)
    return np.minimum(crops * gain, 255)


def distinct(faces: Faces) -> NDArray[np.intp]:
    """Indices of the faces, best first, that are not another one over again or a part of it."""
    order = np.argsort(-faces.scores, kind="stable")
    boxes = faces.boxes[order]
    again = (overlap(boxes, boxes) > SAME) | (overlap(boxes, boxes, of_smaller=True) > PART)
    kept = np.zeros(len(order), np.bool_)
    for index in range(len(order)):
        kept[index] = not (again[index, :index] & kept[:index]).any()
    return order[kept]
