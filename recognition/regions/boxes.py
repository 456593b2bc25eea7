"""The boxes that HEIC, AVIF and JPEG XL files are made of (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileBox:
    name: bytes
    start: int  # of its header
    body: int  # where the content begins
    end: int


def iterate_boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[FileBox]:
    """ValueError or struct.error where they do not fit into one another."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = start + size if size else end
        if not body <= stop <= end:
            raise ValueError("a box beyond its end")
        yield FileBox(name, start, body, stop)
        start = stop


def encode_box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body
