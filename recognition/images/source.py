"""From a path, bytes or an open file to an opened image: every check that needs no pixels."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import Image as Pillow

from recognition.errors import ImageError, ImageTooLarge
from recognition.images.kinds import identify_photo
from recognition.images.limits import Limits
from recognition.images.metadata import read_metadata
from recognition.images.orientation import get_upright_size
from recognition.images.structure import (
    check_structure,
    make_frames_error,
    make_metadata_error,
    read_png_exif,
)

Source = str | Path | bytes | BinaryIO

# What decoders have been seen to raise on broken files. A decoder that dies otherwise dies in the sandbox.
DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, AssertionError,
                  ArithmeticError, EOFError, RuntimeError, struct.error, zlib.error)  # fmt: skip

# Named one by one: no other decoder of Pillow's is ever loaded, and its registry is not asked.
_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What is known of a photo before any pixel is decoded."""

    kind: str  # "JPEG", "PNG", "WEBP", "HEIC", "TIFF", "GIF" or "BMP"
    width: int  # upright, in pixels
    height: int
    orientation: int  # EXIF, 1 to 8; 1 where it is missing or broken
    frames: int
    taken_at: datetime | None  # by the camera's clock, without a time zone
    has_position: bool  # says where it was taken (GPS in EXIF or XMP)
    bytes: int
    rating: int | None = None  # 1 to 5 stars (XMP or EXIF); None where nobody has given any

    @property
    def longer_side(self) -> int:
        return max(self.width, self.height)


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose header is read and within the limits, and whose pixels are not decoded yet."""

    image: Pillow.Image
    info: ImageInfo


@contextmanager
def open_image(source: Source, limits: Limits) -> Iterator[OpenedImage]:
    """Open a photo and check it. Raises ImageError or ImageTooLarge, also for what is raised inside the block
    by decoding a damaged file."""
    with _open_file(source) as file:
        try:
            yield _check_image(file, limits)
        except MemoryError:
            raise ImageTooLarge("too_much_memory") from None
        except Pillow.DecompressionBombError:
            raise ImageTooLarge("far_too_many_pixels") from None
        except DECODER_ERRORS as problem:
            raise ImageError(_get_damage_code(problem)) from problem


def _get_damage_code(problem: BaseException) -> str:
    said = str(problem).lower()
    if "truncated" in said or "unexpected end" in said or isinstance(problem, EOFError):
        return "cut_off"
    return "undecodable"


@contextmanager
def _open_file(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str | Path):
        with open_regular_file(Path(source)) as file:
            yield file
    else:
        yield source


def open_regular_file(path: Path) -> BinaryIO:
    """Open a plain file for reading; never waits on a pipe or device. ImageError when it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as problem:
        raise ImageError("unreadable", why=problem.strerror) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ImageError("no_plain_file")
    return os.fdopen(handle, "rb")


def _check_image(file: BinaryIO, limits: Limits) -> OpenedImage:
    size = file.seek(0, os.SEEK_END)
    if size > limits.bytes:
        raise ImageTooLarge(
            "too_many_bytes", megabytes=f"{size / 1e6:.0f}", limit=f"{limits.bytes / 1e6:.0f}"
        )
    kind = identify_photo(file)
    check_structure(file, kind, limits)
    exif = read_png_exif(file) if kind == "PNG" else b""
    file.seek(0)
    image = _open_with_decoder(file, kind)
    if exif:
        image.info.setdefault("exif", exif)
    _check_dimensions(image, limits)
    if sum(len(value) for value in image.info.values() if isinstance(value, bytes)) > limits.metadata_bytes:
        raise make_metadata_error(limits)
    frames = int(getattr(image, "n_frames", 1)) if kind in ("PNG", "WEBP", "TIFF", "HEIC") else 1
    if frames > limits.frames:
        raise make_frames_error(limits)
    metadata = read_metadata(image, kind)
    width, height = get_upright_size(*image.size, metadata.orientation)
    info = ImageInfo(
        kind,
        width,
        height,
        metadata.orientation,
        frames,
        metadata.taken_at,
        metadata.has_position,
        size,
        metadata.rating,
    )
    return OpenedImage(image, info)


def _open_with_decoder(file: BinaryIO, kind: str) -> ImageFile.ImageFile:
    """Let exactly one decoder see the file, the one its content asks for."""
    try:
        if kind == "HEIC":
            from pillow_heif import HeifImageFile  # loads libheif; only when a HEIC file is there

            image: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]  # not annotated
            return image
        return _DECODERS[kind](file)
    except SyntaxError:
        raise ImageError("false_start", kind=kind) from None


def _check_dimensions(image: Pillow.Image, limits: Limits) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError("no_pixels")
    if max(width, height) > limits.side:
        raise ImageTooLarge("too_long_a_side", width=width, height=height, limit=limits.side)
    if width * height > limits.pixels:
        raise ImageTooLarge(
            "too_many_pixels",
            width=width,
            height=height,
            megapixels=f"{width * height / 1e6:.0f}",
            limit=f"{limits.pixels / 1e6:.0f}",
        )
