"""Videos beside photos, and those that phones put into them: found by their boxes, never decoded.

Google's and Samsung's phones append an MP4 file to a JPEG, or put it into a box `mpvd` of a HEIC; Apple's write a MOV
beside the photo, and the same identifier into both.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PICTURE_BRANDS = (b"hei", b"hev", b"mif", b"msf", b"avi", b"crx", b"jxl", b"jp2")
_START = re.compile(rb"\x00\x00\x00[\x10-\x50]ftyp(?:mp4|iso|qt  |3gp|avc1|MSNV|M4V)")
_IDENTIFIER_KEY = b"com.apple.quicktime.content.identifier"
_IDENTIFIER = re.compile(rb"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
_RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef")
VIDEO_SUFFIXES = (".mov", ".mp4")
_MOST_BOXES = 10_000


def get_rank_beside(name: str) -> int:
    """The order in which files are taken: photos, camera raw files that may belong to one, videos that must."""
    lower = name.lower()
    return 2 if lower.endswith(VIDEO_SUFFIXES) else int(lower.endswith(_RAW_SUFFIXES))


def is_video(head: bytes) -> bool:
    """Whether a file that begins with these bytes (16 do) is a MOV or MP4."""
    is_movie = head[4:8] == b"ftyp" and not head[8:11].lower().startswith(_PICTURE_BRANDS)
    return is_movie or head[4:8] in (b"moov", b"wide")


def is_video_file(path: Path) -> bool:
    with path.open("rb") as file:
        return is_video(file.read(16))


def find_video_inside(path: Path, kind: str) -> tuple[int, int] | None:
    """Where the video of a motion photo begins and ends in its file; None where there is none."""
    if kind not in ("JPEG", "HEIC"):
        return None
    with _map_file(path) as content:
        if kind == "HEIC":
            return next(((body, end) for name, body, end in _walk_boxes(content, 0) if name == b"mpvd"), None)
        at = content.find(b"\xff\xd9")
        found = _START.search(content, max(at, 0))
        if at < 0 or found is None:
            return None
        boxes = list(_walk_boxes(content, found.start()))
        if any(name in (b"moov", b"moof") for name, _body, _end in boxes):
            return found.start(), boxes[-1][2]
        follows_picture = content[found.start() - 2 : found.start()] == b"\xff\xd9"
        return (found.start(), len(content)) if follows_picture else None


def find_content_identifier(path: Path) -> bytes:
    """What ties the video of a Live Photo to its photo; b"" where it says nothing."""
    with _map_file(path) as content:
        at = content.find(_IDENTIFIER_KEY)
        found = _IDENTIFIER.search(content, at) if at >= 0 else None
        return found[0] if found else b""


def holds_bytes(path: Path, wanted: bytes) -> bool:
    with _map_file(path) as content:
        return content.find(wanted) >= 0


@contextmanager
def _map_file(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _walk_boxes(content: mmap.mmap, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Boxes as name, start of the content and end, as far as they are whole."""
    for _ in range(_MOST_BOXES):
        if at + 16 > len(content):
            return
        size, name = struct.unpack_from(">I4s", content, at)
        body = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, body)
            body += 8
        end = at + size if size else len(content)
        if not body <= end <= len(content) or not name.isalnum():
            return
        yield name, body, end
        at = end
