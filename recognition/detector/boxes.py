"""Arithmetic on many boxes at once: float64 arrays (n, 4) of left, top, right, bottom.

These follow the ``mtcnn`` package to the letter, including its suppression rule, in which a box falls to any
better-scored box it overlaps, even to one that has itself fallen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
Scores = NDArray[np.float32]
_BLOCK = 256


def best_first(scores: Scores) -> NDArray[np.intp]:
    return np.argsort(scores)[::-1]


def overlap(a: Boxes, b: Boxes, *, of_smaller: bool = False) -> NDArray[np.float64]:
    """(len(a), len(b)) intersections, over the union or over the smaller of the two areas."""
    across = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    down = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    area_a, area_b = _area(a)[:, None], _area(b)[None, :]
    whole = np.minimum(area_a, area_b) if of_smaller else area_a + area_b - shared
    part: NDArray[np.float64] = shared / np.maximum(whole, 1e-9)
    return part


def survivors(boxes: Boxes, threshold: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Indices of the boxes no earlier box overlaps by more than ``threshold``; boxes come best first."""
    kept = np.ones(len(boxes), np.bool_)
    for start in range(0, len(boxes), _BLOCK):
        rows = boxes[start : start + _BLOCK]
        stop = start + len(rows)
        over = overlap(boxes[:stop], rows, of_smaller=of_smaller) > threshold
        earlier = np.arange(stop)[:, None] < np.arange(start, stop)[None, :]
        fallen = np.logical_and(over, earlier).any(0)
        kept[start:stop] = np.logical_not(fallen)
    return np.flatnonzero(kept)


def squared(boxes: Boxes) -> Boxes:
    """The square around the same centre with the longer side."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = np.maximum(width, height)
    left = boxes[:, 0] + width * 0.5 - side * 0.5
    top = boxes[:, 1] + height * 0.5 - side * 0.5
    return np.stack([left, top, left + side, top + side], 1)


def moved(boxes: Boxes, offsets: NDArray[np.float32]) -> Boxes:
    """Each edge moved by its offset, given in box sizes."""
    width, height = boxes[:, 2] - boxes[:, 0] + 1, boxes[:, 3] - boxes[:, 1] + 1
    shifted: Boxes = np.add(boxes, offsets * np.stack([width, height, width, height], 1))
    return shifted


def _area(boxes: Boxes) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.multiply(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return area
