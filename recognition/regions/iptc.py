"""IPTC records, and the Photoshop resources they lie in, without places and withheld names."""

from __future__ import annotations

import struct
from itertools import pairwise

from recognition.regions.redaction import Redaction

_IPTC, _EXIF_1, _EXIF_3, _XMP, _IPTC_DIGEST = 0x0404, 0x0422, 0x0423, 0x0424, 0x0425
_PLACES = {(2, 26), (2, 27), (2, 90), (2, 92), (2, 95), (2, 100), (2, 101)}
# of the photo's own EXIF and XMP, and a digest of the IPTC that was
_REPEATED = {_EXIF_1, _EXIF_3, _XMP, _IPTC_DIGEST}


def redact_photoshop(segment: bytes, redaction: Redaction) -> bytes:
    """Photoshop resources (from the first 8BIM on) without what must not be said; b"" if they are broken."""
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
            head = segment[at:start]
            at = start + 4 + size + size % 2
            if identity == _IPTC:
                content = redact_iptc(content, redaction)
            elif identity in _REPEATED or redaction.hides(head + content):
                continue
            kept += head + struct.pack(">I", len(content)) + content + b"\x00" * (len(content) % 2)
    except struct.error:
        return b""
    return bytes(kept)


def redact_iptc(content: bytes, redaction: Redaction) -> bytes:
    starts = []
    at = 0
    while at + 5 <= len(content) and content[at] == 0x1C:
        starts.append(at)
        (size,) = struct.unpack_from(">H", content, at + 3)
        if size & 0x8000:
            return b""  # extended sizes are never used for words; do not guess
        at += 5 + size
    records = [content[start:end] for start, end in pairwise([*starts, min(at, len(content))])]
    return b"".join(record for record in records if not _is_dropped(record, redaction))


def _is_dropped(record: bytes, redaction: Redaction) -> bool:
    is_place = (record[1], record[2]) in _PLACES and not redaction.keep_position
    return is_place or redaction.hides(record[5:])
