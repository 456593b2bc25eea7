"""Paths of derived pictures, made at the first request.

A photo's face crops are all cut from one decoding of the original, whichever of them is asked for first.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from gallery.derived import drawing, once
from gallery.derived.addresses import (
    FACE_SIZES,
    SUFFIX,
    face_digest,
    photo_digest,
    photo_folder,
    reference_digest,
    reference_folder,
)
from gallery.models import Face, Photo, Reference
from recognition.types import Box

MARGIN = 0.35  # around a face's box, as a fraction of its size


def original(photo: Photo) -> Path:
    return Path(settings.MEDIA_ROOT) / photo.file


def photo_picture(photo: Photo, width: int) -> Path:
    """The photo at this width (or its own, if that is less); raises ImageError if it cannot be read."""
    path = photo_folder(photo.sha256) / f"{photo_digest(photo)}-{width}{SUFFIX}"

    def make() -> None:
        image = drawing.open_upright(original(photo), at_least=width)
        once.write(path, drawing.encoded(drawing.shrunk(image, width, 4 * width)))

    return once.make_once(path, make)


def face_picture(face: Face, size: int) -> Path:
    """The face with some of its surroundings, from full detail; raises ImageError."""
    path = _face_path(face, size)

    def make() -> None:
        image = drawing.open_upright(original(face.photo))
        others = Face.objects.filter(photo_id=face.photo_id).exclude(pk=face.pk).select_related("photo")
        for one in (face, *others):
            box = Box(one.left, one.top, one.width, one.height).padded(MARGIN)
            crop = drawing.cut(image, box.clipped(*image.size))
            for each in FACE_SIZES:
                once.write(_face_path(one, each), drawing.encoded(drawing.shrunk(crop, each, each)))

    return once.make_once(path, make)


def _face_path(face: Face, size: int) -> Path:
    return photo_folder(face.photo.sha256) / f"face-{face_digest(face)}-{size}{SUFFIX}"


def reference_picture(reference: Reference, size: int) -> Path:
    """The reference's crop at this size; raises ImageError."""
    path = reference_folder(reference.sha256) / f"{reference_digest(reference)}-{size}{SUFFIX}"

    def make() -> None:
        image = drawing.open_upright(Path(settings.MEDIA_ROOT) / reference.image)
        once.write(path, drawing.encoded(drawing.shrunk(image, size, size)))

    return once.make_once(path, make)
