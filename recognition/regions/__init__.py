"""Names and boxes written into a copy of a photo, where other photo programs look for them.

The original is never touched. A copy has the pixels and the metadata of its photo; only camera raw files, GIFs,
BMPs and sequences, and HEIC, AVIF and JPEG XL that somebody has turned, become a JPEG of high quality without
other metadata. Position (GPS, place names in XMP and IPTC) is left out unless asked for, and so are names that are
withheld, whatever program had written them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.images import DEFAULT_LIMITS, ImageInfo, Limits, Source, Turned
from recognition.images.orientation import get_stored_box, get_upright_size
from recognition.images.sandbox import make_rendition, probe_photo
from recognition.images.source import open_source
from recognition.regions import heif, jpeg, jxl, png, tiff, webp
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import NamedFace, add_keywords, build_xmp, write_packet

__all__ = ["NamedFace", "Redaction", "TaggedCopy", "build_sidecar", "make_tagged_copy"]

_JPEG_QUALITY = 95


class _Writer(Protocol):
    """What writes one kind of file; ValueError or struct.error for a file that it cannot."""

    def with_xmp(self, data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes: ...

    def old_packets(self, data: bytes) -> list[bytes]: ...


_WRITERS: dict[str, tuple[_Writer, str, str]] = {
    "JPEG": (jpeg, "image/jpeg", ".jpg"),
    "PNG": (png, "image/png", ".png"),
    "WEBP": (webp, "image/webp", ".webp"),
    "TIFF": (tiff, "image/tiff", ".tif"),
    "HEIC": (heif, "image/heic", ".heic"),
    "AVIF": (heif, "image/avif", ".avif"),
    "JXL": (jxl, "image/jxl", ".jxl"),
}
_WITH_ORIENTATION = {
    "JPEG": jpeg.with_orientation,
    "PNG": png.with_orientation,
    "WEBP": webp.with_orientation,
    "TIFF": tiff.with_orientation,
}
_KINDS_WITH_GAIN_MAPS = ("HEIC", "AVIF", "JXL")  # which stay in their copies


@dataclass(frozen=True, slots=True)
class TaggedCopy:
    """A file to hand out."""

    data: bytes
    media_type: str
    suffix: str  # ".jpg", ".png", ".heic" ...


def make_tagged_copy(
    source: Source,
    faces: Sequence[NamedFace],
    *,
    redaction: Redaction | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> TaggedCopy:
    """A copy of a photo that says who is where; boxes are in pixels of the full upright photo.

    Raises ImageError for a file that is not a sound photo.
    """
    info = probe_photo(source, limits)
    redaction = redaction or Redaction()
    if info.kind in _WRITERS:
        data = _read_content(source, limits)
        writer, media_type, suffix = _WRITERS[info.kind]
        try:
            root = _build_stored_xmp(info, faces, writer.old_packets(data), redaction)
            copy = writer.with_xmp(data, root, orientation=info.orientation, redaction=redaction)
            if isinstance(source, Turned) and source.quarters:
                copy = _WITH_ORIENTATION[info.kind](copy, info.orientation)
            return TaggedCopy(copy, media_type, suffix)
        except (ValueError, LookupError, struct.error):
            pass  # of a make that is shown, but not rewritten, or not turned
    plain = make_rendition(source, info.longer_side, limits, form="JPEG", quality=_JPEG_QUALITY)
    root = build_xmp(faces, (info.width, info.height))
    return TaggedCopy(jpeg.with_xmp(plain, root, orientation=1, redaction=redaction), "image/jpeg", ".jpg")


def build_sidecar(
    info: ImageInfo,
    faces: Sequence[NamedFace],
    *,
    taken_at: str = "",
    old: bytes = b"",
    redaction: Redaction | None = None,
) -> bytes:
    """Names, boxes and the moment as an .xmp file to lie beside the original, for programs that read those.

    Names also are keywords, as digiKam and Lightroom write them. ``old`` is what other programs have made of it.
    """
    root = _build_stored_xmp(info, faces, [old] if old else [], redaction or Redaction())
    add_keywords(root, [face.name for face in faces], taken_at)
    return write_packet(root)


def _build_stored_xmp(
    info: ImageInfo, faces: Sequence[NamedFace], old: Sequence[bytes], redaction: Redaction
) -> Element:
    stored = [
        replace(face, box=get_stored_box(face.box, info.width, info.height, info.orientation))
        for face in faces
    ]
    size = get_upright_size(info.width, info.height, info.orientation)
    has_gain_map = info.kind in _KINDS_WITH_GAIN_MAPS
    return build_xmp(stored, size, old=old, redaction=redaction, has_gain_map=has_gain_map)


def _read_content(source: Source, limits: Limits) -> bytes:
    with open_source(source) as file:
        return file.read(limits.bytes)
