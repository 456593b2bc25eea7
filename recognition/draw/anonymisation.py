"""Faces made unrecognisable for good."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from recognition.types import Box, Image

_CELLS_ACROSS = 4  # across the shorter side of a face: too few to tell anybody, too few to undo
_LEVELS_LOST = 16  # of brightness steps lost
_ELLIPSE_MARGIN = 0.2072  # an ellipse this much larger on each side passes through the corners of its box


def anonymise_faces(pixels: Image, boxes: Sequence[Box]) -> Image:
    """A copy of ``pixels`` (uint8, upright RGB) in which each face is a few soft patches of colour.

    Only the averages of about 4 x 5 cells, rounded, are left of a face; nothing can bring it back.
    """
    picture = Pillow.fromarray(pixels)
    result = picture.copy()
    for box in boxes:
        grown = box.padded(_ELLIPSE_MARGIN)
        inside = grown.clipped(picture.width, picture.height)
        left, top = int(inside.left), int(inside.top)
        right, bottom = int(np.ceil(inside.right)), int(np.ceil(inside.bottom))
        if right <= left or bottom <= top:
            continue
        part = picture.crop((left, top, right, bottom))
        mask = Pillow.new("L", part.size, 0)
        edges = (grown.left - left, grown.top - top, grown.right - left, grown.bottom - top)
        ImageDraw.Draw(mask).ellipse(edges, fill=255)
        result.paste(_coarsen_picture(part), (left, top), mask)
    return np.array(result)


def _coarsen_picture(part: Pillow.Image) -> Pillow.Image:
    shorter = min(part.size)
    cells = tuple(max(1, min(2 * _CELLS_ACROSS, round(side * _CELLS_ACROSS / shorter))) for side in part.size)
    small = part.resize((cells[0], cells[1]), Pillow.Resampling.BOX)
    coarse = small.point(lambda value: value // _LEVELS_LOST * _LEVELS_LOST + _LEVELS_LOST // 2)
    return coarse.resize(part.size, Pillow.Resampling.BICUBIC)
