"""Resizing as TensorFlow does it in the ``mtcnn`` package, without TensorFlow.

``area`` equals ``tf.image.resize(..., AREA)``; ``patches`` equals ``tf.image.crop_and_resize``. Both take an
RGB image (rows, columns, 3), uint8, and give float32 with values 0 to 255, channels first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.types import Image

from .boxes import Boxes

Planes = NDArray[np.float32]
GREY = 127.5  # what lies outside the image; zero once normalised
_BAND = 16


def area(image: Image, rows: int, columns: int) -> Planes:
    """(3, rows, columns): each output pixel is the mean of the input it covers, parts of pixels included."""
    height, width = image.shape[:2]
    lower = _means(image.reshape(height, width * 3), rows).reshape(rows, width, 3)
    smaller = _means(lower.transpose(1, 0, 2).reshape(width, rows * 3), columns).reshape(columns, rows, 3)
    return np.ascontiguousarray(smaller.transpose(2, 1, 0))


def _means(values: NDArray[Any], count: int) -> Planes:
    """(count, m) means of equal shares of the rows of (n, m), as products with narrow bands of weights."""
    out = np.empty((count, values.shape[1]), np.float32)
    step = len(values) / count
    for start in range(0, count, _BAND):
        edges = np.arange(start, min(start + _BAND, count) + 1) * step
        first, last = int(edges[0]), min(math.ceil(edges[-1]), len(values))
        at = np.arange(first, last)
        covered = np.minimum(at + 1, edges[1:, None]) - np.maximum(at, edges[:-1, None])
        weights = (np.maximum(covered, 0) / step).astype(np.float32)
        out[start : start + _BAND] = weights @ values[first:last].astype(np.float32)
    return out


def patches(image: Image, boxes: Boxes, size: int) -> Planes:
    """(n, 3, size, size): the boxes cut out and resized bilinearly; grey where a box leaves the image."""
    y, x = (
        _samples(boxes[:, 1], boxes[:, 3], image.shape[0], size),
        _samples(boxes[:, 0], boxes[:, 2], image.shape[1], size),
    )
    (top, bottom, down), (left, right, across) = _bracket(y, image.shape[0]), _bracket(x, image.shape[1])
    row, flat = image.shape[1], image.reshape(-1, 3)
    left, right = left[:, None, :], right[:, None, :]
    across, down = (
        np.repeat(across, 3, axis=1)[:, None, :],
        down[:, :, None],
    )  # the three colours side by side
    out = _blend(flat, top[:, :, None] * row, left, right, across)
    lower = _blend(flat, bottom[:, :, None] * row, left, right, across)
    lower -= out
    lower *= down
    out += lower
    planes = np.ascontiguousarray(out.reshape(-1, size, size, 3).transpose(0, 3, 1, 2))
    is_row_in, is_column_in = (y >= 0) & (y <= image.shape[0] - 1), (x >= 0) & (x <= image.shape[1] - 1)
    if not (is_row_in.all() and is_column_in.all()):
        outside = ~(is_row_in[:, :, None] & is_column_in[:, None, :])
        np.copyto(planes, np.float32(GREY), where=outside[:, None])
    return planes


def _blend(
    pixels: Image, row: NDArray[np.intp], left: NDArray[np.intp], right: NDArray[np.intp], part: Planes
) -> Planes:
    """(n, rows, 3 x columns): pixels (m, 3) at ``row + left``, with so much of those at ``row + right``."""
    shape = (len(part), row.shape[1], part.shape[2])
    start = pixels.take(row + left, axis=0).reshape(shape).astype(np.float32)
    between = pixels.take(row + right, axis=0).reshape(shape).astype(np.float32)
    between -= start
    between *= part
    start += between
    return start


def _samples(
    low: NDArray[np.float64], high: NDArray[np.float64], length: int, size: int
) -> NDArray[np.float64]:
    """(n, size) positions, corner to corner; in TensorFlow boxes are in ``length``, pixels in length - 1."""
    scale = (length - 1) / length
    steps = np.arange(size) / (size - 1)
    return (low[:, None] + (high - low)[:, None] * steps) * scale


def _bracket(at: NDArray[np.float64], length: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Planes]:
    floor = np.floor(at)
    low = np.clip(floor, 0, length - 1).astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (at - floor).astype(np.float32)
