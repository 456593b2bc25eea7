"""Addresses of pictures in templates; each changes with the picture's content.

    {% photo_src photo 640 %}  {% photo_srcset photo %}  {% face_src face %}  {% reference_src crop 384 %}

A face needs its photo: select_related("photo") in lists.
"""

from __future__ import annotations

from django import template
from django.urls import reverse

from gallery.models import Face, Photo, Reference
from gallery.photos.renditions import (
    PHOTO_WIDTHS,
    choose_face_size,
    choose_photo_width,
    face_digest,
    photo_digest,
    reference_digest,
)

register = template.Library()


@register.simple_tag
def photo_src(photo: Photo, width: int = 640) -> str:
    """The photo at the smallest width made that is at least this wide."""
    return reverse("photo_image", args=(photo.pk, photo_digest(photo), choose_photo_width(width)))


@register.simple_tag
def photo_srcset(photo: Photo) -> str:
    """All widths up to the photo's own, for `srcset`; give `sizes` beside it."""
    widths = [width for width in PHOTO_WIDTHS if width < photo.width]
    if photo.width == 0 or len(widths) < len(PHOTO_WIDTHS):
        widths.append(choose_photo_width(photo.width))
    return ", ".join(
        f"{photo_src(photo, width)} {min(width, photo.width or width)}w" for width in dict.fromkeys(widths)
    )


@register.simple_tag
def face_src(face: Face, size: int = 128) -> str:
    """The face with some of its surroundings."""
    return reverse("face_image", args=(face.pk, face_digest(face), choose_face_size(size)))


@register.simple_tag
def reference_src(reference: Reference, size: int = 128) -> str:
    parts = (reference.pk, reference_digest(reference), choose_face_size(size))
    return reverse("reference_image", args=parts)
