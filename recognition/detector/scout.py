"""Looks at all of a photo through YuNet and proposes where faces may be.

Views at full detail show the small faces. An overview, made from the coarsest of them, is cheap enough to be looked
at several times: as it is, where noise has gone and large faces are small enough; once more reduced; and tilted to
either side, because YuNet loses faces that are tilted by more than some 20 degrees. The same overview, turned by
quarters, tells which other ways the photo is worth a search.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from recognition.detector.geometry import (
    Faces,
    join_faces,
    measure_overlap,
    order_best_first,
    suppress_overlaps,
)
from recognition.detector.resample import brighten_image, cut_tiles, cut_turned_square, list_view_scales
from recognition.detector.yunet import SAME_FACE_OVERLAP, YuNet
from recognition.types import Image

LOWEST_SCORE = 0.2  # from which a place is proposed
WEAK_SCORE, STRONG_SCORE = 0.4, 0.7  # a weak place is a part of a strong one,
FACE_PART_SHARE = 0.5  # where this share of it lies inside
SMALL_FACE, SMALL_FACE_CROWD = 14.0, 4  # so many faces narrower than that (view pixels) are worth
CLOSER_FACTOR = 1.8  # a view that is finer by this factor
OVERVIEW_PIXELS = 80_000
NEARLY_SIZE = (0.75, 1.25)  # a view within these scales of it is the overview
TILTS = (30, -30)  # degrees
CROP_SIDE, CROP_FACE_SIDE = 160, 56.0  # pixels of the crop for a closer look, and of the face on it
CLOSER_OVERLAP = 0.45  # of the face on that crop and the place that was proposed


@dataclass(frozen=True, slots=True)
class Survey:
    """Places that may be faces, in pixels of the photo, best first; and the photo at overview size."""

    places: Faces
    overview: Image


class Scout:
    """Safe to call from several threads."""

    def __init__(self, threads: int | None = None) -> None:
        self._yunet = YuNet(threads)

    def survey_photo(self, image: Image) -> Survey:
        """All places in a uint8 RGB image (rows, columns, 3)."""
        scales = list_view_scales(*image.shape[:2])
        parts, view = self._look_through(image, scales)
        found = join_faces(parts)
        narrow = (found.boxes[:, 2] - found.boxes[:, 0]) * scales[0] < SMALL_FACE
        if scales[0] < 1 and narrow.sum() >= SMALL_FACE_CROWD:
            parts += self._look_through(image, [min(1.0, scales[0] * CLOSER_FACTOR)])[0]
        scale = math.sqrt(OVERVIEW_PIXELS / (view.shape[0] * view.shape[1]))
        overview = view if NEARLY_SIZE[0] <= scale <= NEARLY_SIZE[1] else _resize_view(view, scale)
        looks = [] if overview is view else [self.look_straight(overview)]
        seen = join_faces([*looks, self.look_askance(overview)])
        parts.append(scale_faces(seen, overview.shape, image.shape))
        return Survey(_keep_best(join_faces(parts)), overview)

    def look_straight(self, overview: Image) -> Faces:
        """What is seen in an overview, in its pixels, best first."""
        return self._yunet.find(overview, LOWEST_SCORE)

    def look_askance(self, overview: Image) -> Faces:
        """What is seen in an overview when it is reduced once more, and tilted to either side; in its pixels."""
        half = _resize_view(overview, 0.5)
        looks = [scale_faces(self._yunet.find(half, LOWEST_SCORE), half.shape, overview.shape)]
        for degrees in TILTS:
            tilted = np.asarray(Pillow.fromarray(overview).rotate(degrees, expand=True))
            found = self._yunet.find(tilted, LOWEST_SCORE)
            looks.append(tilt_faces_back(found, degrees, tilted.shape, overview.shape))
        return join_faces(looks)

    def look_closer(self, image: Image, box: NDArray[np.float64], points: NDArray[np.float64]) -> float:
        """The score of the face on an enlarged crop of the box, turned until the eyes are level; 0 for none."""
        across, down = points[1] - points[0]
        longer = max(box[2] - box[0], box[3] - box[1], 1.0)
        turn = cmath.rect(longer / CROP_FACE_SIDE, math.atan2(down, across))
        crop = cut_turned_square(image, complex(*(box[:2] + box[2:]) / 2), turn, CROP_SIDE)
        half = (box[2:] - box[:2]) / longer * CROP_FACE_SIDE / 2
        place = np.concatenate([CROP_SIDE / 2 - half, CROP_SIDE / 2 + half])[None]
        found = self._yunet.find(brighten_image(crop), LOWEST_SCORE)
        is_here = (measure_overlap(found.boxes, place) > CLOSER_OVERLAP).any(1)
        return float(found.scores[is_here].max(initial=0))

    def _look_through(self, image: Image, scales: list[float]) -> tuple[list[Faces], Image]:
        """What is seen at these scales, in pixels of the photo, and the last view (one tile, at the coarsest)."""
        found = []
        for scale in scales:
            for view in cut_tiles(image, scale):
                found.append(view.in_photo(view.whole(self._yunet.find(view.image, LOWEST_SCORE))))
        return found, view.image


def scale_faces(faces: Faces, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Faces:
    """Faces of an image of this shape, in pixels of the same picture in the other."""
    factors = np.array([wanted[1] / shape[1], wanted[0] / shape[0]])
    return Faces(faces.boxes * np.tile(factors, 2), faces.scores, faces.points * factors)


def tilt_faces_back(faces: Faces, degrees: float, tilted: tuple[int, ...], shape: tuple[int, ...]) -> Faces:
    """Faces of an image of this shape that Pillow has rotated, in pixels of the image; boxes keep their size."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    from_middle, middle = np.array(tilted[1::-1]) / 2, np.array(shape[1::-1]) / 2
    centres = ((faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 - from_middle) @ turn + middle
    half = (faces.boxes[:, 2:] - faces.boxes[:, :2]) / 2
    points = (faces.points - from_middle) @ turn + middle
    return Faces(np.concatenate([centres - half, centres + half], 1), faces.scores, points)


def _resize_view(view: Image, scale: float) -> Image:
    """At most twice as large as it is."""
    size = [max(1, round(length * min(scale, 2.0))) for length in view.shape[1::-1]]
    return np.asarray(Pillow.fromarray(view).resize((size[0], size[1]), Pillow.Resampling.BILINEAR))


def _keep_best(faces: Faces) -> Faces:
    """Best first, without those that overlap a better one, and without weak ones inside strong ones."""
    faces = faces.take(order_best_first(faces.scores))
    faces = faces.take(suppress_overlaps(faces.boxes, SAME_FACE_OVERLAP))
    strong = faces.boxes[faces.scores >= STRONG_SCORE]
    if not len(strong):
        return faces
    is_part = measure_overlap(faces.boxes, strong, of_smaller=True).max(1) > FACE_PART_SHARE
    return faces.take(~(is_part & (faces.scores < WEAK_SCORE)))
