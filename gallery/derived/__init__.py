"""Pictures made from originals for showing: display sizes and crops. A cache, never the truth."""

from gallery.derived.addresses import (
    FACE_SIZES,
    PHOTO_WIDTHS,
    face_digest,
    face_size,
    hidden_digest,
    photo_digest,
    photo_width,
    reference_digest,
)
from gallery.derived.forget import forget_orphans, forget_photo, forget_reference
from gallery.derived.hiding import box_to_hide
from gallery.derived.pictures import (
    LIMITS,
    face_picture,
    hidden_picture,
    original,
    photo_picture,
    reference_picture,
)

__all__ = [
    "FACE_SIZES",
    "LIMITS",
    "PHOTO_WIDTHS",
    "box_to_hide",
    "face_digest",
    "face_picture",
    "face_size",
    "forget_orphans",
    "forget_photo",
    "forget_reference",
    "hidden_digest",
    "hidden_picture",
    "original",
    "photo_digest",
    "photo_picture",
    "photo_width",
    "reference_digest",
    "reference_picture",
]
