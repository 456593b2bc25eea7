"""Small picture files for tests that need a photo but no face."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def jpeg(shade: int = 90, size: tuple[int, int] = (64, 48), exif: Image.Exif | None = None) -> bytes:
    """A JPEG of one colour; another shade makes another file."""
    out = BytesIO()
    Image.new("RGB", size, (shade, 20, 20)).save(out, "JPEG", exif=exif or Image.Exif())
    return out.getvalue()
