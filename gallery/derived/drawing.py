"""Pixels: resize, cut, encode. Nothing of the original's metadata goes into what is made here."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from recognition.types import Box, ImageError, ImageTooLarge

QUALITY = 82


def open_upright(path: Path, *, at_least: int | None = None) -> Image.Image:
    """The picture, upright RGB; `at_least` lets a JPEG be decoded at a reduced scale of no smaller width."""
    try:
        with Image.open(path) as stored:
            if stored.width * stored.height > 500_000_000:
                raise ImageTooLarge("The picture has too many pixels to be shown.")
            if at_least is not None:
                stored.draft("RGB", (at_least, at_least))
            return ImageOps.exif_transpose(stored).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError("The picture cannot be read.") from error


def shrunk(image: Image.Image, width: int, height: int) -> Image.Image:
    """At most this large, its shape kept, never enlarged."""
    small = image.copy()
    small.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return small


def cut(image: Image.Image, box: Box) -> Image.Image:
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    return image.crop(
        (int(left), int(top), max(int(left) + 1, round(right)), max(int(top) + 1, round(bottom)))
    )


def encoded(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=3)
    return out.getvalue()
