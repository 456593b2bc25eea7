"""Photos out of a ZIP archive, one by one, without ever writing to a path the archive names."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recognition.errors import ImageError, ImageTooLarge
from recognition.files import is_system_file, is_system_folder
from recognition.images.archive_names import decode_names
from recognition.images.kinds import get_photo_kind
from recognition.images.limits import DEFAULT_LIMITS, MEGABYTE, Limits
from recognition.images.motion import get_rank_beside, is_video
from recognition.images.sidecars import MAX_SIDECAR_BYTES, is_sidecar_name
from recognition.images.source import open_regular_file

_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, LookupError,
               RuntimeError, NotImplementedError)  # fmt: skip
_ENCRYPTED = 0x1  # flag of a member
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may cost, beside what each photo in it may."""

    bytes: int = 4_000 * MEGABYTE
    unpacked_bytes: int = 8_000 * MEGABYTE  # of all members together
    members: int = 10_000
    ratio: int = 200  # unpacked to packed bytes of one member; photos hardly shrink, bombs reach 1,000
    directory_bytes: int = 10 * MEGABYTE


DEFAULT_ARCHIVE_LIMITS = ArchiveLimits()


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its bytes, or the reason why it is refused."""

    name: str  # path inside the archive, for showing and as a title; never a place to write to
    data: bytes = b""
    refused: ImageError | None = None


def is_archive(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a ZIP archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_archive_members(
    source: Path | BinaryIO,
    limits: Limits = DEFAULT_LIMITS,
    archive_limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS,
    system_folders: Iterable[str] = (),
) -> Iterator[Member]:
    """The members of an archive in their order, what goes with a photo last; each read only when it is asked for.

    Members that begin like a photo or a video, or are called like a file that keeps names beside photos, come with
    their bytes (still to be probed), others with the reason of their refusal; folders and the clutter that systems
    add are left out, a system's folder (of ``system_folders`` and those known) by one refusal. Raises ImageError for
    an archive that cannot be opened, ImageTooLarge when it breaks a limit, be it half-way through.
    """
    with _open_archive(source, archive_limits) as archive:
        left, left_out = archive_limits.unpacked_bytes, set()
        entries = archive.infolist()
        named = zip(entries, decode_names(entries), strict=True)
        for entry, name in sorted(named, key=lambda each: get_rank_beside(each[1])):
            if entry.is_dir() or "__macosx" in name.lower().split("/") or is_system_file(name.split("/")[-1]):
                continue
            *folders, _file = name.split("/")
            if system := next((each for each in folders if is_system_folder(each, system_folders)), ""):
                if system not in left_out:
                    left_out.add(system)
                    yield Member(system, refused=ImageError("system_folder"))
                continue
            member = _read_member(archive, entry, name, limits, archive_limits)
            left -= len(member.data)
            if left < 0:
                raise ImageTooLarge("zip_unpacks")
            yield member


@contextmanager
def _open_archive(source: Path | BinaryIO, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    file = open_regular_file(source) if isinstance(source, Path) else source
    try:
        _check_directory(file, limits)
        try:
            archive = zipfile.ZipFile(file)
        except _ZIP_ERRORS:
            raise ImageError("zip_damaged") from None
        with archive:
            if len(archive.infolist()) > limits.members:
                raise ImageTooLarge("zip_too_many", limit=limits.members)
            yield archive
    finally:
        if isinstance(source, Path):
            file.close()


def _check_directory(file: BinaryIO, limits: ArchiveLimits) -> None:
    """The list of members is read as a whole, so its size is checked first, from the archive's last bytes."""
    size = file.seek(0, os.SEEK_END)
    if size > limits.bytes:
        raise ImageTooLarge("zip_too_large", limit=limits.bytes // MEGABYTE)
    start = max(0, size - 65_557)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ImageError("zip_damaged")
    members, directory = struct.unpack_from("<HI", tail, at + 10)
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):  # before that lie the larger counts
        larger = tail[max(0, at - 76) : at - 20]  # where `zipfile` reads it, wherever it is said to be
        if len(larger) < 56 or not larger.startswith(b"PK\x06\x06"):
            raise ImageError("zip_damaged")
        members, directory = struct.unpack_from("<QQ", larger, 32)
    if members > limits.members:
        raise ImageTooLarge("zip_too_many", limit=limits.members)
    if directory > limits.directory_bytes:
        raise ImageTooLarge("zip_list")
    file.seek(0)


def _read_member(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, limits: Limits, archive_limits: ArchiveLimits
) -> Member:
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)[-200:]
    refused = _explain_refusal(entry, name, limits, archive_limits)
    if refused:
        return Member(shown, refused=refused)
    try:
        return Member(shown, data=_read_content(archive, entry, limits, archive_limits))
    except ImageError as problem:
        return Member(shown, refused=problem)
    except _ZIP_ERRORS:
        return Member(shown, refused=ImageError("member_damaged"))


def _explain_refusal(
    entry: zipfile.ZipInfo, name: str, limits: Limits, archive_limits: ArchiveLimits
) -> ImageError | None:
    """Why a member is not even opened, from what the archive says of it; None if it may be."""
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":" or "\x00" in name:
        return ImageError("member_outside")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFIFO):  # a pipe: what `zip` was given on its input
        return ImageError("member_no_file")
    if entry.flag_bits & _ENCRYPTED:
        return ImageError("member_locked")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return ImageError("member_packing")
    if entry.file_size > limits.bytes:
        return ImageTooLarge("over_the_bytes", limit=limits.bytes // MEGABYTE)
    if entry.file_size > archive_limits.ratio * max(entry.compress_size, 1_000):
        return ImageTooLarge("member_bomb")
    return None


def _read_content(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits, archive_limits: ArchiveLimits
) -> bytes:
    """Read with a running count: what the archive says of a member's size need not be true."""
    most = min(limits.bytes, archive_limits.ratio * max(entry.compress_size, 1_000))
    with archive.open(entry) as file:
        parts = [file.read(_CHUNK_BYTES)]
        if is_sidecar_name(entry.filename):
            most = min(most, MAX_SIDECAR_BYTES)
        elif not is_video(parts[0]):
            get_photo_kind(parts[0])
        size = len(parts[0])
        while part := file.read(_CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > most:
                raise ImageTooLarge("member_bomb")
    return b"".join(parts)
