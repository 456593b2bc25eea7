"""Resizing: the patches and levels MTCNN's networks look at, and reduced views of a whole photo.

``resize_by_area`` equals ``tf.image.resize(..., AREA)`` and ``cut_patches`` equals
``tf.image.crop_and_resize``, as the ``mtcnn`` package uses them, without TensorFlow. Both take an RGB image
(rows, columns, 3), uint8, and give float32 with values 0 to 255, channels first.

Views are for a network that looks at all of a photo. The finest shows the smallest face worth finding (20
pixels in the photo) at 10.5 pixels, which is enough to propose it. Where that view is too large for one run
it is cut into tiles that overlap by more than the faces only it can see; larger ones are found in coarser
views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.detector.geometry import NO_FACES, Boxes, Faces
from recognition.types import Image

Planes = NDArray[np.float32]
OUTSIDE_GREY = 127.5  # what lies outside the image; zero once normalised
_BAND_ROWS = 16


def resize_by_area(image: Image, rows: int, columns: int) -> Planes:
    """(3, rows, columns): each output pixel is the mean of the input it covers, parts of pixels included."""
    height, width = image.shape[:2]
    lower = _average_bands(image.reshape(height, width * 3), rows).reshape(rows, width, 3)
    smaller = _average_bands(lower.transpose(1, 0, 2).reshape(width, rows * 3), columns).reshape(
        columns, rows, 3
    )
    return np.ascontiguousarray(smaller.transpose(2, 1, 0))


def _average_bands(values: NDArray[Any], count: int) -> Planes:
    """(count, m) means of equal shares of the rows of (n, m), as products with narrow bands of weights."""
    out = np.empty((count, values.shape[1]), np.float32)
    step = len(values) / count
    for start in range(0, count, _BAND_ROWS):
        edges = np.arange(start, min(start + _BAND_ROWS, count) + 1) * step
        first, last = int(edges[0]), min(math.ceil(edges[-1]), len(values))
        at = np.arange(first, last)
        covered = np.minimum(at + 1, edges[1:, None]) - np.maximum(at, edges[:-1, None])
        weights = (np.maximum(covered, 0) / step).astype(np.float32)
        out[start : start + _BAND_ROWS] = weights @ values[first:last].astype(np.float32)
    return out


def cut_patches(image: Image, boxes: Boxes, size: int) -> Planes:
    """(n, 3, size, size): the boxes cut out and resized bilinearly; grey where a box leaves the image."""
    y, x = (
        _sample_positions(boxes[:, 1], boxes[:, 3], image.shape[0], size),
        _sample_positions(boxes[:, 0], boxes[:, 2], image.shape[1], size),
    )
    (top, bottom, down), (left, right, across) = (
        _bracket_positions(y, image.shape[0]),
        _bracket_positions(x, image.shape[1]),
    )
    row, flat = image.shape[1], image.reshape(-1, 3)
    left, right = left[:, None, :], right[:, None, :]
    across, down = (
        np.repeat(across, 3, axis=1)[:, None, :],
        down[:, :, None],
    )  # the three colours side by side
    out = _blend_columns(flat, top[:, :, None] * row, left, right, across)
    lower = _blend_columns(flat, bottom[:, :, None] * row, left, right, across)
    lower -= out
    lower *= down
    out += lower
    planes = np.ascontiguousarray(out.reshape(-1, size, size, 3).transpose(0, 3, 1, 2))
    is_row_in, is_column_in = (y >= 0) & (y <= image.shape[0] - 1), (x >= 0) & (x <= image.shape[1] - 1)
    if not (is_row_in.all() and is_column_in.all()):
        outside = ~(is_row_in[:, :, None] & is_column_in[:, None, :])
        np.copyto(planes, np.float32(OUTSIDE_GREY), where=outside[:, None])
    return planes


def _blend_columns(
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


def _sample_positions(
    low: NDArray[np.float64], high: NDArray[np.float64], length: int, size: int
) -> NDArray[np.float64]:
    """(n, size) positions, corner to corner; in TensorFlow boxes are in ``length``, pixels in length - 1."""
    scale = (length - 1) / length
    steps = np.arange(size) / (size - 1)
    return (low[:, None] + (high - low)[:, None] * steps) * scale


def _bracket_positions(
    at: NDArray[np.float64], length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Planes]:
    floor = np.floor(at)
    low = np.clip(floor, 0, length - 1).astype(np.intp)
    return low, np.minimum(low + 1, length - 1), (at - floor).astype(np.float32)


VIEW_EDGE = 640  # pixels of the longer side that one run takes in comfortably
FINEST_SCALE = 0.525
LARGEST_TILE = 768  # bounds the memory of one run
TILE_OVERLAP = 80
COARSER_FACTOR = 1 / 3
TINY_PHOTO = 160  # photos smaller than this are enlarged
STRIP_PIXELS = 2_000_000  # pixels of the photo that are resized at a time
DIM_BRIGHTNESS = 60.0  # mean brightness under which a view is brightened


@dataclass(frozen=True, slots=True)
class View:
    """A part of a reduced photo; ``x, y`` is where it starts in the ``columns`` and ``rows`` of the
    whole, ``across, down`` photo pixels per view pixel."""

    image: Image
    x: int
    y: int
    columns: int
    rows: int
    across: float
    down: float

    def in_photo(self, faces: Faces) -> Faces:
        """Faces found in this view, in pixels of the photo."""
        if not len(faces):
            return NO_FACES
        corner, size = np.array([self.x, self.y]), np.array([self.across, self.down])
        boxes = (faces.boxes + np.tile(corner, 2)) * np.tile(size, 2)
        return Faces(boxes, faces.scores, (faces.points + corner) * size)

    def whole(self, faces: Faces) -> Faces:
        """Without the faces cut by an edge of this tile inside the photo; a neighbour or a coarser view has
        them whole."""
        height, width = self.image.shape[:2]
        boxes = faces.boxes
        left = (boxes[:, 0] < 0) & (self.x > 0)
        top = (boxes[:, 1] < 0) & (self.y > 0)
        right = (boxes[:, 2] > width) & (self.x + width < self.columns)
        bottom = (boxes[:, 3] > height) & (self.y + height < self.rows)
        return faces.take(~(left | top | right | bottom))


def list_view_scales(rows: int, columns: int) -> list[float]:
    """Of the views of a photo of this size, finest first."""
    longer = max(rows, columns)
    if longer < TINY_PHOTO:
        return [2.0]
    chain = [min(1.0, max(VIEW_EDGE / longer, FINEST_SCALE))]
    while longer * chain[-1] > LARGEST_TILE:
        chain.append(max(chain[-1] * COARSER_FACTOR, min(VIEW_EDGE, 320) / longer))
    return chain


def get_size_at_scale(image: Image, scale: float) -> tuple[int, int]:
    """Rows and columns of the image at another scale, at least one each."""
    return max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))


def cut_tiles(image: Image, scale: float) -> Iterator[View]:
    """A photo at a scale, brightened where it is dim, in one or more tiles made one at a time."""
    rows, columns = get_size_at_scale(image, scale)
    gain = _measure_gain(image)
    for top, bottom in split_length(rows):
        for left, right in split_length(columns):
            part = _resize_part(image, rows, columns, (top, bottom, left, right))
            part = part if gain == 1 else np.minimum(part.astype(np.float32) * gain, 255).astype(np.uint8)
            yield View(part, left, top, columns, rows, image.shape[1] / columns, image.shape[0] / rows)


def brighten_image(image: Image) -> Image:
    """A dim image with its contrast stretched, any other as it is."""
    gain = _measure_gain(image)
    return image if gain == 1 else np.minimum(image.astype(np.float32) * gain, 255).astype(np.uint8)


def _measure_gain(image: Image) -> float:
    stride = max(1, max(image.shape[:2]) // 256)
    mean = float(image[::stride, ::stride].mean()) if image.size else DIM_BRIGHTNESS
    return 1.0 if mean >= DIM_BRIGHTNESS else min(DIM_BRIGHTNESS * 1.6 / max(mean, 1.0), 8.0)


def _resize_part(image: Image, rows: int, columns: int, part: tuple[int, int, int, int]) -> Image:
    """The part (top, bottom, left, right) of what the image is when resized to these rows and columns."""
    if (rows, columns) == image.shape[:2]:
        return image[part[0] : part[1], part[2] : part[3]]
    first_row, last_row, up, down = _find_source_span(*part[:2], image.shape[0] / rows, image.shape[0])
    first, last, left, right = _find_source_span(*part[2:], image.shape[1] / columns, image.shape[1])
    every = max(1, int(image.shape[0] / rows / 3))  # of a much larger photo some pixels are enough
    pixels = image[first_row + every // 2 : last_row : every, first + every // 2 : last : every]
    height, width = pixels.shape[:2]
    box = (left / every, up / every, min(right / every, width), min(down / every, height))
    factor = int(image.shape[0] / rows / every)
    if factor > 1:  # three times as quick as resizing alone
        pixels = _reduce_in_strips(pixels, factor)
        box = (box[0] / factor, box[1] / factor, box[2] / factor, box[3] / factor)
    return _resize_in_strips(pixels, part[3] - part[2], part[1] - part[0], box)


def _reduce_in_strips(pixels: Image, factor: int) -> Image:
    """Means of squares of pixels, as Pillow makes them; its copies are of some rows at a time."""
    height, width = pixels.shape[:2]
    tall = max(1, STRIP_PIXELS // width // factor) * factor
    strips = (np.ascontiguousarray(pixels[top : top + tall]) for top in range(0, height, tall))
    return np.concatenate([np.asarray(Pillow.fromarray(strip).reduce(factor)) for strip in strips])


def _resize_in_strips(
    pixels: Image, columns: int, rows: int, box: tuple[float, float, float, float]
) -> Image:
    """What lies in ``box`` (left, top, right, bottom), resized. The same as in one go, in which Pillow resizes each
    row first and then the columns, but rows are given to it some at a time: it takes ten bytes for each pixel."""
    height, width = pixels.shape[:2]
    tall = max(1, STRIP_PIXELS // width)
    if height <= tall:
        return _resize_box(pixels, (columns, rows), box)
    narrow = np.empty((height, columns, 3), np.uint8)
    for top in range(0, height, tall):
        strip = pixels[top : top + tall]
        narrow[top : top + tall] = _resize_box(strip, (columns, len(strip)), (box[0], 0, box[2], len(strip)))
    return _resize_box(narrow, (columns, rows), (0, box[1], columns, box[3]))


def cut_turned_square(image: Image, middle: complex, turn: complex, side: int) -> Image:
    """(side, side, 3) of what lies around ``middle`` (x + iy) with ``turn`` photo pixels (as a complex number: their
    length and direction) per pixel to the right; black outside the photo."""
    step = max(1, int(abs(turn)))
    reach = math.ceil(abs(turn) * side * 0.71) + step
    left, top = max(0, int(middle.real) - reach), max(0, int(middle.imag) - reach)
    right, bottom = int(middle.real) + reach, int(middle.imag) + reach
    pixels = image[top : max(bottom, 0) : step, left : max(right, 0) : step]
    if not pixels.size:
        return np.zeros((side, side, 3), np.uint8)
    part = Pillow.fromarray(np.ascontiguousarray(pixels))
    turn /= step
    start = (middle - complex(left, top)) / step - turn * complex(side, side) / 2
    coefficients = (turn.real, -turn.imag, start.real, turn.imag, turn.real, start.imag)
    return np.asarray(
        part.transform((side, side), Pillow.Transform.AFFINE, coefficients, Pillow.Resampling.BILINEAR)
    )


def _resize_box(pixels: Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image:
    source = Pillow.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(source.resize(size, Pillow.Resampling.BILINEAR, box=box))


def _find_source_span(start: int, stop: int, step: float, length: int) -> tuple[int, int, float, float]:
    """The pixels a resized stretch is made of, margin for the filter included, and its edges within them."""
    margin = math.ceil(step) + 2
    first = max(0, math.floor(start * step) - margin)
    last = min(length, math.ceil(stop * step) + margin)
    return first, last, start * step - first, min(stop * step - first, float(last - first))


def split_length(length: int) -> list[tuple[int, int]]:
    """Overlapping pieces of a length, equally long, none over LARGEST_TILE."""
    if length <= LARGEST_TILE:
        return [(0, length)]
    count = -(-(length - TILE_OVERLAP) // (LARGEST_TILE - TILE_OVERLAP))
    size = -(-(length + TILE_OVERLAP * (count - 1)) // count)
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)]
    return [(start, start + size) for start in starts]
