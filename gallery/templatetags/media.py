"""Addresses of pictures in templates; each changes with the picture's content.

    {% photo_src photo 640 %}  {% photo_srcset photo %}  {% face_src face %}  {% reference_src crop 384 %}

A face needs its photo: select_related("photo") in lists.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from django import template
from django.urls import get_script_prefix, reverse

from gallery.core.paths import reverse_with_pk
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
    return _picture_url("photo_image", photo.pk, photo_digest(photo), choose_photo_width(width))


def photo_url_builder(photo: Photo) -> Callable[[int], str]:
    """Gives the photo's address at a width, as `photo_src` does; for several of one photo."""
    digest = photo_digest(photo)
    return lambda width: _picture_url("photo_image", photo.pk, digest, choose_photo_width(width))


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
    return _picture_url("face_image", face.pk, face_digest(face), choose_face_size(size))


@register.simple_tag
def reference_src(reference: Reference, size: int = 128) -> str:
    digest = reference_digest(reference)
    return _picture_url("reference_image", reference.pk, digest, choose_face_size(size))


def _picture_url(name: str, pk: int, digest: str, size: int) -> str:
    """As `reverse` would give it, but quick: a page has hundreds."""
    before, between, last = _split_picture_url(name, get_script_prefix())
    return f"{before}{pk}{between}{digest}{last}{size}"


@functools.cache
def _split_picture_url(name: str, prefix: str) -> tuple[str, str, str]:
    """An address around its three values, found once for each place that the site is mounted at."""
    pattern = reverse(name, args=(11111, "digest", 22222)).removesuffix("22222")
    start, _digest, last = pattern.rpartition("digest")
    before, _pk, between = start.rpartition("11111")
    return before, between, last


register.simple_tag(reverse_with_pk, name="path")
