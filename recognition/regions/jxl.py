"""JPEG XL files with other XMP and without what must not be said; pixels are copied, not recoded."""

from __future__ import annotations

from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.regions.boxes import encode_box, iterate_boxes
from recognition.regions.exif import make_minimal_exif, redact_exif
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import write_packet

_BARE = b"\xff\x0a"
_START = encode_box(b"JXL ", b"\r\n\x87\n") + encode_box(b"ftyp", b"jxl \x00\x00\x00\x00jxl ")
_PIXELS = (b"jxlc", b"jxlp")
# the old packet, packed metadata that are not looked into, and what was made for the file as it was
_GONE = (b"xml ", b"brob", b"jbrd", b"jumb")


def with_xmp(data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes:
    packet = encode_box(b"xml ", write_packet(root))
    if data.startswith(_BARE):
        return _START + packet + encode_box(b"jxlc", data)
    parts: list[bytes] = []
    for box in iterate_boxes(data, 0, len(data)):
        if box.name in _GONE:
            continue
        if box.name in _PIXELS and packet not in parts:
            parts.append(packet)
        if box.name == b"Exif":
            start = box.body + 4 + int.from_bytes(data[box.body : box.body + 4], "big")
            tiff = redact_exif(data[start : box.end], redaction) or make_minimal_exif(orientation)
            parts.append(encode_box(b"Exif", bytes(4) + tiff))
        else:
            parts.append(data[box.start : box.end])
    return b"".join(parts)


def old_packets(data: bytes) -> list[bytes]:
    if data.startswith(_BARE):
        return []
    return [data[box.body : box.end] for box in iterate_boxes(data, 0, len(data)) if box.name == b"xml "][:1]
