"""JPEG files taken apart into segments and put together with other metadata; pixels are copied, not recoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from recognition.errors import ImageError
from recognition.regions.position import exif_without_position, make_minimal_exif, photoshop_without_places

EXIF = b"Exif\x00\x00"
XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
_PHOTOSHOP = b"Photoshop 3.0\x00"
_JFIF = b"JFIF\x00"
_MORE_PICTURES = b"MPF\x00"
_START, _END, _SCAN, _APP0, _APP1, _APP2, _APP13 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xED
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


def with_packet(data: bytes, packet: bytes, *, orientation: int, keep_position: bool) -> bytes:
    """The photo with this XMP packet in place of its own. Only the photo itself is kept: pictures and videos
    that phones append to a file are left out. Raises ImageError when the packet or the file does not allow it.
    """
    if len(XMP) + len(packet) > _MAX_SEGMENT_BYTES:
        raise ImageError("too_many_names")
    segments, scan = split_segments(data)
    if not keep_position:
        segments = _remove_position(segments, orientation)
    kept = [segment for segment in segments if not _is_replaced(segment)]
    first = [segment for segment in kept if segment.is_a(_APP0, _JFIF) or segment.is_a(_APP1, EXIF)]
    rest = [segment for segment in kept if segment not in first]
    parts = [*first, Segment(_APP1, XMP + packet), *rest]
    return b"\xff\xd8" + b"".join(part.encoded() for part in parts) + scan


def old_packet(data: bytes) -> bytes:
    """The XMP packet in the file; b"" where there is none."""
    segments, _ = split_segments(data)
    return next((segment.body[len(XMP) :] for segment in segments if segment.is_a(_APP1, XMP)), b"")


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


def _is_replaced(segment: Segment) -> bool:
    return (
        segment.is_a(_APP1, XMP) or segment.is_a(_APP1, _EXTENDED_XMP) or segment.is_a(_APP2, _MORE_PICTURES)
    )


def _remove_position(segments: list[Segment], orientation: int) -> list[Segment]:
    exif = [segment for segment in segments if segment.is_a(_APP1, EXIF)]
    if len(exif) > 1:  # EXIF over several segments is nonsense; keep what matters
        segments = [segment for segment in segments if segment not in exif[1:]]
    return list(_clean_segments(segments, orientation, is_plain=len(exif) == 1))


def _clean_segments(segments: list[Segment], orientation: int, *, is_plain: bool) -> Iterator[Segment]:
    for segment in segments:
        if segment.is_a(_APP1, EXIF):
            tiff = exif_without_position(segment.body[len(EXIF) :]) if is_plain else None
            yield Segment(_APP1, EXIF + (make_minimal_exif(orientation) if tiff is None else tiff))
        elif segment.is_a(_APP13, _PHOTOSHOP):
            resources = photoshop_without_places(segment.body[len(_PHOTOSHOP) :])
            if resources:
                yield Segment(_APP13, _PHOTOSHOP + resources)
        else:
            yield segment
