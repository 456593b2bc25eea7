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
from pathlib import Path
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
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
from recognition.images.metadata import Metadata, read_metadata
from recognition.images.moments import Moment
from recognition.images.names import NameTag, place_names
from recognition.images.orientation import get_upright_size, turn_orientation
from recognition.images.raw import open_raw
from recognition.images.structure import (
    check_dimensions,
    check_structure,
    make_frames_error,
    make_metadata_error,
    read_jxl_size,
    read_png_exif,
)


@dataclass(frozen=True, slots=True)
class Turned:
    """A photo to be turned clockwise by so many quarters beyond what its file says, because somebody knows better."""

    file: str | Path | bytes | BinaryIO
    quarters: int


Source = str | Path | bytes | BinaryIO | Turned

# What decoders have been seen to raise on broken files. A decoder that dies otherwise dies in the sandbox.
DECODER_ERRORS = (OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, AssertionError,
                  ArithmeticError, EOFError, RuntimeError, struct.error, zlib.error)  # fmt: skip


class ForgivingJpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG that may be cut short: what is missing stays grey."""

    is_cut_off = False  # known once it is decoded

    def load_read(self, read_bytes: int) -> bytes:
        data = super().load_read(read_bytes)
        if data or self.is_cut_off:
            return data
        self.is_cut_off = True
        return b"\xff\xd9"  # end of image


# Named one by one: no other decoder of Pillow's is ever loaded, and its registry is not asked.
_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": ForgivingJpeg,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_KINDS_OF_FRAMES = ("PNG", "WEBP", "TIFF", "HEIC", "AVIF")


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What is known of a photo before any pixel is decoded."""

    kind: str  # "JPEG", "PNG", "WEBP", "HEIC", "AVIF", "JXL", "TIFF", "RAW", "GIF" or "BMP"
    width: int  # upright, in pixels
    height: int
    orientation: int  # of what is stored, 1 to 8 as in EXIF; 1 where it is missing, broken or does not count
    frames: int
    moment: Moment | None  # when it was taken, as far as the file says
    has_position: bool  # says where it was taken (GPS in EXIF or XMP)
    bytes: int
    rating: int | None = None  # 1 to 5 stars (XMP or EXIF); None where nobody has given any
    written_orientation: int = 1  # what EXIF says, also where the decoder turns by itself
    names: tuple[NameTag, ...] = ()  # that XMP says are in it, with boxes in shares of the upright photo

    @property
    def longer_side(self) -> int:
        return max(self.width, self.height)


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose header is read and within the limits, and whose pixels are not decoded yet."""

    image: Pillow.Image
    info: ImageInfo
    turn: int  # the orientation that its pixels, once decoded, still have to be turned from


@contextmanager
def open_image(source: Source, limits: Limits) -> Iterator[OpenedImage]:
    """Open a photo and check it. Raises ImageError or ImageTooLarge, also for what is raised inside the block
    by decoding a damaged file."""
    quarters = source.quarters if isinstance(source, Turned) else 0
    with open_source(source) as file:
        try:
            yield _check_image(file, limits, quarters)
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
def open_source(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, Turned):
        source = source.file
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


def _check_image(file: BinaryIO, limits: Limits, quarters: int) -> OpenedImage:
    size = file.seek(0, os.SEEK_END)
    if size > limits.bytes:
        raise ImageTooLarge(
            "too_many_bytes", megabytes=f"{size / 1e6:.0f}", limit=f"{limits.bytes / 1e6:.0f}"
        )
    kind = identify_photo(file)
    check_structure(file, kind, limits)
    if kind == "JXL":  # whose decoder decodes when it opens
        check_dimensions(read_jxl_size(file), limits)
    image, metadata = open_raw(file, limits) if kind == "RAW" else _open_with_decoder(file, kind)
    check_dimensions(image.size, limits)
    if sum(len(value) for value in image.info.values() if isinstance(value, bytes)) > limits.metadata_bytes:
        raise make_metadata_error(limits)
    frames = int(getattr(image, "n_frames", 1)) if kind in _KINDS_OF_FRAMES else 1
    if frames > limits.frames:
        raise make_frames_error(limits)
    # Pillow turns TIFFs by itself.
    turn = turn_orientation(1 if kind == "TIFF" else metadata.orientation, quarters)
    width, height = get_upright_size(*image.size, turn)
    written = turn_orientation(metadata.written_orientation, quarters)
    info = ImageInfo(
        kind,
        width,
        height,
        turn_orientation(metadata.orientation, quarters),
        frames,
        metadata.moment,
        metadata.has_position,
        size,
        metadata.rating,
        written,
        tuple(place_names(metadata.names, width, height, written)),
    )
    return OpenedImage(image, info, turn)


def _open_with_decoder(file: BinaryIO, kind: str) -> tuple[Pillow.Image, Metadata]:
    """Let exactly one decoder see the file, the one its content asks for."""
    exif = read_png_exif(file) if kind == "PNG" else b""
    file.seek(0)
    try:
        if kind == "HEIC":
            from pillow_heif import HeifImageFile  # loads libheif; only when a HEIC file is there

            image: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]  # not annotated
        elif kind == "JXL":
            from pillow_jxl.JpegXLImagePlugin import JXLImageFile  # loads libjxl

            image = JXLImageFile(file)
        else:
            image = _DECODERS[kind](file)
    except SyntaxError:
        raise ImageError("false_start", kind=kind) from None
    if exif:
        image.info.setdefault("exif", exif)
    return image, read_metadata(image, kind)
