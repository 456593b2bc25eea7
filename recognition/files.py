"""Writing files so that they outlast a power cut, on file systems of any kind; listing those that people keep."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

COPY_CHUNK_BYTES = 1024 * 1024
NOT_POSSIBLE = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)  # on this file system, now or later

# What systems of NAS, Windows, macOS, Syncthing and others keep beside people's files: thumbnails, bins, old versions
SYSTEM_FOLDERS = (
    "@eadir", "@recycle", "@tmp", "@__thumb", "#recycle", "#snapshot", "$recycle.bin", "recycler",
    "recycled", "__macosx", "system volume information", ".stversions", ".stfolder", ".trash*", "lost+found",
    ".appledouble", "*.lrdata", "*.lrcat-data", "ipod photo cache", ".thumbnails", "@sharebin",
)  # fmt: skip
SYSTEM_FILES = (
    ".ds_store",
    "thumbs.db",
    "desktop.ini",
    "._*",
)  # the last: macOS' own, beside each file elsewhere


def is_system_folder(name: str, more: Iterable[str] = ()) -> bool:
    """Whether a folder of this name belongs to a system; ``more`` are patterns as of a shell, in any case."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in (*SYSTEM_FOLDERS, *more))


def is_system_file(name: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in SYSTEM_FILES)


def clean_path(path: Path | str) -> str:
    """A path for showing and keeping: bytes that are no UTF-8 become question marks."""
    return os.fsencode(path).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What lies below a folder, each list sorted; those after the first were left out."""

    files: list[Path]
    system: list[Path]  # folders of systems
    repeated: list[Path]  # links to folders that are read anyway
    hidden: list[Path]


def list_files(root: Path, more: Iterable[str] = ()) -> FolderListing:
    """Every file below a folder, links to other folders followed, each of those once.

    ``more`` are patterns of further folders of systems. Folders that may not be read count as empty, and files that
    systems add are not there.
    """
    found = FolderListing([], [], [], [])
    seen = set[Path]()
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop()
        if (real := folder.resolve()) in seen:
            found.repeated.append(folder)
            continue
        seen.add(real)
        inside = _list_folder(folder, more, found)
        links += [each for each in inside if each.is_symlink()]
        folders += [each for each in inside if not each.is_symlink()]
    for some in (found.files, found.system, found.repeated, found.hidden):
        some.sort()
    return found


def _list_folder(folder: Path, more: Iterable[str], found: FolderListing) -> list[Path]:
    """Add what lies in a folder; the folders to look into come back, the first last."""
    inside, entries = list[Path](), list[Path]()
    with suppress(PermissionError):
        entries = sorted(folder.iterdir(), reverse=True)
    for each in entries:
        if is_system_folder(each.name, more) and each.is_dir():
            found.system.append(each)
        elif each.name.startswith(".") and not is_system_file(each.name):
            found.hidden.append(each)
        elif each.is_dir():
            inside.append(each)
        elif not is_system_file(each.name):
            found.files.append(each)
    return inside


def sync_path(path: Path) -> None:
    """Force a file, or the names in a folder, to disk; some file systems (SMB, FUSE) cannot do it for folders."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in NOT_POSSIBLE):
            raise
    finally:
        os.close(descriptor)


def compute_sha256(*paths: Path) -> str:
    """Of a file, or of several as one."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def write_synced_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def copy_and_sync(source: Path, target: Path) -> str:
    """Copy the content, sync it, and return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as incoming, target.open("wb") as outgoing:
        while piece := incoming.read(COPY_CHUNK_BYTES):
            digest.update(piece)
            outgoing.write(piece)
        outgoing.flush()
        os.fsync(outgoing.fileno())
    return digest.hexdigest()


@contextmanager
def open_to_replace(path: Path, *, is_synced: bool = True) -> Iterator[IO[bytes]]:
    """A new file, for its owner only, that takes the path when the block ends well, and goes when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if is_synced:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes, *, is_synced: bool = False) -> None:
    """Write the file whole or not at all. Raises OSError as the disk gives it."""
    with open_to_replace(path, is_synced=is_synced) as file:
        file.write(content)


@contextmanager
def hold_lock(path: Path, spare: Path) -> Iterator[None]:
    """Hold a file's lock, or the spare one's where its file system has none. BlockingIOError while others hold it."""
    with ExitStack() as held:
        try:
            _lock(held, path)
        except OSError as error:
            if error.errno not in NOT_POSSIBLE:
                raise
            _lock(held, spare)
        yield


def _lock(held: ExitStack, path: Path) -> None:
    file = held.enter_context(path.open("a"))  # for writing: NFS gives an exclusive lock for nothing less
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError as error:  # SMB's word for a lock that another has
        raise BlockingIOError(*error.args) from error
