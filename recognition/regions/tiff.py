"""TIFF files with other XMP and without what must not be said; pixels stay where they are."""

from __future__ import annotations

from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.regions.exif import IPTC, PHOTOSHOP, XMP, Directories, redact_directory
from recognition.regions.iptc import redact_iptc, redact_photoshop
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import write_packet


def with_xmp(data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes:
    """The first page says this; the others keep no packet. ValueError or struct.error where the file is broken."""
    del orientation  # stays where it is
    directories = Directories(bytearray(data))
    for at in list(directories.walk()):
        redact_directory(directories, at, redaction)
        for entry in directories.read(at):
            if entry.tag == IPTC:
                directories.replace(entry, redact_iptc(directories.get_value(entry), redaction))
            elif entry.tag == PHOTOSHOP:
                directories.replace(entry, redact_photoshop(directories.get_value(entry), redaction))
        directories.drop(at, {XMP})
    directories.add_to_first(XMP, write_packet(root))
    return bytes(directories.data)


def with_orientation(data: bytes, orientation: int) -> bytes:
    directories = Directories(bytearray(data))
    directories.set_orientation(orientation)
    return bytes(directories.data)


def old_packets(data: bytes) -> list[bytes]:
    directories = Directories(bytearray(data))
    first = next(directories.walk())
    return [directories.get_value(entry) for entry in directories.read(first) if entry.tag == XMP]
