"""Resizing as TensorFlow does it in the ``mtcnn`` package, without TensorFlow.

``area`` equals ``tf.image.resize(..., AREA)``; ``patches`` equals ``tf.image.crop_and_resize``. Both take an
RGB image (rows, columns, 3), uint8, and give float32 with values 0 to 255, channels first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recognition.types import Image

from .boxes import Boxes

Planes = NDArray[np.float32]
GREY = 127.5  # what lies outside the image; zero once normalised
_ROWS = 64


def area(image: Image, rows: int, columns: int) -> Planes:
    """(3, rows, columns): each output pixel is the mean of the input it covers, parts of pixels included."""
    out = np.empty((3, rows, columns), np.float32)
    step = image.shape[0] / rows
    for start in range(0, rows, _ROWS):  # in strips, so that a large photo needs little memory
        stop = min(start + _ROWS, rows)
        first, last = int(start * step), min(int(np.ceil(stop * step)), image.shape[0])
        strip = _means(image[first:last], 0, np.arange(start, stop + 1) * step - first)
        strip = _means(strip, 1, np.arange(columns + 1) * (image.shape[1] / columns))
        out[:, start:stop] = strip.transpose(2, 0, 1)
    return out


def _means(values: NDArray[np.generic], axis: int, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means between consecutive edges along an axis, from its running sum interpolated at the edges."""
    total = np.cumsum(values, axis=axis, dtype=np.float64)
    shape = [1, 1, 1]
    shape[axis] = -1
    last = values.shape[axis] - 1
    whole = np.minimum(edges.astype(np.intp), last + 1)
    part = (edges - whole).reshape(shape)
    before = np.take(total, np.maximum(whole - 1, 0), axis=axis) * (whole > 0).reshape(shape)
    at = before + np.take(values, np.minimum(whole, last), axis=axis) * part
    means: NDArray[np.float64] = np.diff(at, axis=axis) / np.diff(edges).reshape(shape)
    return means


def patches(image: Image, boxes: Boxes, size: int) -> Planes:
    """(n, 3, size, size): the boxes cut out and resized bilinearly; grey where a box leaves the image."""
    y, x = (
        _samples(boxes[:, 1], boxes[:, 3], image.shape[0], size),
        _samples(boxes[:, 0], boxes[:, 2], image.shape[1], size),
    )
    (top, bottom, down), (left, right, across) = _bracket(y, image.shape[0]), _bracket(x, image.shape[1])
    flat = image.reshape(-1, 3)
    row = image.shape[1]
    top, bottom = top[:, :, None] * row, bottom[:, :, None] * row
    left, right = left[:, None, :], right[:, None, :]
    across, down = across[:, None, :, None], down[:, :, None, None]
    upper = _blend(flat[top + left], flat[top + right], across)
    lower = _blend(flat[bottom + left], flat[bottom + right], across)
    out = upper + (lower - upper) * down
    inside = ((y >= 0) & (y <= image.shape[0] - 1))[:, :, None] & ((x >= 0) & (x <= image.shape[1] - 1))[
        :, None, :
    ]
    out[~inside] = GREY
    return np.ascontiguousarray(out.transpose(0, 3, 1, 2))


def _blend(a: Image, b: Image, part: Planes) -> Planes:
    start = a.astype(np.float32)
    return start + (b.astype(np.float32) - start) * part


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
