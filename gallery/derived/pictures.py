"""Paths of derived pictures, made at the first request by the sandboxed decoder.

A photo's face crops are all cut from one decoding of the original, whichever of them is asked for first.
Every function raises ImageError when the original cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from django.conf import settings
from PIL import Image as Pillow

from gallery.derived import once
from gallery.derived.addresses import (
    FACE_SIZES,
    SUFFIX,
    face_digest,
    hidden_digest,
    photo_digest,
    photo_folder,
    reference_digest,
    reference_folder,
)
from gallery.models import Face, Photo, Reference
from recognition.draw import anonymise
from recognition.images import Limits, encode, sandbox
from recognition.types import Box, Image

MARGIN = 0.35  # around a face's box, as a fraction of its size
# What was accepted under the limits of its day is shown still; the sandbox bounds time and memory.
LIMITS = Limits(bytes=2_000_000_000, pixels=500_000_000)


def original(photo: Photo) -> Path:
    return Path(settings.MEDIA_ROOT) / photo.file


def photo_picture(photo: Photo, width: int) -> Path:
    """The photo at this width (or its own, if that is less)."""
    path = photo_folder(photo.sha256) / f"{photo_digest(photo)}-{width}{SUFFIX}"

    def make() -> None:
        once.write(path, sandbox.derive(original(photo), _longer_side(photo, width), LIMITS))

    return once.make_once(path, make)


def _longer_side(photo: Photo, width: int) -> int:
    """How long the longer side is when the photo is this wide; very tall photos get no more than four widths."""
    if photo.width == 0 or photo.width >= photo.height:
        return width
    return min(4 * width, round(width * photo.height / photo.width))


def hidden_picture(photo: Photo, width: int, boxes: Sequence[Box]) -> Path:
    """The photo with these faces (boxes of the full photo) made unrecognisable."""
    path = photo_folder(photo.sha256) / f"{hidden_digest(photo, boxes)}-{width}{SUFFIX}"

    def make() -> None:
        shown = sandbox.read(original(photo), LIMITS, max_side=_longer_side(photo, width))
        pixels = anonymise(shown.pixels, [shown.box_in_pixels(box) for box in boxes])
        once.write(path, encode(pixels))

    return once.make_once(path, make)


def face_picture(face: Face, size: int) -> Path:
    """The face with some of its surroundings, from full detail."""
    path = _face_path(face, size)

    def make() -> None:
        others = Face.objects.filter(photo_id=face.photo_id, is_erased=False).exclude(pk=face.pk)
        faces = [face, *others.select_related("photo")]
        boxes = [Box(one.left, one.top, one.width, one.height).padded(MARGIN) for one in faces]
        regions = sandbox.read_regions(original(face.photo), boxes, LIMITS, max_side=max(FACE_SIZES))
        for one, region in zip(faces, regions, strict=True):
            for each in FACE_SIZES:
                once.write(_face_path(one, each), encode(_shrunk(region.pixels, each)))

    return once.make_once(path, make)


def _face_path(face: Face, size: int) -> Path:
    return photo_folder(face.photo.sha256) / f"face-{face_digest(face)}-{size}{SUFFIX}"


def _shrunk(pixels: Image, size: int) -> Image:
    small = Pillow.fromarray(pixels)
    small.thumbnail((size, size), Pillow.Resampling.LANCZOS)
    return np.asarray(small)


def reference_picture(reference: Reference, size: int) -> Path:
    """The reference's crop at this size."""
    path = reference_folder(reference.sha256) / f"{reference_digest(reference)}-{size}{SUFFIX}"

    def make() -> None:
        once.write(path, sandbox.derive(Path(settings.MEDIA_ROOT) / reference.image, size, LIMITS))

    return once.make_once(path, make)
