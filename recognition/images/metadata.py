"""What a photo says about itself: orientation, when it was taken, whether it tells where.

Metadata are a courtesy: whatever is broken in them counts as missing and never stops a photo.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from recognition.images.moments import Moment, parse_moment
from recognition.images.names import NameTag, drop_repeated_names, read_xmp_names

# What parsing hostile EXIF has been seen to raise, in Pillow and in struct.
EXIF_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, SyntaxError, OSError,
               EOFError, RuntimeError, MemoryError, struct.error)  # fmt: skip

_ORIENTATION, _DATE_TIME, _EXIF_IFD, _GPS_IFD = 0x0112, 0x0132, 0x8769, 0x8825
_IPTC_RESOURCE = 0x0404
_MomentTags = tuple[int | None, int, int, int]  # directory, date and time, fraction of a second, time zone
_CREATED: tuple[_MomentTags, ...] = ((_EXIF_IFD, 0x9003, 0x9291, 0x9011), (_EXIF_IFD, 0x9004, 0x9292, 0x9012))
_CHANGED: tuple[_MomentTags, ...] = ((None, _DATE_TIME, 0x9290, 0x9010),)
_XMP_MOMENTS = (rb"exif:DateTimeOriginal", rb"photoshop:DateCreated", rb"xmp:CreateDate")
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_RATING = 0x4746
_XMP_RATING = re.compile(rb"""xmp:Rating(?:\s*=\s*["']|>)\s*([1-5])(?:\.0+)?\s*["'<]""")


@dataclass(frozen=True, slots=True)
class Metadata:
    orientation: int  # 1 to 8 as in EXIF: how the stored picture must be turned to stand upright
    moment: Moment | None  # when it was taken
    has_position: bool
    rating: int | None = None  # 1 to 5 stars; None where nobody has given any
    written_orientation: int = 1  # what EXIF says, also where the decoder turns by itself
    names: tuple[NameTag, ...] = ()  # with boxes as they were written


def read_metadata(image: Image.Image, kind: str) -> Metadata:
    """Read it from an opened, not yet decoded, image."""
    try:
        exif = Image.Image.getexif(image)  # that of PNG would decode the pixels to look behind them
    except EXIF_ERRORS:
        exif = Image.Exif()
    found = describe_exif(exif)
    return Metadata(
        1 if _has_own_orientation(image, kind) else found.orientation,
        _read_exif_moment(exif, _CREATED)
        or _read_xmp_moment(image)
        or _read_iptc_moment(image)
        or _read_exif_moment(exif, _CHANGED),
        found.has_position or _xmp_has_position(image),
        _read_xmp_rating(image) or found.rating,
        found.orientation,
        tuple(_read_names(image)),
    )


def _has_own_orientation(image: Image.Image, kind: str) -> bool:
    """HEIC and JPEG XL say outside of EXIF how they stand, and the decoder does it; not a JPEG XL made of a JPEG."""
    return kind == "HEIC" or (kind == "JXL" and not getattr(image, "jpeg", False))


def describe_exif(exif: Image.Exif) -> Metadata:
    moment = _read_exif_moment(exif, (*_CREATED, *_CHANGED))
    return Metadata(_read_orientation(exif), moment, _has_gps(exif), _read_rating(exif))


def _read_orientation(exif: Image.Exif) -> int:
    try:
        value = exif.get(_ORIENTATION, 1)
    except EXIF_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _read_exif_moment(exif: Image.Exif, tags: Iterable[_MomentTags]) -> Moment | None:
    for directory, tag, fraction, zone in tags:
        try:
            details = exif.get_ifd(_EXIF_IFD)
            text = (exif if directory is None else details).get(tag)
            moment = parse_moment(text, "exif", fraction=details.get(fraction), zone=details.get(zone))
        except EXIF_ERRORS:
            continue
        if moment is not None:
            return moment
    return None


def _read_xmp_moment(image: Image.Image) -> Moment | None:
    packet = _get_xmp_packet(image)
    for name in _XMP_MOMENTS:
        found = re.search(name + rb"""(?:\s*=\s*["']|>)\s*([0-9T:.+Z-]{4,40})\s*["'<]""", packet)
        if found and (moment := parse_moment(found[1], "xmp")):
            return moment
    return None


def _read_iptc_moment(image: Image.Image) -> Moment | None:
    """Day and time created, 20210704 and 123000+0200, of the records that Photoshop began."""
    resources = image.info.get("photoshop")
    records = resources.get(_IPTC_RESOURCE) if isinstance(resources, dict) else None
    if not isinstance(records, bytes):
        return None
    day = re.search(rb"\x1c\x02\x37\x00\x08(\d{4})(\d\d)(\d\d)", records)
    time = re.search(rb"\x1c\x02\x3c\x00\x0b(\d\d)(\d\d)(\d\d)([+-]\d{4})", records)
    if day is None:
        return None
    said = b"-".join(day.groups())
    return parse_moment(said + (b" %b:%b:%b%b" % time.groups() if time else b""), "iptc")


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


def _read_names(image: Image.Image) -> list[NameTag]:
    packets = (_get_xmp_packet(image), _join_extended_xmp(image))
    return drop_repeated_names(tag for packet in packets for tag in read_xmp_names(packet))


def _join_extended_xmp(image: Image.Image) -> bytes:
    """What of a JPEG's XMP did not fit into one segment: after a digest of all, its size, and where it goes on."""
    parts: dict[int, bytes] = {}
    for _name, body in getattr(image, "applist", ()):
        if body.startswith(_EXTENDED_XMP):
            at = len(_EXTENDED_XMP) + 32
            parts[int.from_bytes(body[at + 4 : at + 8], "big")] = body[at + 8 :]
    return b"".join(part for _place, part in sorted(parts.items()))


def _xmp_has_position(image: Image.Image) -> bool:
    packet = _get_xmp_packet(image)
    return b"GPSL" in packet or b"gpsl" in packet


def _get_xmp_packet(image: Image.Image) -> bytes:
    packet = image.info.get("xmp", b"")
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "replace")
    return packet if isinstance(packet, bytes) else b""
