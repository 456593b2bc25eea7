"""Walks over file structures that must be bounded before a decoder sees them: metadata and frames.

Each walk reads headers and skips over content, so its cost is bounded by the limit it enforces.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from recognition.errors import ImageError, ImageTooLarge
from recognition.images.limits import Limits


def check_structure(file: BinaryIO, kind: str, limits: Limits) -> None:
    """Raise ImageTooLarge when metadata or frames are over the limits. Leaves the file at its start."""
    walk = {
        "JPEG": _walk_jpeg,
        "PNG": _walk_png,
        "WEBP": _walk_webp,
        "GIF": _walk_gif,
        "TIFF": _walk_tiff,
    }.get(kind)
    if walk is not None:
        file.seek(0)
        try:
            walk(file, limits)
        except (struct.error, IndexError):
            raise ImageError("header_cut_off") from None
    file.seek(0)


def check_dimensions(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
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


def make_metadata_error(limits: Limits) -> ImageTooLarge:
    megabytes = limits.metadata_bytes // 1_000_000
    return ImageTooLarge("too_much_metadata", limit=megabytes)


def make_frames_error(limits: Limits) -> ImageTooLarge:
    return ImageTooLarge("too_many_frames", limit=limits.frames)


def _walk_jpeg(file: BinaryIO, limits: Limits) -> None:
    """Add up the segments before the first scan."""
    file.seek(2)
    total = 0
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in (0xDA, 0xD9):
            return
        if marker[1] == 0xFF:
            file.seek(-1, 1)
            total += 1
        elif not 0xD0 <= marker[1] <= 0xD8 and marker[1] != 0x01:
            (length,) = struct.unpack(">H", file.read(2))
            total += length
            file.seek(max(length - 2, 0), 1)
        else:
            total += 2
        if total > limits.metadata_bytes:
            raise make_metadata_error(limits)


def _walk_png(file: BinaryIO, limits: Limits) -> None:
    file.seek(8)
    total = frames = 0
    while len(header := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", header)
        if length > limits.bytes:
            return  # the decoder will say what is wrong with it
        if name not in (b"IDAT", b"fdAT"):
            total += length + 12
        frames += name == b"fcTL"
        if total > limits.metadata_bytes:
            raise make_metadata_error(limits)
        if frames > limits.frames:
            raise make_frames_error(limits)
        if name == b"IEND":
            return
        file.seek(length + 4, 1)


def read_png_exif(file: BinaryIO) -> bytes:
    """The EXIF of a PNG wherever it lies, even behind the pixels, without decoding those; b"" if there is none."""
    file.seek(8)
    while len(header := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", header)
        if name == b"eXIf":
            return file.read(length)
        if name == b"IEND":
            break
        file.seek(length + 4, 1)
    return b""


def read_jxl_size(file: BinaryIO) -> tuple[int, int]:
    """Width and height in the header of a JPEG XL, bare or in boxes. Raises ImageError where there is none."""
    file.seek(0)
    head = file.read(2)
    if head != _JXL_START:
        head = _find_jxl_codestream(file)
    bits = _BitReader(int.from_bytes(file.read(16), "little"))
    if head != _JXL_START:
        raise ImageError("header_cut_off")
    is_small = bits.read(1)
    height = (bits.read(5) + 1) * 8 if is_small else bits.read(_JXL_SIZE_BITS[bits.read(2)]) + 1
    if ratio := bits.read(3):
        across, down = _JXL_RATIOS[ratio]
        return height * across // down, height
    width = (bits.read(5) + 1) * 8 if is_small else bits.read(_JXL_SIZE_BITS[bits.read(2)]) + 1
    return width, height


_JXL_START = b"\xff\x0a"
_JXL_SIZE_BITS = (9, 13, 18, 30)
_JXL_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


class _BitReader:
    """Takes bits from the low end of a number."""

    def __init__(self, bits: int) -> None:
        self._bits = bits

    def read(self, count: int) -> int:
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        return value


def _find_jxl_codestream(file: BinaryIO) -> bytes:
    """Go to the first box that holds pixels; the two bytes it begins with."""
    file.seek(0)
    while len(header := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", header)
        rest = length - 8
        if length == 1:
            rest = int.from_bytes(file.read(8), "big") - 16
        if name in (b"jxlc", b"jxlp"):
            file.seek(4 if name == b"jxlp" else 0, 1)
            return file.read(2)
        if length == 0 or rest < 0:
            break
        file.seek(rest, 1)
    return b""


def _walk_webp(file: BinaryIO, limits: Limits) -> None:
    file.seek(12)
    total = frames = 0
    while len(header := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", header)
        if length > limits.bytes:
            return
        if name not in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            total += length + 8
        frames += name == b"ANMF"
        if total > limits.metadata_bytes:
            raise make_metadata_error(limits)
        if frames > limits.frames:
            raise make_frames_error(limits)
        file.seek(length + length % 2, 1)


def _walk_gif(file: BinaryIO, limits: Limits) -> None:
    header = file.read(13)
    file.seek(_get_palette_size(header[10]), 1)
    frames = 0
    while (introducer := file.read(1)) in (b",", b"!"):
        if introducer == b",":
            frames += 1
            if frames > limits.frames:
                raise make_frames_error(limits)
            file.seek(_get_palette_size(file.read(9)[8]) + 1, 1)
            _skip_blocks(file)
        else:
            file.seek(1, 1)
            if _skip_blocks(file) > limits.metadata_bytes:
                raise make_metadata_error(limits)


def _get_palette_size(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(file: BinaryIO) -> int:
    total = 0
    while (size := file.read(1)) not in (b"", b"\x00"):
        file.seek(size[0], 1)
        total += size[0]
    return total


def _walk_tiff(file: BinaryIO, limits: Limits) -> None:
    """Follow the chain of directories; a loop in it is a hostile file."""
    order = "<" if file.read(2) == b"II" else ">"
    is_big = struct.unpack(order + "H", file.read(2))[0] == 43
    offset_format, count_format, entry = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    file.seek(8 if is_big else 4)
    seen: set[int] = set()
    while True:
        (offset,) = struct.unpack(order + offset_format, file.read(struct.calcsize(offset_format)))
        if not offset:
            return
        if offset in seen or offset > limits.bytes:
            raise ImageError("broken_pages")
        seen.add(offset)
        if len(seen) > limits.frames:
            raise make_frames_error(limits)
        file.seek(offset)
        (count,) = struct.unpack(order + count_format, file.read(struct.calcsize(count_format)))
        if count > 4096:
            raise ImageError("too_many_properties")
        file.seek(count * entry, 1)
