"""Pictures made from originals for showing: display sizes and crops. A cache, never the truth."""

from gallery.derived.addresses import (
    FACE_SIZES,
    PHOTO_WIDTHS,
    face_digest,
    face_size,
    photo_digest,
    photo_width,
    reference_digest,
)
from gallery.derived.forget import forget_photo, forget_reference
from gallery.derived.pictures import face_picture, photo_picture, reference_picture

__all__ = [
    "FACE_SIZES",
    "PHOTO_WIDTHS",
    "face_digest",
    "face_picture",
    "face_size",
    "forget_photo",
    "forget_reference",
    "photo_digest",
    "photo_picture",
    "photo_width",
    "reference_digest",
    "reference_picture",
]
