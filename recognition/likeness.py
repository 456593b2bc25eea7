"""Whether two pictures look alike, by 64 bits of each; and which of two is sharper.

The bits are those of the difference hash (dHash, N. Krawetz 2013): whether each of 8 x 8 areas is brighter than the
one beside it. Other sizes and compression change few of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from PIL import Image as Pillow

from recognition.types import Image

LEAST_CONTRAST = 4.0  # standard deviation of brightness, 0 to 255: a page or a wall is like any other
SHARPNESS_SIDE = 512  # pixels
_ALL_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Likeness:
    bits: int  # 64, as a signed integer; 0 for a picture without anything to tell it by
    sharpness: float  # from 0 to 1: only for comparing pictures of one thing


NO_LIKENESS = Likeness(0, 0.0)


def measure_likeness(pixels: Image) -> Likeness:
    """``pixels`` are uint8 RGB."""
    steps = max(1, max(pixels.shape[:2]) // SHARPNESS_SIDE)
    grey = Pillow.fromarray(pixels).reduce(steps).convert("L")
    small = np.asarray(grey.resize((9, 8), Pillow.Resampling.BOX), np.float32)
    bits = np.packbits(small[:, 1:] > small[:, :-1]).tobytes() if small.std() >= LEAST_CONTRAST else b""
    return Likeness(int.from_bytes(bits, "big", signed=True), _measure_sharpness(grey))


def _measure_sharpness(grey: Pillow.Image) -> float:
    """How much neighbouring pixels of the reduced picture differ."""
    grey.thumbnail((SHARPNESS_SIDE, SHARPNESS_SIDE))
    light = np.asarray(grey, np.float32) / 255
    if min(light.shape) < 3:
        return 0.0
    detail = 4 * light[1:-1, 1:-1] - light[:-2, 1:-1] - light[2:, 1:-1] - light[1:-1, :-2] - light[1:-1, 2:]
    return float(np.abs(detail).mean() / 4)


def count_different_bits(one: int, other: int) -> int:
    return ((one ^ other) & _ALL_BITS).bit_count()


def list_similar_bits(bits: int, most: int) -> Iterator[int]:
    """All likenesses of which at most so many bits differ from this one."""
    for count in range(most + 1):
        for places in combinations(range(64), count):
            found = bits & _ALL_BITS
            for place in places:
                found ^= 1 << place
            yield found - (1 << 64) if found >> 63 else found
