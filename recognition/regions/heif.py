"""HEIC and AVIF files with other XMP and without what must not be said; pixels are copied, not recoded.

Their metadata are items (ISO/IEC 23008-12): the box `iinf` names them, `iref` ties them to pictures, and `iloc` says
where in the file they lie.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element  # only written here  # nosec B405

from recognition.regions.boxes import FileBox, encode_box, iterate_boxes
from recognition.regions.exif import make_minimal_exif, redact_exif
from recognition.regions.redaction import Redaction
from recognition.regions.xmp import write_packet

_XMP_TYPE = b"application/rdf+xml"
_VIDEO = b"mpvd"  # of a motion photo, with a position of its own
_IN_FILE = 0  # construction method of an item


@dataclass(frozen=True, slots=True)
class _Item:
    identity: int
    kind: bytes
    content_type: bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item lies: extents as (offset, length)."""

    identity: int
    method: int
    reference: int
    extents: tuple[tuple[int, int], ...]


class _Container:
    """A file taken apart. ValueError or struct.error where it is broken, or of a make that is not rewritten."""

    def __init__(self, data: bytearray) -> None:
        self.data = data
        self.boxes = list(iterate_boxes(data, 0, len(data)))
        names = [box.name for box in self.boxes]
        if names.count(b"meta") != 1 or b"moov" in names:
            raise ValueError("a sequence, or no picture")
        self.meta = self.boxes[names.index(b"meta")]
        self.parts = list(iterate_boxes(data, self.meta.body + 4, self.meta.end))
        self.items = list(self._read_items())
        self.places = list(self._read_places())

    def find_part(self, name: bytes) -> FileBox | None:
        return next((box for box in self.parts if box.name == name), None)

    def get_part(self, name: bytes) -> FileBox:
        if (box := self.find_part(name)) is None:
            raise ValueError("a part is missing")
        return box

    def list_extents(self, identity: int) -> list[tuple[int, int]]:
        """Where in the file an item lies, as start and end."""
        (place,) = (place for place in self.places if place.identity == identity)
        part = self.find_part(b"idat")
        base = 0 if place.method == _IN_FILE or part is None else part.body
        if place.method > 1 or place.reference:
            raise ValueError("an item of another file, or made of others")
        return [(base + offset, base + offset + length) for offset, length in place.extents]

    def read(self, identity: int) -> bytes:
        return b"".join(self.data[start:end] for start, end in self.list_extents(identity))

    def overwrite(self, identity: int, content: bytes) -> None:
        for start, end in self.list_extents(identity):
            part, content = content[: end - start], content[end - start :]
            self.data[start:end] = part.ljust(end - start, b" ")

    def find_xmp(self) -> _Item | None:
        """The packet about the main picture; other pictures, such as a gain map, may have their own."""
        packets = [item for item in self.items if item.kind == b"mime" and item.content_type == _XMP_TYPE]
        primary = self._read_primary()
        described = {source for source, targets in self._read_descriptions() if primary in targets}
        return next((item for item in packets if item.identity in described or len(packets) == 1), None)

    def _read_primary(self) -> int:
        start = self.get_part(b"pitm").body
        return self._read_number(start + 4, 4 if self.data[start] else 2)

    def _read_number(self, at: int, size: int) -> int:
        if at + size > len(self.data):
            raise ValueError("a number beyond the end")
        return int.from_bytes(self.data[at : at + size], "big")

    def _read_items(self) -> Iterator[_Item]:
        box = self.get_part(b"iinf")
        start = box.body + (8 if self.data[box.body] else 6)
        for entry in iterate_boxes(self.data, start, box.end):
            version = self.data[entry.body]
            if entry.name != b"infe" or version not in (2, 3):
                raise ValueError("an item without a kind")
            size = 4 if version == 3 else 2
            at = entry.body + 4
            words = bytes(self.data[at + size + 6 : entry.end]).split(b"\x00")
            content_type = words[1] if len(words) > 1 else b""
            yield _Item(
                self._read_number(at, size), bytes(self.data[at + size + 2 : at + size + 6]), content_type
            )

    def _read_descriptions(self) -> Iterator[tuple[int, list[int]]]:
        """Which item describes which."""
        box = self.find_part(b"iref")
        if box is None:
            return
        size = 4 if self.data[box.body] else 2
        for reference in iterate_boxes(self.data, box.body + 4, box.end):
            if reference.name == b"cdsc":
                at = reference.body
                count = self._read_number(at + size, 2)
                targets = [self._read_number(at + size + 2 + size * index, size) for index in range(count)]
                yield self._read_number(at, size), targets

    def _read_places(self) -> Iterator[_Place]:
        box = self.get_part(b"iloc")
        version = self.data[box.body]
        sizes = self._read_number(box.body + 4, 2)
        offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_size = sizes & 15 if version else 0
        id_size = 4 if version == 2 else 2
        at = box.body + 6 + id_size
        for _ in range(self._read_number(box.body + 6, id_size)):
            identity = self._read_number(at, id_size)
            at += id_size
            method = self._read_number(at, 2) & 15 if version else _IN_FILE
            at += 2 if version else 0
            reference, base = self._read_number(at, 2), self._read_number(at + 2, base_size)
            count = self._read_number(at + 2 + base_size, 2)
            at += 4 + base_size
            extents = []
            for _ in range(count):
                at += index_size
                offset, length = (
                    self._read_number(at, offset_size),
                    self._read_number(at + offset_size, length_size),
                )
                at += offset_size + length_size
                if not length:
                    raise ValueError("an item that reaches to the end of the file")
                extents.append((base + offset, length))
            yield _Place(identity, method, reference, tuple(extents))


