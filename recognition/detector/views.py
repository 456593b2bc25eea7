"""Reduced copies of a photo for a network that looks at all of it: at which scales, in which tiles.

The finest view shows the smallest face worth finding (20 pixels in the photo) at 10.5 pixels, which is enough
to propose it. Where that view is too large for one run it is cut into tiles that overlap by more than the
faces only it can see; larger ones are found in coarser views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from recognition.types import Image

from .cascade import NONE, Faces

EDGE = 640  # pixels of the longer side that one run takes in comfortably
FINEST = 0.525
LARGEST_TILE = 768  # bounds the memory of one run
OVERLAP = 80
COARSER = 1 / 3
TINY = 160  # photos smaller than this are enlarged
STRIP = 2_000_000  # pixels of the photo that are resized at a time
DIM = 60.0  # mean brightness under which a view is brightened


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
            return NONE
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


def scales(rows: int, columns: int) -> list[float]:
    """Of the views of a photo of this size, finest first."""
    longer = max(rows, columns)
    if longer < TINY:
        return [2.0]
    chain = [min(1.0, max(EDGE / longer, FINEST))]
    while longer * chain[-1] > LARGEST_TILE:
        chain.append(max(chain[-1] * COARSER, min(EDGE, 320) / longer))
    return chain


def size_at(image: Image, scale: float) -> tuple[int, int]:
    """Rows and columns of the image at another scale, at least one each."""
    return max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))


def tiles(image: Image, scale: float) -> Iterator[View]:
    """A photo at a scale, brightened where it is dim, in one or more tiles made one at a time."""
    rows, columns = size_at(image, scale)
    gain = _gain(image)
    for top, bottom in spans(rows):
        for left, right in spans(columns):
            part = _part(image, rows, columns, (top, bottom, left, right))
            part = part if gain == 1 else np.minimum(part.astype(np.float32) * gain, 255).astype(np.uint8)
            yield View(part, left, top, columns, rows, image.shape[1] / columns, image.shape[0] / rows)


def reduced(image: Image, scale: float) -> Image:
    """A photo at a scale that needs one tile only."""
    return next(tiles(image, scale)).image


def brightened(image: Image) -> Image:
    """A dim image with its contrast stretched, any other as it is."""
    gain = _gain(image)
    return image if gain == 1 else np.minimum(image.astype(np.float32) * gain, 255).astype(np.uint8)


def _gain(image: Image) -> float:
    stride = max(1, max(image.shape[:2]) // 256)
    mean = float(image[::stride, ::stride].mean()) if image.size else DIM
    return 1.0 if mean >= DIM else min(DIM * 1.6 / max(mean, 1.0), 8.0)


def _part(image: Image, rows: int, columns: int, part: tuple[int, int, int, int]) -> Image:
    """The part (top, bottom, left, right) of what the image is when resized to these rows and columns."""
    if (rows, columns) == image.shape[:2]:
        return image[part[0] : part[1], part[2] : part[3]]
    first_row, last_row, up, down = _source(*part[:2], image.shape[0] / rows, image.shape[0])
    first, last, left, right = _source(*part[2:], image.shape[1] / columns, image.shape[1])
    every = max(1, int(image.shape[0] / rows / 3))  # of a much larger photo some pixels are enough
    pixels = image[first_row + every // 2 : last_row : every, first + every // 2 : last : every]
    height, width = pixels.shape[:2]
    right, down = min(right / every, width), min(down / every, height)
    return _resized(pixels, part[3] - part[2], part[1] - part[0], (left / every, up / every, right, down))


def _resized(pixels: Image, columns: int, rows: int, box: tuple[float, float, float, float]) -> Image:
    """What lies in ``box`` (left, top, right, bottom), resized. The same as in one go, in which Pillow resizes each
    row first and then the columns, but rows are given to it some at a time: it takes ten bytes for each pixel."""
    height, width = pixels.shape[:2]
    tall = max(1, STRIP // width)
    if height <= tall:
        return _as_resized(pixels, (columns, rows), box)
    narrow = np.empty((height, columns, 3), np.uint8)
    for top in range(0, height, tall):
        strip = pixels[top : top + tall]
        narrow[top : top + tall] = _as_resized(strip, (columns, len(strip)), (box[0], 0, box[2], len(strip)))
    return _as_resized(narrow, (columns, rows), (0, box[1], columns, box[3]))


def _as_resized(pixels: Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image:
    source = Pillow.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(source.resize(size, Pillow.Resampling.BILINEAR, box=box))


def _source(start: int, stop: int, step: float, length: int) -> tuple[int, int, float, float]:
    """The pixels a resized stretch is made of, margin for the filter included, and its edges within them."""
    margin = math.ceil(step) + 2
    first = max(0, math.floor(start * step) - margin)
    last = min(length, math.ceil(stop * step) + margin)
    return first, last, start * step - first, min(stop * step - first, float(last - first))


def spans(length: int) -> list[tuple[int, int]]:
    """Overlapping pieces of a length, equally long, none over LARGEST_TILE."""
    if length <= LARGEST_TILE:
        return [(0, length)]
    count = -(-(length - OVERLAP) // (LARGEST_TILE - OVERLAP))
    size = -(-(length + OVERLAP * (count - 1)) // count)
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)]
    return [(start, start + size) for start in starts]
