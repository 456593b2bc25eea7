"""PNG files with other XMP and without what must not be said; pixels are copied, not recoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.errors import ImageError
from recognition.regions.exif import exif_with_orientation, make_minimal_exif, redact_exif
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import write_packet

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"XML:com.adobe.xmp\x00"
_PLAIN_TEXT = b"\x00\x00\x00\x00"  # not compressed, no language, no translated keyword
_RAW_PROFILES = b"Raw profile type "  # how some programs wrap EXIF, IPTC and XMP into text
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_LONGEST_TEXT = 8_000_000


def with_xmp(data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes:
    parts = [_SIGNATURE]
    for name, body in _iterate_chunks(data):
        if name == b"caBX" or (name in _TEXTS and _is_dropped(name, body, redaction)):
            continue
        if name == b"eXIf":
            body = redact_exif(body, redaction) or make_minimal_exif(orientation)
        parts.append(_encode_chunk(name, body))
        if name == b"IHDR":
            parts.append(_encode_chunk(b"iTXt", _KEYWORD + _PLAIN_TEXT + write_packet(root)))
    return b"".join(parts)


def with_orientation(data: bytes, orientation: int) -> bytes:
    """The photo whose EXIF says this orientation, whatever it said before."""
    chunks = list(_iterate_chunks(data))
    old = next((body for name, body in chunks if name == b"eXIf"), b"")
    parts = [_SIGNATURE]
    for name, body in chunks:
        if name != b"eXIf":
            parts.append(_encode_chunk(name, body))
        if name == b"IHDR":
            parts.append(_encode_chunk(b"eXIf", exif_with_orientation(old, orientation)))
    return b"".join(parts)


def old_packets(data: bytes) -> list[bytes]:
    """The XMP packet in the file; none where there is none."""
    chunks = _iterate_chunks(data)
    found = (_read_text(name, body) for name, body in chunks if name == b"iTXt" and body.startswith(_KEYWORD))
    return [text for text in found if text][:1]


def _is_dropped(name: bytes, body: bytes, redaction: Redaction) -> bool:
    """The packet that is replaced, metadata wrapped into text, and texts that hold a withheld name."""
    return body.startswith((_KEYWORD, _RAW_PROFILES)) or redaction.hides(_read_text(name, body))


def _read_text(name: bytes, body: bytes) -> bytes:
    """The text of a chunk, unpacked; the whole body where it cannot be."""
    _keyword, _, rest = body.partition(b"\x00")
    is_packed = name == b"zTXt"
    if name == b"iTXt":
        is_packed = rest[:1] == b"\x01"
        rest = rest[2:].split(b"\x00", 2)[-1]
    elif is_packed:
        rest = rest[1:]
    if not is_packed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, _LONGEST_TEXT)
    except zlib.error:
        return b""


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
