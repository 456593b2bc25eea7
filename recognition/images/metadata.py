"""What a photo says about itself: orientation, when it was taken, whether it tells where.

Metadata are a courtesy: whatever is broken in them counts as missing and never stops a photo.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

from PIL import Image

# What parsing hostile EXIF has been seen to raise, in Pillow and in struct.
EXIF_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SyntaxError, OSError,
               EOFError, RuntimeError, MemoryError, struct.error)  # fmt: skip

_ORIENTATION, _DATE_TIME, _EXIF_IFD, _GPS_IFD = 0x0112, 0x0132, 0x8769, 0x8825
_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED = 0x9003, 0x9004
_RATING = 0x4746
_XMP_RATING = re.compile(rb"""xmp:Rating(?:\s*=\s*["']|>)\s*([1-5])(?:\.0+)?\s*["'<]""")
_EARLIEST = datetime(1826, 1, 1)  # the oldest photograph there is


@dataclass(frozen=True, slots=True)
class Metadata:
    orientation: int  # 1 to 8 as in EXIF: how the stored picture must be turned to stand upright
    taken_at: datetime | None  # by the camera's own clock, without a time zone
    has_position: bool
    rating: int | None = None  # 1 to 5 stars; None where nobody has given any


def read_metadata(image: Image.Image, kind: str) -> Metadata:
    """Read it from an opened, not yet decoded, image."""
    try:
        exif = Image.Image.getexif(image)  # that of PNG would decode the pixels to look behind them
    except EXIF_ERRORS:
        return Metadata(1, None, _xmp_has_position(image), _read_xmp_rating(image))
    found = describe_exif(exif)
    return Metadata(
        1 if _has_own_orientation(image, kind) else found.orientation,
        found.taken_at,
        found.has_position or _xmp_has_position(image),
        _read_xmp_rating(image) or found.rating,
    )


def _has_own_orientation(image: Image.Image, kind: str) -> bool:
    """HEIC and JPEG XL say outside of EXIF how they stand, and the decoder does it; not a JPEG XL made of a JPEG."""
    return kind == "HEIC" or (kind == "JXL" and not getattr(image, "jpeg", False))


def describe_exif(exif: Image.Exif) -> Metadata:
    return Metadata(_read_orientation(exif), _read_taken_at(exif), _has_gps(exif), _read_rating(exif))


def _read_orientation(exif: Image.Exif) -> int:
    try:
        value = exif.get(_ORIENTATION, 1)
    except EXIF_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _read_taken_at(exif: Image.Exif) -> datetime | None:
    for directory, tag in (
        (_EXIF_IFD, _DATE_TIME_ORIGINAL),
        (_EXIF_IFD, _DATE_TIME_DIGITIZED),
        (None, _DATE_TIME),
    ):
        try:
            source = exif if directory is None else exif.get_ifd(directory)
            moment = parse_moment(source.get(tag))
        except EXIF_ERRORS:
            continue
        if moment is not None:
            return moment
    return None


def parse_moment(text: object) -> datetime | None:
    """EXIF's "2021:07:04 12:30:00" as a moment; None for anything that cannot be one."""
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    if not isinstance(text, str):
        return None
    digits = text.strip("\x00 ")[:19].replace("-", ":").replace("T", " ")
    try:
        moment = datetime.strptime(digits, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return moment if _EARLIEST <= moment <= datetime.now() + timedelta(days=2) else None


def _has_gps(exif: Image.Exif) -> bool:
    try:
        return any(tag in exif.get_ifd(_GPS_IFD) for tag in (1, 2, 3, 4)) or _GPS_IFD in exif
    except EXIF_ERRORS:
        return True  # there is something, and nobody can say what


def _read_rating(exif: Image.Exif) -> int | None:
    try:
        value = exif.get(_RATING)
    except EXIF_ERRORS:
        return None
    return value if isinstance(value, int) and 1 <= value <= 5 else None


def _read_xmp_rating(image: Image.Image) -> int | None:
    found = _XMP_RATING.search(_get_xmp_packet(image))
    return int(found[1]) if found else None


def _xmp_has_position(image: Image.Image) -> bool:
    packet = _get_xmp_packet(image)
    return b"GPSL" in packet or b"gpsl" in packet


def _get_xmp_packet(image: Image.Image) -> bytes:
    packet = image.info.get("xmp", b"")
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    return packet if isinstance(packet, bytes) else b""
