"""Names and boxes written into a copy of a photo, where other photo programs look for them.

The original is never touched. JPEG and PNG are copied with their pixels as they are; the other kinds become a
JPEG of high quality without other metadata, because few programs read names in them. Position (GPS, place
names in XMP and IPTC) is left out unless asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recognition.images import DEFAULT_LIMITS, ImageInfo, Limits
from recognition.images.orientation import get_stored_box, get_upright_size
from recognition.images.sandbox import make_rendition, probe_photo
from recognition.images.source import open_regular_file
from recognition.regions import jpeg, png
from recognition.regions.jpeg import with_packet
from recognition.regions.xmp import NamedFace, build_xmp_packet

__all__ = ["NamedFace", "TaggedCopy", "build_sidecar", "make_tagged_copy"]

_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class TaggedCopy:
    """A file to hand out."""

    data: bytes
    media_type: str
    suffix: str  # ".jpg" or ".png"


def make_tagged_copy(
    source: Path | bytes,
    faces: Sequence[NamedFace],
    *,
    keep_position: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> TaggedCopy:
    """A copy of a photo that says who is where; boxes are in pixels of the full upright photo.

    Raises ImageError for a file that is not a sound photo.
    """
    info = probe_photo(source, limits)
    if info.kind not in ("JPEG", "PNG"):
        plain = make_rendition(source, info.longer_side, limits, form="JPEG", quality=_JPEG_QUALITY)
        said = build_xmp_packet(faces, (info.width, info.height))
        return TaggedCopy(with_packet(plain, said, orientation=1, keep_position=False), "image/jpeg", ".jpg")
    data = source if isinstance(source, bytes) else _read_content(source, limits)
    writer = jpeg if info.kind == "JPEG" else png
    said = _build_stored_packet(info, faces, old=writer.old_packet(data), keep_position=keep_position)
    tagged = writer.with_packet(data, said, orientation=info.orientation, keep_position=keep_position)
    if info.kind == "JPEG":
        return TaggedCopy(tagged, "image/jpeg", ".jpg")
    return TaggedCopy(tagged, "image/png", ".png")


def build_sidecar(info: ImageInfo, faces: Sequence[NamedFace]) -> bytes:
    """The same as an .xmp file to lie beside the original, for programs that read those."""
    return _build_stored_packet(info, faces, old=b"", keep_position=False)


def _build_stored_packet(
    info: ImageInfo, faces: Sequence[NamedFace], *, old: bytes, keep_position: bool
) -> bytes:
    stored = [
        replace(face, box=get_stored_box(face.box, info.width, info.height, info.orientation))
        for face in faces
    ]
    size = get_upright_size(info.width, info.height, info.orientation)
    return build_xmp_packet(stored, size, old=old, keep_position=keep_position)


def _read_content(path: Path, limits: Limits) -> bytes:
    with open_regular_file(path) as file:
        return file.read(limits.bytes)
