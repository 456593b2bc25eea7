"""From whatever a file stores to sRGB: colour modes, bit depths, transparency and colour profiles."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms

from recognition.images.orientation import get_upright_place, turn_upright
from recognition.types import Image

STRIP_PIXELS = 1_000_000  # converted at a time, so that extra memory stays small whatever the photo
_SIMPLE = ("RGB", "L", "CMYK")
_PROFILE_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
_PROFILE_BYTES = 4_000_000
_PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError)

_Convert = Callable[[Pillow.Image], Pillow.Image]


def fill_upright(image: Pillow.Image, upright: Image, orientation: int) -> None:
    """Write a decoded image, strip by strip, into ``upright``: uint8 (height, width, 3), sRGB, turned."""
    flatten, to_srgb = make_flattener(image), make_srgb_converter(image)
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = image if rows >= height else image.crop((0, top, width, bottom))
        place = get_upright_place(top, bottom, height, orientation)
        upright[place] = np.asarray(turn_upright(to_srgb(flatten(strip)), orientation))


def make_flattener(image: Pillow.Image) -> _Convert:
    """How to bring this image, or parts of it, to one of the modes RGB, L and CMYK without transparency."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return _make_depth_converter(mode, image)
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _flatten_on_white
    if mode in _SIMPLE:
        return lambda part: part
    target = "L" if mode == "1" else "RGB"
    return lambda part: part.convert(target)


def _flatten_on_white(part: Pillow.Image) -> Pillow.Image:
    layers = part.convert("RGBA")
    white = Pillow.new("RGB", part.size, "white")
    white.paste(layers, mask=layers.getchannel("A"))
    return white


def _make_depth_converter(mode: str, image: Pillow.Image) -> _Convert:
    """More than eight bits a sample: scale by what the whole image holds, not by each strip."""
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]  # one band, two numbers
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("samples that are not numbers")
    if mode == "F" and high <= 1:
        divisor = 1 / 255
    elif mode.startswith("I;16") or high > 255:
        divisor = 65535 / 255 if high <= 65535 else high / 255
    else:
        divisor = 1.0

    def convert(part: Pillow.Image) -> Pillow.Image:
        values = np.asarray(part).astype(np.float32) / divisor
        return Pillow.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))

    return convert


def make_srgb_converter(image: Pillow.Image) -> _Convert:
    """How to bring a flattened part of this image to sRGB; a missing or broken profile means plain RGB."""
    transform = _build_profile_transform(image.info.get("icc_profile"), _get_flat_mode(image))
    if transform is None:
        return lambda part: part if part.mode == "RGB" else part.convert("RGB")

    def convert(part: Pillow.Image) -> Pillow.Image:
        converted = ImageCms.applyTransform(part, transform)
        return part.convert("RGB") if converted is None else converted

    return convert


def _get_flat_mode(image: Pillow.Image) -> str:
    if "transparency" in image.info or image.mode not in ("L", "CMYK", "1"):
        is_deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
        return "L" if is_deep else "RGB"
    return "L" if image.mode == "1" else image.mode


def _build_profile_transform(profile: object, mode: str) -> ImageCms.ImageCmsTransform | None:
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= _PROFILE_BYTES:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != _PROFILE_SPACES[mode]:
            return None
        if "sRGB" in (opened.profile.profile_description or ""):
            return None
        return ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
    except _PROFILE_ERRORS:
        return None
