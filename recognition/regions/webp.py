"""WebP files with other XMP and without what must not be said; pixels are copied, not recoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.regions.exif import exif_with_orientation, make_minimal_exif, redact_exif
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import write_packet

_EXIF_MARK = b"Exif\x00\x00"  # which some programs put before it
_HAS_XMP, _HAS_EXIF, _HAS_ALPHA = 0x04, 0x08, 0x10
_PICTURE = (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")


def with_xmp(data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes:
    chunks = list(_iterate_chunks(data))
    kept = [(name, body) for name, body in chunks if name in _PICTURE]
    for name, body in chunks:
        if name == b"EXIF":
            tiff = body.removeprefix(_EXIF_MARK)
            kept.append((name, redact_exif(tiff, redaction) or make_minimal_exif(orientation)))
    kept.append((b"XMP ", write_packet(root)))
    return _build_file(kept)


def with_orientation(data: bytes, orientation: int) -> bytes:
    """The photo with XMP whose EXIF says this orientation, whatever it said before."""
    chunks = list(_iterate_chunks(data))
    old = next((body.removeprefix(_EXIF_MARK) for name, body in chunks if name == b"EXIF"), b"")
    kept = [(name, body) for name, body in chunks if name != b"EXIF"]
    return _build_file([*kept[:-1], (b"EXIF", exif_with_orientation(old, orientation)), kept[-1]])


def _build_file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """From chunks, the last of which is XMP."""
    has_exif = any(name == b"EXIF" for name, _body in chunks)
    if chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _build_header(*chunks[0])))
    flags = chunks[0][1][0] | _HAS_XMP | (_HAS_EXIF if has_exif else 0)
    chunks[0] = (b"VP8X", bytes([flags]) + chunks[0][1][1:])
    content = b"WEBP" + b"".join(_encode_chunk(name, body) for name, body in chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def old_packets(data: bytes) -> list[bytes]:
    return [body for name, body in _iterate_chunks(data) if name == b"XMP "][:1]


def _iterate_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _encode_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)


def _build_header(name: bytes, body: bytes) -> bytes:
    """The extended header of a simple file, whose one chunk this is."""
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height, flags = bits & 0x3FFF, bits >> 14 & 0x3FFF, _HAS_ALPHA if bits >> 28 & 1 else 0
    else:
        across, down = struct.unpack_from("<HH", body, 6)
        width, height, flags = (across & 0x3FFF) - 1, (down & 0x3FFF) - 1, 0
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
