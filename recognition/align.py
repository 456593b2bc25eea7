"""From a face in a photo to the small upright square a network was trained on.

The similarity transform (shift, turn, one scale; never a mirror) that takes the five landmarks nearest to a
template, in the least-squares sense, carries the photo's pixels into the square. Larger faces are averaged
down by a whole factor first, so that the bilinear step after it never skips pixels; outside the photo its
edge is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.types import Box, FaceCrop, Image, Landmarks

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Template:
    """Where the five landmarks belong in a square of ``side`` pixels, and how much each counts in the fit."""

    side: int
    points: Points
    weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Transform:
    """photo point z -> turn * z + shift, with points as complex numbers x + iy."""

    turn: complex
    shift: complex

    def apply(self, points: Landmarks) -> NDArray[np.float64]:
        """The (n, 2) points of the photo, in pixels of the square."""
        moved = self.turn * _to_complex(points) + self.shift
        return np.stack([moved.real, moved.imag], axis=-1)

    @property
    def inverse(self) -> Transform:
        return Transform(1 / self.turn, -self.shift / self.turn)


def fit_landmarks(landmarks: Landmarks, template: Template) -> Transform | None:
    """The best similarity transform from photo to square; None when the landmarks are one point or no number.

    Closed form after S. Umeyama (1991), in complex numbers, where a mirror image cannot come out.
    """
    photo = _to_complex(landmarks)
    square = _to_complex(np.asarray(template.points))
    weights = np.asarray(template.weights) / sum(template.weights)
    photo_centre, square_centre = complex(weights @ photo), complex(weights @ square)
    spread = float(weights @ np.abs(photo - photo_centre) ** 2)
    if not np.isfinite(spread) or spread < 1e-6:
        return None
    turn = complex(weights @ (np.conj(photo - photo_centre) * (square - square_centre))) / spread
    if abs(turn) < 1e-6:
        return None
    return Transform(turn, square_centre - turn * photo_centre)


def fit_box(box: Box, side: int) -> Transform:
    """The transform that puts a box's longer side across the whole square, centred."""
    scale = side / max(box.width, box.height, 1.0)
    centre = complex(box.left + box.width / 2, box.top + box.height / 2)
    return Transform(complex(scale), complex(side, side) / 2 - scale * centre)


def align_face(crop: FaceCrop, template: Template) -> Image:
    """The aligned face, uint8 RGB (side, side, 3); by its box where the landmarks are of no use."""
    transform = fit_landmarks(crop.landmarks, template) or fit_box(crop.box, template.side)
    return warp_image(crop.image, transform, template.side)


def align_faces(crops: list[FaceCrop], template: Template) -> Image:
    """(n, side, side, 3) aligned faces."""
    out = np.empty((len(crops), template.side, template.side, 3), np.uint8)
    for number, crop in enumerate(crops):
        out[number] = align_face(crop, template)
    return out


def warp_image(image: Image, transform: Transform, side: int) -> Image:
    """The square that ``transform`` carries out of the photo, uint8 RGB (side, side, 3)."""
    back = transform.inverse
    left, top, right, bottom = _find_source_rectangle(back, side)
    factor = max(1, int(abs(back.turn)))
    # Pillow reads a part of a larger array ten times slower than a copy of it.
    region = Pillow.fromarray(np.ascontiguousarray(_cut_rectangle(image, left, top, right, bottom)))
    if factor > 1:
        region = region.reduce(factor)
    turn = back.turn / factor
    # A pixel's centre lies at half in Pillow's coordinates and at the whole number in landmarks.
    start = (back.shift + (0.5 + 0.5j) - complex(left, top)) / factor - turn * (0.5 + 0.5j)
    coefficients = (turn.real, -turn.imag, start.real, turn.imag, turn.real, start.imag)
    square = region.transform((side, side), Pillow.Transform.AFFINE, coefficients, Pillow.Resampling.BILINEAR)
    return np.asarray(square)


def _find_source_rectangle(back: Transform, side: int) -> tuple[int, int, int, int]:
    """The whole-pixel rectangle of the photo that the square's pixels touch, with room for interpolation."""
    corners = back.turn * np.array([0, side, side * 1j, side + side * 1j]) + back.shift
    room = 2 + int(abs(back.turn))
    left, top = int(corners.real.min()) - room, int(corners.imag.min()) - room
    return left, top, int(corners.real.max()) + room + 1, int(corners.imag.max()) + room + 1


def _cut_rectangle(image: Image, left: int, top: int, right: int, bottom: int) -> Image:
    """That rectangle of the photo; where it lies outside, the edge repeated."""
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        inside: Image = image[top:bottom, left:right]
        return inside
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    repeated: Image = image[rows[:, None], columns]
    return repeated


def _to_complex(points: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.complex128]:
    as_double = np.asarray(points, np.float64)
    return as_double[..., 0] + 1j * as_double[..., 1]
