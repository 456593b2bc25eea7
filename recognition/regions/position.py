"""Taking the position out of metadata in place, leaving every other byte where it is."""

from __future__ import annotations

import struct
from itertools import pairwise

_GPS_IFD = 0x8825
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_IPTC_RESOURCE = 0x0404
_IPTC_PLACES = {(2, 26), (2, 27), (2, 90), (2, 92), (2, 95), (2, 100), (2, 101)}


def exif_without_position(tiff: bytes) -> bytes | None:
    """EXIF (from its TIFF header on) without the GPS directory, otherwise unchanged; None if it is broken.

    Offsets stay valid because nothing moves but the entries of one directory; maker notes are left alone.
    """
    data = bytearray(tiff)
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None:
        return None
    try:
        (offset,) = struct.unpack_from(order + "I", data, 4)
        for _ in range(2):  # the photo's own directory and its thumbnail's
            if not offset:
                break
            offset = _clean_directory(data, order, offset)
    except struct.error:
        return None
    return bytes(data)


def _clean_directory(data: bytearray, order: str, offset: int) -> int:
    """Drop the pointer to GPS from the directory, blank what it points to; returns the next directory."""
    (count,) = struct.unpack_from(order + "H", data, offset)
    index = 0
    while index < count:
        at = offset + 2 + 12 * index
        (tag,) = struct.unpack_from(order + "H", data, at)
        if tag != _GPS_IFD:
            index += 1
            continue
        (target,) = struct.unpack_from(order + "I", data, at + 8)
        end = offset + 2 + 12 * count + 4
        data[at : end - 12] = data[at + 12 : end]
        data[end - 12 : end] = b"\x00" * 12
        count -= 1
        struct.pack_into(order + "H", data, offset, count)
        _blank_directory(data, order, target)
    (following,) = struct.unpack_from(order + "I", data, offset + 2 + 12 * count)
    return int(following)


def _blank_directory(data: bytearray, order: str, offset: int) -> None:
    if not 8 <= offset < len(data) - 2:
        return
    (count,) = struct.unpack_from(order + "H", data, offset)
    count = min(count, (len(data) - offset - 2) // 12)
    for index in range(count):
        kind, items, where = struct.unpack_from(order + "2xHII", data, offset + 2 + 12 * index)
        size = _TYPE_SIZES.get(kind, 1) * items
        if size > 4 and where >= 8:
            end = min(where + size, len(data))
            data[where:end] = b"\x00" * max(0, end - where)
    end = min(offset + 2 + 12 * count + 4, len(data))
    data[offset:end] = b"\x00" * (end - offset)


def make_minimal_exif(orientation: int) -> bytes:
    """EXIF that says nothing but the orientation."""
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x0112, 3, 1, orientation, 0)


def photoshop_without_places(segment: bytes) -> bytes:
    """Photoshop resources (from the first 8BIM on) without IPTC's place names; b"" if they are broken."""
    kept = bytearray()
    at = 0
    try:
        while at + 12 <= len(segment):
            signature, identity, name_size = struct.unpack_from(">4sHB", segment, at)
            if signature != b"8BIM":
                return b""
            start = at + 6 + (name_size + 2) // 2 * 2
            (size,) = struct.unpack_from(">I", segment, start)
            content = segment[start + 4 : start + 4 + size]
            if identity == _IPTC_RESOURCE:
                content = _iptc_without_places(content)
            kept += (
                segment[at:start] + struct.pack(">I", len(content)) + content + b"\x00" * (len(content) % 2)
            )
            at = start + 4 + size + size % 2
    except struct.error:
        return b""
    return bytes(kept)


def _iptc_without_places(content: bytes) -> bytes:
    starts = []
    at = 0
    while at + 5 <= len(content) and content[at] == 0x1C:
        starts.append(at)
        (size,) = struct.unpack_from(">H", content, at + 3)
        if size & 0x8000:
            return b""  # extended sizes are never used for words; do not guess
        at += 5 + size
    records = pairwise([*starts, min(at, len(content))])
    return b"".join(
        content[start:end]
        for start, end in records
        if (content[start + 1], content[start + 2]) not in _IPTC_PLACES
    )
