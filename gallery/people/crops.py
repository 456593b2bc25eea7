"""Crops of faces that are kept as references: how they are cut, and where the face is in them.

A face is described by the columns of a reference that are about it: box, landmarks, quality, score."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gallery.core.limits import get_upload_limits
from gallery.models import Face, Reference
from gallery.models.storage import build_reference_name, write_file
from recognition import images
from recognition.images import Region, Source, shrink_pixels
from recognition.images.sandbox import read_region
from recognition.types import Box, Detection, FaceCrop, Image

CROP_MARGIN = 0.8  # of the box, kept on every side, so that any embedder finds the surroundings it wants
MAX_CROP_SIDE = 640  # pixels
CROP_JPEG_QUALITY = 95

FaceColumns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReferenceCrop:
    """A face cut out for keeping: the JPEG that is stored, and the face in it."""

    jpeg: bytes
    columns: FaceColumns

    def store(self) -> dict[str, Any]:
        """Write the file; the columns of a reference whose image it is."""
        name = build_reference_name(".jpg")
        return {"image": name, "sha256": write_file(name, self.jpeg), **self.columns}


def describe_detection(detection: Detection) -> FaceColumns:
    box, quality = detection.box, detection.quality
    return {
        "box": [round(side, 2) for side in (box.left, box.top, box.width, box.height)],
        "landmarks": detection.landmarks.astype(float).round(2).tolist(),
        "quality": asdict(quality) if quality else None,
        "score": detection.score,
    }


def cut_reference_crop(pixels: Image, detection: Detection) -> ReferenceCrop:
    """The face that was detected in these pixels, with its surroundings."""
    height, width = pixels.shape[:2]
    left, top, across, down = detection.box.padded(CROP_MARGIN).clipped(width, height).as_ints()
    part = pixels[top : top + down, left : left + across]
    region = Region(shrink_pixels(part, MAX_CROP_SIDE), Box(left, top, across, down))
    return _encode_crop(region, describe_detection(detection))


def read_reference_crop(source: Source, face: FaceColumns) -> ReferenceCrop:
    """The face in this image, with its surroundings; raises ImageError or OSError."""
    wanted = Box(*face["box"]).padded(CROP_MARGIN)
    return _encode_crop(read_region(source, wanted, get_upload_limits(), max_side=MAX_CROP_SIDE), face)


def cut_reference_again(reference: Reference, face: Face) -> ReferenceCrop:
    """The reference's crop anew, from where its face lies in the photo now; raises ImageError or OSError."""
    columns = {
        "box": [face.left, face.top, face.width, face.height],
        "landmarks": face.landmarks,
        "quality": reference.quality,
        "score": reference.score,
    }
    return read_reference_crop(face.photo.picture, columns)


def _encode_crop(region: Region, face: FaceColumns) -> ReferenceCrop:
    across = region.pixels.shape[1] / region.box.width
    down = region.pixels.shape[0] / region.box.height

    def place(left: float, top: float) -> list[float]:
        return [round((left - region.box.left) * across, 2), round((top - region.box.top) * down, 2)]

    left, top, width, height = face["box"]
    placed = {
        "box": [*place(left, top), round(width * across, 2), round(height * down, 2)],
        "landmarks": [place(*point) for point in face["landmarks"]],
    }
    jpeg = images.encode_pixels(region.pixels, form="JPEG", quality=CROP_JPEG_QUALITY)
    return ReferenceCrop(jpeg, face | placed)


def get_reference_face(reference: Reference, pixels: Image) -> FaceCrop:
    """The reference's face as an embedder takes it, from its stored crop."""
    left, top, width, height = reference.box or (0, 0, pixels.shape[1], pixels.shape[0])
    return FaceCrop(pixels, Box(left, top, width, height), np.array(reference.landmarks, np.float32))
