"""What a derived picture is called. The name changes with its content, so browsers may keep it for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from gallery.models import Face, Photo, Reference
from recognition.types import Box

RECIPE = 1  # part of every name: a change to how pictures are made gives new names
PHOTO_WIDTHS = (320, 640, 1280, 2048)
FACE_SIZES = (128, 384)  # of face and reference crops, longer side
SUFFIX = ".webp"


def _digest(*parts: object) -> str:
    return hashlib.sha256("/".join(str(part) for part in (RECIPE, *parts)).encode()).hexdigest()[:20]


def photo_digest(photo: Photo) -> str:
    return _digest(photo.sha256)


def face_digest(face: Face) -> str:
    """Needs the face's photo (select_related it in lists)."""
    box = (face.left, face.top, face.width, face.height)
    return _digest(face.photo.sha256, *(f"{side:.1f}" for side in box))


def hidden_digest(photo: Photo, boxes: Sequence[Box]) -> str:
    """Of the photo with these faces hidden."""
    sides = (f"{side:.1f}" for box in boxes for side in (box.left, box.top, box.width, box.height))
    return _digest(photo.sha256, "hidden", *sides)


def reference_digest(reference: Reference) -> str:
    return _digest(reference.sha256)


def photo_width(wanted: int) -> int:
    """The smallest width made that is no smaller than the wanted one."""
    return next((width for width in PHOTO_WIDTHS if width >= wanted), PHOTO_WIDTHS[-1])


def face_size(wanted: int) -> int:
    return next((size for size in FACE_SIZES if size >= wanted), FACE_SIZES[-1])


def photo_folder(sha256: str) -> Path:
    """All that was derived from one photo, its face crops included."""
    return Path(settings.CACHE_ROOT) / "photos" / sha256[:2] / sha256


def reference_folder(sha256: str) -> Path:
    return Path(settings.CACHE_ROOT) / "references" / sha256[:2] / sha256
