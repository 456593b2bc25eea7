"""Where labels go: beside their face, inside the picture, off other labels and faces where there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recognition.types import Box


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label may go, and how much of it (0 to 1) would lie on other labels and on faces."""

    spot: Box
    on_labels: float
    on_faces: float


def place(
    size: tuple[float, float],
    face: Box,
    taken: Sequence[Box],
    faces: Sequence[Box],
    picture: tuple[int, int],
) -> Place:
    """The best place for a label of ``size`` that belongs to ``face``."""
    area = max(size[0] * size[1], 1.0)
    best, best_cost = Place(face, 1.0, 1.0), float("inf")
    for rank, spot in enumerate(_spots(size, face, picture)):
        on_labels = sum(_shared(spot, other) for other in taken) / area
        on_faces = sum(_shared(spot, other) for other in faces) / area
        cost = 100 * on_labels + 3 * on_faces + 0.01 * rank
        if cost < best_cost:
            best, best_cost = Place(spot, on_labels, on_faces), cost
    return best


def _spots(size: tuple[float, float], face: Box, picture: tuple[int, int]) -> Iterator[Box]:
    width, height = size
    lefts = (face.left + (face.width - width) / 2, face.left, face.right - width)
    for top in (face.bottom, face.top - height):
        for left in lefts:
            yield _inside(left, top, size, picture)
    for top in (face.top, face.top + (face.height - height) / 2, face.bottom - height):
        yield _inside(face.right, top, size, picture)
        yield _inside(face.left - width, top, size, picture)
    yield _inside(lefts[0], face.bottom - height, size, picture)


def _inside(left: float, top: float, size: tuple[float, float], picture: tuple[int, int]) -> Box:
    width, height = size
    left = max(0.0, min(left, picture[0] - width))
    top = max(0.0, min(top, picture[1] - height))
    return Box(left, top, width, height)


def _shared(one: Box, other: Box) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across * down if across > 0 and down > 0 else 0.0
