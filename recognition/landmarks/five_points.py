"""The prediction itself, for many faces of many photos at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognition.landmarks.dat_file import Trees, read_trees
from recognition.types import Box, Image, Landmarks
from recognition.weights import find_package_file, get_converted_model

LANDMARKS_PACKAGE = "face_recognition_models"
LANDMARKS_FILE = ("models", "shape_predictor_5_face_landmarks.dat")
LANDMARKS_SHA256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
CONVERTER_VERSION = 1

SQUARE_WIDTH, SQUARE_SHIFT = 2.3, 0.4
"""The square to begin in: so many face sizes wide, centred this far from between the eyes to the mouth."""

Squares = NDArray[np.float64]  # (n, 3): left, top, side
Points = NDArray[np.float32]


@cache
def load_trees() -> Trees:
    """The trees that ship in a package; raises WeightsMissing or WeightsCorrupt."""

    def build(path: Path) -> None:
        read_trees(find_package_file(LANDMARKS_PACKAGE, *LANDMARKS_FILE, sha256=LANDMARKS_SHA256)).save(path)

    return Trees.opened(
        get_converted_model("five-points", build, key=f"{LANDMARKS_SHA256} {CONVERTER_VERSION}")
    )


def find_start_square(landmarks: Landmarks, box: Box) -> tuple[float, float, float]:
    """Left, top and side of the square to search in, from a detector's landmarks, or its box if those are useless."""
    points = np.asarray(landmarks, np.float64)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    size = max(float(np.hypot(*(points[1] - points[0]))), 0.95 * float(np.hypot(*(mouth - eyes))))
    if not np.isfinite(points).all() or size < 1:
        side = max((box.width + box.height) / 2, 1.0)
        return box.left + (box.width - side) / 2, box.top + (box.height - side) / 2, side
    left, top = eyes + (mouth - eyes) * SQUARE_SHIFT - size * SQUARE_WIDTH / 2
    return float(left), float(top), size * SQUARE_WIDTH


def predict_points(trees: Trees, images: Sequence[Image], squares: Squares) -> Points:
    """(n, 5, 2) points, in pixels of each photo: both corners of the right eye, of the left, the nose's base.

    Right and left are as seen in the photo, outer corners first. ``images`` are uint8 RGB, one a face (one array
    may stand for several); ``squares`` are (n, 3), as from ``start_square``.
    """
    shapes = np.repeat(trees.mean[None], len(squares), 0)
    for step in range(len(trees.anchors)):
        seen = _read_pixels(trees, step, images, squares, shapes)
        shapes = shapes + _sum_leaves(trees, step, seen)
    return np.asarray(squares[:, None, :2] + shapes * squares[:, None, 2:], np.float32)


def _sum_leaves(trees: Trees, step: int, seen: NDArray[np.int32]) -> Points:
    """What the trees of one step add to the shapes of faces whose pixels are ``seen`` (n, F)."""
    number, splits = trees.thresholds[step].shape
    first, second = trees.pixels[step, ..., 0].ravel(), trees.pixels[step, ..., 1].ravel()
    thresholds, values = trees.thresholds[step].ravel(), seen.ravel()
    tree, face = np.arange(number)[None], np.arange(len(seen))[:, None] * seen.shape[1]
    node = np.zeros((len(seen), number), np.int64)
    for _ in range(splits.bit_length()):  # the trees are full: every path is equally long
        place = tree * splits + node
        left, right = values.take(first.take(place) + face), values.take(second.take(place) + face)
        node = 2 * node + 2 - (left - right > thresholds.take(place))
    leaves = trees.leaves[step].reshape(number * (splits + 1), -1)
    chosen = leaves.take(tree * (splits + 1) + node - splits, axis=0)
    total = np.matmul(np.ones(number, np.float32), chosen)  # several times faster than a sum along this axis
    return np.asarray(total.reshape(len(seen), *trees.mean.shape), np.float32)


def _read_pixels(
    trees: Trees, step: int, images: Sequence[Image], squares: Squares, shapes: Points
) -> NDArray[np.int32]:
    """(n, F) grey values at the offsets, turned and scaled as the shapes are against the mean; 0 outside."""
    turns = _estimate_turns(trees.mean, shapes)
    offsets = trees.offsets[step]
    turned = turns[:, None] * (offsets[:, 0] + 1j * offsets[:, 1])
    places = turned + (shapes[..., 0] + 1j * shapes[..., 1])[:, trees.anchors[step]]
    columns = np.floor(squares[:, :1] + places.real * squares[:, 2:] + 0.5).astype(np.int64)
    rows = np.floor(squares[:, 1:2] + places.imag * squares[:, 2:] + 0.5).astype(np.int64)
    seen = np.zeros(columns.shape, np.int32)
    for face, image in enumerate(images):
        height, width = image.shape[:2]
        row, column = rows[face], columns[face]
        inside = np.flatnonzero((column >= 0) & (column < width) & (row >= 0) & (row < height))
        red = (row[inside] * width + column[inside]) * 3
        colours = image.reshape(-1)
        seen[face, inside] = (
            colours.take(red).astype(np.int32) + colours.take(red + 1) + colours.take(red + 2)
        ) // 3
    return seen


def _estimate_turns(mean: Points, shapes: Points) -> NDArray[np.complex128]:
    """The rotation and scale (n,) that best carry the mean shape to each shape, as complex factors."""
    base = mean[:, 0] + 1j * mean[:, 1].astype(np.float64)
    base = base - base.mean()
    moved = shapes[..., 0] + 1j * shapes[..., 1].astype(np.float64)
    moved = moved - moved.mean(1, keepdims=True)
    factors: NDArray[np.complex128] = (moved @ base.conj()) / float((np.abs(base) ** 2).sum())
    return factors
