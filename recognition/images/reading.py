"""Photos as arrays, at full or reduced scale, and small copies of them for showing."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow

from recognition.images.decoding import decode
from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.opening import ImageInfo, Opened, Source, open_image
from recognition.images.orientation import is_swapped, overhang, upright_size
from recognition.images.photo import Photo
from recognition.images.pixels import fill_upright
from recognition.types import Image

Allocate = Callable[[int, int], Image]  # (height, width) -> uint8 (height, width, 3)


def probe(source: Source, limits: Limits = DEFAULT_LIMITS) -> ImageInfo:
    """Check a photo and say what it is, without decoding it. Raises ImageError, ImageTooLarge."""
    with open_image(source, limits) as opened:
        return opened.info


def read(
    source: Source,
    limits: Limits = DEFAULT_LIMITS,
    *,
    max_side: int | None = None,
    at_least: int | None = None,
    allocate: Allocate | None = None,
) -> Photo:
    """Decode a photo, upright and sRGB; the first frame where there are several.

    ``max_side``: resampled so that the longer side is at most this many pixels (never enlarged).
    ``at_least``: reduced by 2, 4 or 8 as long as the longer side keeps this many pixels; for JPEG the decoder
    itself works at that scale, at a fraction of the time and memory. Memory is about 7 bytes for each decoded
    pixel (4 in the decoder, 3 in the array). Raises ImageError, ImageTooLarge.
    """
    with open_image(source, limits) as opened:
        wanted = min((side for side in (max_side, at_least) if side), default=None)
        image, across, down = decode(opened, wanted, max_side)
        return _upright(image, opened, across, down, allocate or empty_pixels)


def derive(
    source: Source,
    max_side: int,
    limits: Limits = DEFAULT_LIMITS,
    *,
    form: str = "WEBP",
    quality: int = 82,
) -> bytes:
    """A smaller copy for showing: upright, sRGB, without any metadata.

    ``form`` is "WEBP", "JPEG" or "PNG". Raises ImageError, ImageTooLarge.
    """
    return encode(read(source, limits, max_side=max_side).pixels, form=form, quality=quality)


def encode(pixels: Image, *, form: str = "WEBP", quality: int = 82) -> bytes:
    """An array (uint8 RGB) as a file without metadata."""
    if form not in ("WEBP", "JPEG", "PNG"):
        raise ValueError(f"no way to write {form}")
    file = io.BytesIO()
    subsampling = (
        0 if quality >= 95 else 2
    )  # of colour in JPEG; Pillow's usual 4:2:0 unless asked for the best
    Pillow.fromarray(pixels).save(file, form, quality=quality, method=2, subsampling=subsampling)
    return file.getvalue()


def empty_pixels(height: int, width: int) -> Image:
    return np.empty((height, width, 3), np.uint8)


def _upright(image: Pillow.Image, opened: Opened, across: float, down: float, allocate: Allocate) -> Photo:
    info = opened.info
    width, height = upright_size(*image.size, info.orientation)
    pixels = allocate(height, width)
    fill_upright(image, pixels, info.orientation)
    full_width, full_height = upright_size(info.width, info.height, info.orientation)
    beyond = image.size[0] * across - full_width, image.size[1] * down - full_height
    left, top = overhang(info.orientation, *beyond)
    if is_swapped(info.orientation):
        across, down = down, across
    return Photo(pixels, info, across, down, left, top)
