"""The eight EXIF orientations as geometry: pictures, sizes and boxes, stored and upright."""

from __future__ import annotations

from PIL import Image as Pillow

from recognition.types import Box

_TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_SWAPS = {5, 6, 7, 8}
_CLOCKWISE = ((1, 6, 3, 8), (2, 7, 4, 5))  # each a quarter turn further than the one before
_FLIPS_ACROSS = {2, 3, 6, 7}  # the upright x axis runs against the stored axis it comes from
_FLIPS_DOWN = {3, 4, 7, 8}


def turn_orientation(orientation: int, quarters: int) -> int:
    """The orientation of what stands so many quarter turns further clockwise."""
    circle = next(circle for circle in _CLOCKWISE if orientation in circle)
    return circle[(circle.index(orientation) + quarters) % 4]


def turn_box(box: Box, width: int, height: int, quarters: int) -> Box:
    """Where ``box`` of a picture of this size lies once that has been turned clockwise by so many quarters."""
    return get_stored_box(box, width, height, turn_orientation(1, -quarters))


def has_swapped_sides(orientation: int) -> bool:
    """Whether the stored width is the upright height."""
    return orientation in _SWAPS


def get_upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if has_swapped_sides(orientation) else (width, height)


def turn_upright(part: Pillow.Image, orientation: int) -> Pillow.Image:
    """A part of the stored picture, upright."""
    turn = _TURNS.get(orientation)
    return part if turn is None else part.transpose(turn)


def get_upright_place(top: int, bottom: int, height: int, orientation: int) -> tuple[slice, slice]:
    """Where rows ``top`` to ``bottom`` of a stored picture of this height lie in the upright array."""
    everything = slice(None)
    is_flipped = orientation in (_FLIPS_ACROSS if has_swapped_sides(orientation) else _FLIPS_DOWN)
    place = slice(height - bottom, height - top) if is_flipped else slice(top, bottom)
    return (everything, place) if has_swapped_sides(orientation) else (place, everything)


def find_overhang(orientation: int, across: float, down: float) -> tuple[float, float]:
    """Where the upright origin lies when the stored picture hangs over its right and bottom edges.

    A reduced decoder rounds sizes up, so its last column and row reach beyond the picture by ``across`` and
    ``down`` full pixels (stored axes); after turning, that overhang can be at the left or at the top.
    """
    if has_swapped_sides(orientation):
        across, down = down, across
    left = -across if orientation in _FLIPS_ACROSS else 0.0
    top = -down if orientation in _FLIPS_DOWN else 0.0
    return left, top


def get_stored_box(box: Box, width: int, height: int, orientation: int) -> Box:
    """The box of the stored picture that shows ``box`` of the upright one, whose size is width x height."""
    left, top = box.left, box.top
    if orientation in _FLIPS_ACROSS:
        left = width - box.right
    if orientation in _FLIPS_DOWN:
        top = height - box.bottom
    if has_swapped_sides(orientation):
        return Box(top, left, box.height, box.width)
    return Box(left, top, box.width, box.height)


def get_upright_box(box: Box, width: float, height: float, orientation: int) -> Box:
    """The box of the upright picture that shows ``box`` of the stored one, whose size is width x height."""
    if has_swapped_sides(orientation):
        box, width, height = Box(box.top, box.left, box.height, box.width), height, width
    left = width - box.right if orientation in _FLIPS_ACROSS else box.left
    top = height - box.bottom if orientation in _FLIPS_DOWN else box.top
    return Box(left, top, box.width, box.height)
