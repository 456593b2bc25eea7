"""Crops of faces that are kept as references: how they are cut, and where the face is in them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow

from gallery.models import (
    Face,
    Reference,
)
from recognition import images
from recognition.images import Region
from recognition.types import Box, Detection, FaceCrop, Image

CROP_MARGIN = 0.8  # of the box, kept on every side, so that any embedder finds the surroundings it wants
MAX_CROP_SIDE = 640
CROP_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class ReferenceCrop:
    """A face cut out for keeping: the JPEG that is stored, and where the face is in it."""

    jpeg: bytes
    box: Box
    landmarks: np.ndarray[Any, np.dtype[np.float32]]
    detection: Detection


def shrink_image(pixels: Image, factor: float) -> Image:
    """Reduced by the factor, each new pixel the mean of those it covers; as it is for a factor of 1."""
    if factor >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    return np.asarray(Pillow.fromarray(np.ascontiguousarray(pixels)).resize(size, Pillow.Resampling.LANCZOS))


def cut_reference_crop(pixels: Image, detection: Detection) -> ReferenceCrop:
    """The face with its surroundings, at most CROP_SIDE pixels, as it will be stored."""
    height, width = pixels.shape[:2]
    left, top, across, down = detection.box.padded(CROP_MARGIN).clipped(width, height).as_ints()
    part = pixels[top : top + down, left : left + across]
    factor = min(1.0, MAX_CROP_SIDE / max(part.shape[:2]))
    jpeg = images.encode_pixels(shrink_image(part, factor), form="JPEG", quality=CROP_JPEG_QUALITY)
    landmarks = ((detection.landmarks - np.array([left, top])) * factor).astype(np.float32)
    return ReferenceCrop(jpeg, detection.box.shifted(-left, -top).scaled(factor), landmarks, detection)


def set_crop_columns(reference: Reference, crop: ReferenceCrop) -> None:
    """Write what is known of the crop into the reference's columns, unsaved."""
    reference.box = [
        round(value, 2) for value in (crop.box.left, crop.box.top, crop.box.width, crop.box.height)
    ]
    reference.landmarks = crop.landmarks.astype(float).round(2).tolist()
    quality = crop.detection.quality
    reference.quality = asdict(quality) if quality else None
    reference.score = crop.detection.score


def get_reference_face(reference: Reference, pixels: Image) -> FaceCrop:
    """The reference's face as an embedder takes it, from its stored crop."""
    left, top, width, height = reference.box or (0, 0, pixels.shape[1], pixels.shape[0])
    return FaceCrop(pixels, Box(left, top, width, height), np.array(reference.landmarks, np.float32))


REGION_MARGIN, MAX_REGION_SIDE = (
    0.8,
    640,
)  # as other references are kept: surroundings on every side, longest side


def place_face_in_region(face: Face, region: Region) -> dict[str, Any]:
    """The face's box and landmarks in the crop's own pixels."""
    across = region.pixels.shape[1] / region.box.width
    down = region.pixels.shape[0] / region.box.height

    def point(left: float, top: float) -> list[float]:
        return [round((left - region.box.left) * across, 2), round((top - region.box.top) * down, 2)]

    size = [round(face.width * across, 2), round(face.height * down, 2)]
    return {
        "box": point(face.left, face.top) + size,
        "landmarks": [point(left, top) for left, top in face.landmarks or []],
    }
