"""Reduced copies of a photo for a network that looks at all of it: at which scales, in which tiles.

The finest view shows the smallest face worth finding (20 pixels in the photo) at 10.5 pixels, which is enough
to propose it. Where that view is too large for one run it is cut into tiles that overlap by more than the
faces only it can see; larger ones are found in coarser views.
"""

from __future__ import annotations

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
DIM = 60.0  # mean brightness under which a view is brightened


@dataclass(frozen=True, slots=True)
class View:
    """A part of a reduced photo; ``x, y`` is where it starts, ``across, down`` photo pixels per view pixel."""

    image: Image
    x: int
    y: int
    across: float
    down: float

    def in_photo(self, faces: Faces) -> Faces:
        """Faces found in this view, in pixels of the photo."""
        if not len(faces):
            return NONE
        corner, size = np.array([self.x, self.y]), np.array([self.across, self.down])
        boxes = (faces.boxes + np.tile(corner, 2)) * np.tile(size, 2)
        return Faces(boxes, faces.scores, (faces.points + corner) * size)

    def whole(self, faces: Faces, rows: int, columns: int) -> Faces:
        """Without the faces cut by an edge of this tile inside the reduced photo, which has these rows and
        columns; a neighbour or a coarser view has them whole."""
        height, width = self.image.shape[:2]
        boxes = faces.boxes
        left = (boxes[:, 0] < 0) & (self.x > 0)
        top = (boxes[:, 1] < 0) & (self.y > 0)
        right = (boxes[:, 2] > width) & (self.x + width < columns)
        bottom = (boxes[:, 3] > height) & (self.y + height < rows)
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


def reduced(image: Image, scale: float) -> Image:
    """The image at another scale, at least one pixel each way, brightened where it is dim."""
    rows, columns = (max(1, round(edge * scale)) for edge in image.shape[:2])
    if scale != 1:
        picture = Pillow.fromarray(image)
        image = np.asarray(picture.resize((columns, rows), Pillow.Resampling.BILINEAR, reducing_gap=2.0))
    return brightened(image)


def brightened(image: Image) -> Image:
    """A dim image with its contrast stretched, any other as it is."""
    mean = float(image[::4, ::4].mean()) if image.size else DIM
    if mean >= DIM:
        return image
    gain = min(DIM * 1.6 / max(mean, 1.0), 8.0)
    return np.minimum(image.astype(np.float32) * gain, 255).astype(np.uint8)


def tiles(view: Image, photo: Image) -> Iterator[View]:
    """A reduced photo in one or more tiles."""
    across, down = photo.shape[1] / view.shape[1], photo.shape[0] / view.shape[0]
    for top, bottom in spans(view.shape[0]):
        for left, right in spans(view.shape[1]):
            yield View(view[top:bottom, left:right], left, top, across, down)


def spans(length: int) -> list[tuple[int, int]]:
    """Overlapping pieces of a length, equally long, none over LARGEST_TILE."""
    if length <= LARGEST_TILE:
        return [(0, length)]
    count = -(-(length - OVERLAP) // (LARGEST_TILE - OVERLAP))
    size = -(-(length + OVERLAP * (count - 1)) // count)
    starts = [round(i * (length - size) / (count - 1)) for i in range(count)]
    return [(start, start + size) for start in starts]
