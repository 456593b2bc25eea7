"""EXIF, and TIFF files, which are made like it, without positions and withheld names.

Offsets stay valid because nothing moves but the entries of one directory; what is taken out becomes zeros.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from recognition.regions.redaction import Redaction

XMP, IPTC, PHOTOSHOP = 700, 33723, 34377
_ORIENTATION, _SHORT = 0x0112, 3
_SUB_DIRECTORIES, _EXIF, _GPS, _MAKER_NOTE = 0x014A, 0x8769, 0x8825, 0x927C
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8,
               18: 8, 129: 1}  # fmt: skip
_TEXT_TYPES = (1, 2, 7, 129)
_LONGEST_TEXT = 65_536
_MOST_DIRECTORIES = 4096
_RUN_OF_TEXT = re.compile(rb"[\x20-\x7e\x80-\xff]{2,}")


@dataclass(frozen=True, slots=True)
class Entry:
    at: int  # where it stands
    tag: int
    kind: int
    count: int
    start: int  # of its value
    end: int


class Directories:
    """The directories of an EXIF block or a TIFF file (``data``, changed in place). ValueError or struct.error where
    it is broken."""

    def __init__(self, data: bytearray) -> None:
        order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
        if order is None:
            raise ValueError("neither byte order")
        self.data, self._order = data, order
        is_big = self._unpack("H", 2)[0] == 43
        self._word, self._count, self._entry_size = ("Q", "Q", 20) if is_big else ("I", "H", 12)
        self._pointer = 8 if is_big else 4  # where the header says where the first directory is

    def walk(self) -> Iterator[int]:
        """Where each directory is."""
        waiting, seen = [self._unpack(self._word, self._pointer)[0]], set[int]()
        while waiting:
            at = waiting.pop()
            if not at or at in seen:
                continue
            seen.add(at)
            if len(seen) > _MOST_DIRECTORIES:
                raise ValueError("too many directories")
            entries = self.read(at)
            yield at
            waiting.append(self._unpack(self._word, self._end(at, len(entries)))[0])
            for entry in entries:
                if entry.tag in (_EXIF, _SUB_DIRECTORIES):
                    waiting += self._read_pointers(entry)

    def read(self, at: int) -> list[Entry]:
        (count,) = self._unpack(self._count, at)
        start = at + struct.calcsize(self._count)
        if start + count * self._entry_size > len(self.data):
            raise ValueError("a directory beyond the end")
        return [self._read_entry(start + self._entry_size * index) for index in range(count)]

    def get_value(self, entry: Entry) -> bytes:
        return bytes(self.data[entry.start : entry.end])

    def blank(self, entry: Entry) -> None:
        self.data[entry.start : entry.end] = bytes(entry.end - entry.start)

    def replace(self, entry: Entry, value: bytes) -> None:
        """Put a value that is no longer in its place."""
        length = entry.end - entry.start
        self.data[entry.start : entry.end] = value[:length].ljust(length, b"\x00")
        if entry.kind in _TEXT_TYPES and length > struct.calcsize(self._word):
            struct.pack_into(self._order + self._word, self.data, entry.at + 4, max(1, len(value)))

    def drop(self, at: int, tags: Collection[int]) -> None:
        """Take these entries out of the directory, and blank their values."""
        entries = self.read(at)
        for entry in entries:
            if entry.tag in tags:
                self.blank(entry)
        kept = [entry for entry in entries if entry.tag not in tags]
        self._write(at, len(entries), [self._copy(entry) for entry in kept])

    def blank_positions(self, at: int) -> None:
        for entry in self.read(at):
            if entry.tag == _GPS:
                for target in self._read_pointers(entry):
                    self._blank_directory(target)
        self.drop(at, {_GPS})

    def set_orientation(self, orientation: int) -> None:
        """Of the picture that the first directory is about."""
        entry = struct.pack(f"{self._order}HH{self._word}H", _ORIENTATION, _SHORT, 1, orientation)
        entry = entry.ljust(self._entry_size, b"\x00")
        (first,) = self._unpack(self._word, self._pointer)
        for old in self.read(first):
            if old.tag == _ORIENTATION:
                self.data[old.at : old.at + self._entry_size] = entry
                return
        self._move_first(_ORIENTATION, entry)

    def add_to_first(self, tag: int, value: bytes) -> None:
        """Move the first directory to the end of the file, with one entry more whose value lies there, too."""
        self.data += b"\x00" * (-len(self.data) % 8)
        entry = struct.pack(self._order + "HH" + self._word * 2, tag, 7, len(value), len(self.data))
        self.data += value
        self._move_first(tag, entry)

    def _move_first(self, tag: int, entry: bytes) -> None:
        (old,) = self._unpack(self._word, self._pointer)
        entries = self.read(old)
        (following,) = self._unpack(self._word, self._end(old, len(entries)))
        bodies = {entry.tag: self._copy(entry) for entry in entries}
        self._write(old, len(entries), [])
        self.data += b"\x00" * (-len(self.data) % 8)
        struct.pack_into(self._order + self._word, self.data, self._pointer, len(self.data))
        bodies[tag] = entry
        ordered = b"".join(body for _tag, body in sorted(bodies.items()))
        self.data += struct.pack(self._order + self._count, len(bodies)) + ordered
        self.data += struct.pack(self._order + self._word, following)

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + form, self.data, at)

    def _end(self, at: int, count: int) -> int:
        return at + struct.calcsize(self._count) + self._entry_size * count

    def _read_entry(self, at: int) -> Entry:
        tag, kind, count = self._unpack("HH" + self._word, at)
        size = _TYPE_SIZES.get(kind, 1) * count
        inline = struct.calcsize(self._word)
        start = at + 4 + inline
        if size > inline:
            (start,) = self._unpack(self._word, start)
        return Entry(at, tag, kind, count, start, max(start, min(start + size, len(self.data))))

    def _read_pointers(self, entry: Entry) -> tuple[int, ...]:
        form = "Q" if entry.kind in (16, 18) else "I"
        count = (entry.end - entry.start) // struct.calcsize(form)
        return self._unpack(form * min(count, _MOST_DIRECTORIES), entry.start)

    def _copy(self, entry: Entry) -> bytes:
        return bytes(self.data[entry.at : entry.at + self._entry_size])

    def _write(self, at: int, room: int, bodies: list[bytes]) -> None:
        """Write the directory where there was one of ``room`` entries; what follows it stays."""
        following = bytes(self.data[self._end(at, room) : self._end(at, room) + struct.calcsize(self._word)])
        written = struct.pack(self._order + self._count, len(bodies)) + b"".join(bodies) + following
        end = self._end(at, room) + len(following)
        self.data[at:end] = written.ljust(end - at, b"\x00")

    def _blank_directory(self, at: int) -> None:
        if not 8 <= at < len(self.data) - 2:
            return
        (count,) = self._unpack(self._count, at)
        start = at + struct.calcsize(self._count)
        for index in range(min(count, (len(self.data) - start) // self._entry_size)):
            entry = self._read_entry(start + self._entry_size * index)
            if entry.start >= 8:
                self.blank(entry)
        end = min(self._end(at, count) + struct.calcsize(self._word), len(self.data))
        self.data[at:end] = bytes(end - at)


def redact_exif(tiff: bytes, redaction: Redaction) -> bytes | None:
    """EXIF (from its TIFF header on) without what must not be said, otherwise unchanged; None if it is broken."""
    try:
        directories = Directories(bytearray(tiff))
        for at in list(directories.walk()):
            redact_directory(directories, at, redaction)
            directories.drop(at, {XMP, IPTC, PHOTOSHOP})  # EXIF has no place for them
    except (struct.error, ValueError):
        return None
    return bytes(directories.data)


def redact_directory(directories: Directories, at: int, redaction: Redaction) -> None:
    if not redaction.keep_position:
        directories.blank_positions(at)
    for entry in directories.read(at):
        if entry.kind not in _TEXT_TYPES or entry.tag in (XMP, IPTC, PHOTOSHOP):
            continue
        if entry.tag == _MAKER_NOTE:
            _redact_maker_note(directories.data, entry, redaction)
        elif entry.end - entry.start <= _LONGEST_TEXT and redaction.hides(directories.get_value(entry)):
            directories.blank(entry)


def _redact_maker_note(data: bytearray, entry: Entry, redaction: Redaction) -> None:
    """Cameras that know faces write their names there, each maker in another way."""
    for run in _RUN_OF_TEXT.finditer(bytes(data[entry.start : entry.end])):
        if redaction.hides(run[0]):
            data[entry.start + run.start() : entry.start + run.end()] = bytes(len(run[0]))


def exif_with_orientation(tiff: bytes, orientation: int) -> bytes:
    """EXIF that says this orientation, otherwise unchanged; or nothing else where it is broken."""
    try:
        directories = Directories(bytearray(tiff))
        directories.set_orientation(orientation)
    except (ValueError, struct.error):
        return make_minimal_exif(orientation)
    return bytes(directories.data)


def make_minimal_exif(orientation: int) -> bytes:
    """EXIF that says nothing but the orientation."""
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, _ORIENTATION, _SHORT, 1, orientation, 0)
