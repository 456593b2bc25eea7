"""The eight EXIF orientations as geometry: arrays, sizes and boxes, stored and upright."""

from __future__ import annotations

import numpy as np

from recognition.types import Box, Image

_SWAPS = {5, 6, 7, 8}
_FLIPS_ACROSS = {2, 3, 6, 7}  # the upright x axis runs against the stored axis it comes from
_FLIPS_DOWN = {3, 4, 7, 8}


def is_swapped(orientation: int) -> bool:
    """Whether the stored width is the upright height."""
    return orientation in _SWAPS


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if is_swapped(orientation) else (width, height)


def stored_view(upright: Image, orientation: int) -> Image:
    """A view of an upright array laid out as stored: what is written into it lands upright."""
    view = upright
    if orientation in _FLIPS_ACROSS:
        view = view[:, ::-1]
    if orientation in _FLIPS_DOWN:
        view = view[::-1]
    return np.transpose(view, (1, 0, 2)) if is_swapped(orientation) else view


def overhang(orientation: int, across: float, down: float) -> tuple[float, float]:
    """Where the upright origin lies when the stored picture hangs over its right and bottom edges.

    A reduced decoder rounds sizes up, so its last column and row reach beyond the picture by ``across`` and
    ``down`` full pixels (stored axes); after turning, that overhang can be at the left or at the top.
    """
    if is_swapped(orientation):
        across, down = down, across
    left = -across if orientation in _FLIPS_ACROSS else 0.0
    top = -down if orientation in _FLIPS_DOWN else 0.0
    return left, top


def stored_box(box: Box, width: int, height: int, orientation: int) -> Box:
    """The box of the stored picture that shows ``box`` of the upright one, whose size is width x height."""
    left, top = box.left, box.top
    if orientation in _FLIPS_ACROSS:
        left = width - box.right
    if orientation in _FLIPS_DOWN:
        top = height - box.bottom
    if is_swapped(orientation):
        return Box(top, left, box.height, box.width)
    return Box(left, top, box.width, box.height)
