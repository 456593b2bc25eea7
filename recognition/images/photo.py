"""Decoded photos and parts of them, and how their pixels lie in the full-size upright photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.images.source import ImageInfo
from recognition.types import Box, Image


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo, perhaps at reduced scale, and how its pixels lie in the full-size upright photo.

    ``pixels`` is uint8 (height, width, 3), upright sRGB. One of its pixels covers ``across`` x ``down``
    pixels of the full photo, and its top-left corner lies at ``left``, ``top`` of the full photo (0 or just
    outside: a reduced decoder rounds sizes up).
    """

    pixels: Image
    info: ImageInfo
    across: float = 1.0
    down: float = 1.0
    left: float = 0.0
    top: float = 0.0
    is_cut_off: bool = False  # the file ends too early, and what is missing is grey

    @property
    def width(self) -> int:
        """Of the full upright photo."""
        return self.info.width

    @property
    def height(self) -> int:
        return self.info.height

    @property
    def scale(self) -> float:
        """Decoded pixels per full-size pixel: 1 at full size, 0.25 when decoded at a quarter."""
        return 1 / self.across

    def box_in_full(self, box: Box) -> Box:
        """A box found in ``pixels``, in full-size pixels, kept inside the photo."""
        full = Box(
            box.left * self.across + self.left,
            box.top * self.down + self.top,
            box.width * self.across,
            box.height * self.down,
        )
        return full.clipped(self.width, self.height)

    def points_in_full(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 2) points found in ``pixels``, in full-size pixels."""
        steps = np.array([self.across, self.down], np.float32)
        return points * steps + np.array([self.left, self.top], np.float32)

    def box_in_pixels(self, box: Box) -> Box:
        """The other way: a box of the full photo as it lies in ``pixels``."""
        return Box(
            (box.left - self.left) / self.across,
            (box.top - self.top) / self.down,
            box.width / self.across,
            box.height / self.down,
        )


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a photo: ``pixels`` (uint8, upright sRGB) show exactly ``box`` of the full upright photo."""

    pixels: Image
    box: Box
