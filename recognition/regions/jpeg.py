"""JPEG files taken apart into segments and put together with other metadata; pixels are copied, not recoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.errors import ImageError
from recognition.regions.exif import exif_with_orientation, make_minimal_exif, redact_exif
from recognition.regions.iptc import redact_photoshop
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import get_extension_digest, write_two_packets

EXIF = b"Exif\x00\x00"
XMP = b"http://ns.adobe.com/xap/1.0/\x00"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_PHOTOSHOP = b"Photoshop 3.0\x00"
_JFIF = b"JFIF\x00"
_PROFILE = b"ICC_PROFILE\x00"
_START, _END, _SCAN, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP11, _APP13, _APP15 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEF
_GONE = (  # replaced, or about what is not in a copy: more pictures, a gain map, the signature of the file
    (_APP1, XMP),
    (_APP1, EXTENDED_XMP),
    (_APP2, b"MPF\x00"),
    (_APP2, b"urn:iso:std:iso:ts:21496:"),
    (_APP11, b"JP"),
)
_EXTENDED_PART = 65_400  # bytes of an extended packet in a segment
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_MAX_SEGMENT_BYTES = 65_533  # bytes a segment can hold


@dataclass(frozen=True, slots=True)
class Segment:
    marker: int
    body: bytes

    def encoded(self) -> bytes:
        return struct.pack(">BBH", 0xFF, self.marker, len(self.body) + 2) + self.body

    def is_a(self, marker: int, start: bytes) -> bool:
        return self.marker == marker and self.body.startswith(start)


def with_xmp(data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes:
    """The photo with this XMP in place of its own. Only the photo itself is kept: pictures and videos that phones
    append to a file are left out. Raises ImageError when the file does not allow it.
    """
    segments, scan = split_segments(data)
    kept = list(_redact_segments(segments, orientation, redaction))
    first = [segment for segment in kept if segment.is_a(_APP0, _JFIF) or segment.is_a(_APP1, EXIF)]
    rest = [segment for segment in kept if segment not in first]
    parts = [*first, *_build_xmp_segments(root), *rest]
    return b"\xff\xd8" + b"".join(part.encoded() for part in parts) + scan


def with_orientation(data: bytes, orientation: int) -> bytes:
    """The photo whose EXIF says this orientation, whatever it said before."""
    segments, scan = split_segments(data)
    old = next((segment for segment in segments if segment.is_a(_APP1, EXIF)), None)
    tiff = exif_with_orientation(old.body[len(EXIF) :] if old else b"", orientation)
    if len(EXIF) + len(tiff) > _MAX_SEGMENT_BYTES:
        tiff = make_minimal_exif(orientation)
    start = [segment for segment in segments if segment.is_a(_APP0, _JFIF)]
    rest = [segment for segment in segments if segment is not old and segment not in start]
    parts = [*start, Segment(_APP1, EXIF + tiff), *rest]
    return b"\xff\xd8" + b"".join(part.encoded() for part in parts) + scan


def _build_xmp_segments(root: Element) -> list[Segment]:
    """One segment, or several where the packet is too large for one."""
    packet, extended = write_two_packets(root, _MAX_SEGMENT_BYTES - len(XMP))
    head = EXTENDED_XMP + get_extension_digest(extended).encode() + struct.pack(">I", len(extended))
    starts = range(0, len(extended), _EXTENDED_PART)
    parts = (head + struct.pack(">I", at) + extended[at : at + _EXTENDED_PART] for at in starts)
    return [Segment(_APP1, XMP + packet), *(Segment(_APP1, part) for part in parts)]


def old_packets(data: bytes) -> list[bytes]:
    """The XMP packet in the file, and the extended one that it continues in; none where there is none."""
    segments, _ = split_segments(data)
    packets = [segment.body[len(XMP) :] for segment in segments if segment.is_a(_APP1, XMP)][:1]
    extended: dict[bytes, dict[int, bytes]] = {}
    for segment in segments:
        if segment.is_a(_APP1, EXTENDED_XMP) and len(segment.body) > len(EXTENDED_XMP) + 40:
            digest, _length, at = struct.unpack_from(">32sII", segment.body, len(EXTENDED_XMP))
            extended.setdefault(digest, {})[at] = segment.body[len(EXTENDED_XMP) + 40 :]
    for digest, parts in extended.items():
        if packets and digest in packets[0]:
            packets.append(b"".join(part for _at, part in sorted(parts.items())))
    return packets


def split_segments(data: bytes) -> tuple[list[Segment], bytes]:
    """Segments up to the first scan, and everything from there to the end of the picture."""
    at = 2
    segments: list[Segment] = []
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if len(data) < at + 4 or data[at] != 0xFF:
            raise ImageError("header_cut_off")
        marker = data[at + 1]
        if marker == _SCAN:
            return segments, data[at : _find_picture_end(data, at)]
        (length,) = struct.unpack_from(">H", data, at + 2)
        segments.append(Segment(marker, data[at + 4 : at + 2 + length]))
        at += 2 + length


def _find_picture_end(data: bytes, at: int) -> int:
    while match := _MARKER.search(data, at):
        at = match.end()
        if match[1][0] == _END:
            return at
        if len(data) >= at + 2:
            at += int(struct.unpack_from(">H", data, at)[0])
    return len(data)


def _redact_segments(segments: list[Segment], orientation: int, redaction: Redaction) -> Iterator[Segment]:
    exif = [segment for segment in segments if segment.is_a(_APP1, EXIF)]
    for segment in segments:
        if segment.is_a(_APP1, EXIF):
            if segment is exif[0]:  # EXIF over several segments is nonsense; keep what matters
                tiff = redact_exif(segment.body[len(EXIF) :], redaction) if len(exif) == 1 else None
                yield Segment(_APP1, EXIF + (tiff or make_minimal_exif(orientation)))
        elif segment.is_a(_APP13, _PHOTOSHOP):
            if resources := redact_photoshop(segment.body[len(_PHOTOSHOP) :], redaction):
                yield Segment(_APP13, _PHOTOSHOP + resources)
        elif not any(segment.is_a(*gone) for gone in _GONE) and not _is_hidden(segment, redaction):
            yield segment


def _is_hidden(segment: Segment, redaction: Redaction) -> bool:
    is_metadata = _APP0 <= segment.marker <= _APP15 or segment.marker == _COMMENT
    is_needed = segment.is_a(_APP0, _JFIF) or segment.is_a(_APP2, _PROFILE)
    return is_metadata and not is_needed and redaction.hides(segment.body)