def with_xmp(data: bytes, root: Element, *, orientation: int, redaction: Redaction) -> bytes:
    """ValueError or struct.error where the file is broken, or is not only a picture."""
    container = _Container(bytearray(data))
    old = container.find_xmp()
    for item in container.items:
        if item.kind == b"Exif":
            _redact_exif_item(container, item.identity, orientation, redaction)
        elif item.kind == b"mime":
            content = container.read(item.identity)
            is_shown = b"GPS" not in content or redaction.keep_position
            if item == old or not is_shown or redaction.hides(content):
                container.overwrite(item.identity, b"")
    return _write_file(container, None if old is None else old.identity, write_packet(root))


def old_packets(data: bytes) -> list[bytes]:
    container = _Container(bytearray(data))
    item = container.find_xmp()
    return [] if item is None else [container.read(item.identity)]


def _redact_exif_item(container: _Container, identity: int, orientation: int, redaction: Redaction) -> None:
    content = container.read(identity)
    start = 4 + int.from_bytes(content[:4], "big")
    tiff = redact_exif(content[start:], redaction)
    if tiff is None:
        tiff = make_minimal_exif(orientation)
    container.overwrite(identity, (content[:start] + tiff).ljust(len(content), b"\x00"))


def _write_file(container: _Container, old: int | None, packet: bytes) -> bytes:
    """The file with this packet at its end, as the item that was its packet or a new one."""
    identity = old if old is not None else 1 + max(item.identity for item in container.items)
    kept = [box for box in container.boxes if box.name != _VIDEO]
    length = 0
    for _ in range(2):  # the second time with the length that it has
        grown = length - (container.meta.end - container.meta.start)
        shifts, shift = [], 0
        for box in container.boxes:
            if box.name == _VIDEO:
                shift -= box.end - box.start
            shifts.append((box.start, box.end, shift))
            shift += grown if box == container.meta else 0
        places = [_move_place(place, shifts) for place in container.places if place.identity != identity]
        end = len(container.data) + shift
        places.append(_Place(identity, _IN_FILE, 0, ((end + 8, len(packet)),)))
        meta = _write_meta(container, identity, places, is_new=old is None)
        length = len(meta)
    parts = [meta if box == container.meta else bytes(container.data[box.start : box.end]) for box in kept]
    return b"".join(parts) + encode_box(b"mdat", packet)


def _move_place(place: _Place, shifts: list[tuple[int, int, int]]) -> _Place:
    if place.method != _IN_FILE:
        return place
    moved = []
    for offset, length in place.extents:
        (shift,) = (shift for start, end, shift in shifts if start <= offset < end)
        moved.append((offset + shift, length))
    return replace(place, extents=tuple(moved))


def _write_meta(container: _Container, identity: int, places: list[_Place], *, is_new: bool) -> bytes:
    body = bytes(container.data[container.meta.body : container.meta.body + 4])
    has_references = container.find_part(b"iref") is not None
    for box in container.parts:
        content = bytes(container.data[box.body : box.end])
        if box.name == b"iloc":
            body += encode_box(b"iloc", _write_places(places))
        elif box.name == b"iinf" and is_new:
            body += encode_box(b"iinf", _add_item(content, identity))
            body += (
                b"" if has_references else encode_box(b"iref", bytes(4) + _describe(container, identity, 2))
            )
        elif box.name == b"iref" and is_new:
            body += encode_box(b"iref", content + _describe(container, identity, 4 if content[0] else 2))
        else:
            body += bytes(container.data[box.start : box.end])
    return encode_box(b"meta", body)


def _write_places(places: list[_Place]) -> bytes:
    """A box of version 2, whose offsets and lengths have eight bytes."""
    body = bytes([2, 0, 0, 0, 0x88, 0x00]) + struct.pack(">I", len(places))
    for place in places:
        body += struct.pack(">IHHH", place.identity, place.method, place.reference, len(place.extents))
        body += b"".join(struct.pack(">QQ", *extent) for extent in place.extents)
    return body


def _add_item(content: bytes, identity: int) -> bytes:
    size = 4 if content[0] else 2
    count = int.from_bytes(content[4 : 4 + size], "big") + 1
    item = bytes([3, 0, 0, 1]) + struct.pack(">IH", identity, 0) + b"mime\x00" + _XMP_TYPE + b"\x00"
    return content[:4] + count.to_bytes(size, "big") + content[4 + size :] + encode_box(b"infe", item)


def _describe(container: _Container, identity: int, size: int) -> bytes:
    primary = container._read_primary()
    numbers = (identity.to_bytes(size, "big"), b"\x00\x01", primary.to_bytes(size, "big"))
    return encode_box(b"cdsc", b"".join(numbers))
