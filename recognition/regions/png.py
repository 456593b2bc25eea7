"""PNG files with another XMP packet and without position; pixels are copied, not recoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from recognition.errors import ImageError
from recognition.regions.position import exif_without_position, make_minimal_exif

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"XML:com.adobe.xmp\x00"
_PLAIN_TEXT = b"\x00\x00\x00\x00"  # not compressed, no language, no translated keyword
_RAW_PROFILES = b"Raw profile type "  # how some programs wrap EXIF, IPTC and XMP into text


def with_packet(data: bytes, packet: bytes, *, orientation: int, keep_position: bool) -> bytes:
    parts = [_SIGNATURE]
    for name, body in _iterate_chunks(data):
        if name == b"iTXt" and body.startswith(_KEYWORD):
            continue
        if not keep_position:
            if name in (b"tEXt", b"zTXt", b"iTXt") and body.startswith(_RAW_PROFILES):
                continue
            if name == b"eXIf":
                body = exif_without_position(body) or make_minimal_exif(orientation)
        parts.append(_encode_chunk(name, body))
        if name == b"IHDR":
            parts.append(_encode_chunk(b"iTXt", _KEYWORD + _PLAIN_TEXT + packet))
    return b"".join(parts)


def old_packet(data: bytes) -> bytes:
    """The XMP packet in the file; b"" where there is none or it is compressed."""
    start = _KEYWORD + _PLAIN_TEXT
    found = (
        body[len(start) :]
        for name, body in _iterate_chunks(data)
        if name == b"iTXt" and body.startswith(start)
    )
    return next(found, b"")


def _iterate_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + size]
        if name == b"IEND":
            return
        at += 12 + size
    raise ImageError("cut_off")


def _encode_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
