"""Names and boxes written into a copy of a photo, where other photo programs look for them.

The original is never touched. JPEG and PNG are copied with their pixels as they are; the other kinds become a
JPEG of high quality without other metadata, because few programs read names in them. Position (GPS, place
names in XMP and IPTC) is left out unless asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recognition.images import DEFAULT_LIMITS, ImageInfo, Limits, sandbox
from recognition.images.opening import open_regular
from recognition.images.orientation import stored_box, upright_size
from recognition.regions import jpeg, png
from recognition.regions.xmp import NamedFace, packet

__all__ = ["NamedFace", "TaggedCopy", "sidecar", "tagged_copy"]

_QUALITY = 95


@dataclass(frozen=True, slots=True)
class TaggedCopy:
    """A file to hand out."""

    data: bytes
    media_type: str
    suffix: str  # ".jpg" or ".png"


def tagged_copy(
    source: Path | bytes,
    faces: Sequence[NamedFace],
    *,
    keep_position: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> TaggedCopy:
    """A copy of a photo that says who is where; boxes are in pixels of the full upright photo.

    Raises ImageError for a file that is not a sound photo.
    """
    info = sandbox.probe(source, limits)
    if info.kind not in ("JPEG", "PNG"):
        plain = sandbox.derive(source, info.longer_side, limits, form="JPEG", quality=_QUALITY)
        said = packet(faces, (info.width, info.height))
        return TaggedCopy(
            jpeg.with_packet(plain, said, orientation=1, keep_position=False), "image/jpeg", ".jpg"
        )
    data = source if isinstance(source, bytes) else _content(source, limits)
    writer = jpeg if info.kind == "JPEG" else png
    said = _packet(info, faces, old=writer.old_packet(data), keep_position=keep_position)
    tagged = writer.with_packet(data, said, orientation=info.orientation, keep_position=keep_position)
    if info.kind == "JPEG":
        return TaggedCopy(tagged, "image/jpeg", ".jpg")
    return TaggedCopy(tagged, "image/png", ".png")


def sidecar(info: ImageInfo, faces: Sequence[NamedFace]) -> bytes:
    """The same as an .xmp file to lie beside the original, for programs that read those."""
    return _packet(info, faces, old=b"", keep_position=False)


def _packet(info: ImageInfo, faces: Sequence[NamedFace], *, old: bytes, keep_position: bool) -> bytes:
    stored = [
        replace(face, box=stored_box(face.box, info.width, info.height, info.orientation)) for face in faces
    ]
    size = upright_size(info.width, info.height, info.orientation)
    return packet(stored, size, old=old, keep_position=keep_position)


def _content(path: Path, limits: Limits) -> bytes:
    with open_regular(path) as file:
        return file.read(limits.bytes)
