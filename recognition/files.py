"""Files that are on the disk when this says so, and the files in a folder that somebody put there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

# What NAS systems, Windows, Syncthing and file systems keep beside people's files: thumbnails, bins, old versions
SYSTEM_FOLDERS = (
    "@eadir", "@recycle", "@tmp", "@__thumb", "#recycle", "#snapshot", "$recycle.bin", "recycler",
    "system volume information", ".stversions", ".stfolder", ".trash*", "lost+found",
)  # fmt: skip


def is_system_folder(name: str, more: Iterable[str] = ()) -> bool:
    """Whether a folder of this name belongs to a system; ``more`` are patterns as of a shell, in any case."""
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in (*SYSTEM_FOLDERS, *more))


def list_files(root: Path, more: Iterable[str] = ()) -> tuple[list[Path], list[Path]]:
    """Every file below a folder that is not hidden, in order, links followed; and the system's folders left out."""
    found, left_out = [], []
    waiting: list[tuple[Path, tuple[Path, ...]]] = [(root, (root.resolve(),))]
    while waiting:
        folder, above = waiting.pop()
        entries: list[Path] = []
        with suppress(PermissionError):
            entries = list(folder.iterdir())
        for each in entries:
            if is_system_folder(each.name, more) and each.is_dir():
                left_out.append(each)
            elif each.name.startswith("."):
                continue
            elif not each.is_dir():
                found.append(each)
            elif (real := each.resolve()) not in above:  # a link to a folder above would never end
                waiting.append((each, (*above, real)))
    return sorted(found), sorted(left_out)


def sync_path(path: Path) -> None:
    """Force a file, or the names in a folder, to disk; some file systems (SMB, FUSE) cannot do it for folders."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)
