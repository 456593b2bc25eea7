"""The files of all backups, each stored once under its SHA-256; the folder's lock, and pruning."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gallery.backup.layout import PARTIAL_BACKUP_PREFIX, BackupRunning, list_backups
from recognition.files import sync_path

LOCK_FILE = ".lock"


@contextmanager
def hold_folder_lock(folder: Path, sentence: str) -> Iterator[None]:
    """Hold the folder's lock. Raises BackupRunning with the sentence if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRunning(sentence) from None
        yield


def is_folder_locked(folder: Path) -> bool:
    try:
        with (folder / LOCK_FILE).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


COPY_CHUNK_BYTES = 1024 * 1024
PARTIAL_FILE_PREFIX = ".part-"


def compute_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


@dataclass(frozen=True, slots=True)
class FileStore:
    root: Path

    def path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def size(self, sha256: str) -> int | None:
        """Size of the stored file in bytes; None if there is none."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, source: Path, expected: str) -> tuple[str, int]:
        """Store the file unless the expected content is stored already; return the SHA-256 and size of it.

        FileNotFoundError when the source is gone. Where hard links are possible nothing is copied: both names lead
        to the same bytes, which nobody changes, since files of the site are only ever written under new names.
        """
        there = source.stat().st_size
        if expected and self.size(expected) == there:
            return expected, there
        self.root.mkdir(parents=True, exist_ok=True)
        part = self.root / f"{PARTIAL_FILE_PREFIX}{os.getpid()}"
        part.unlink(missing_ok=True)
        try:
            sha256 = self._bring(source, part)
            target = self.path(sha256)
            target.parent.mkdir(exist_ok=True)
            part.replace(target)
            sync_path(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return sha256, self.path(sha256).stat().st_size

    def _bring(self, source: Path, part: Path) -> str:
        try:
            part.hardlink_to(source)
        except OSError:  # another file system, another mount of the same one, or one without hard links
            return copy_and_sync(source, part)
        return compute_sha256(part)


def remove_partial_backups(place: Path) -> None:
    """Remove what dead processes left half-made; whole files stay for the next backup. Only under the lock."""
    for part in place.glob(f"{PARTIAL_BACKUP_PREFIX}*"):
        shutil.rmtree(part, ignore_errors=True)
    for part in (place / "files").glob(f"{PARTIAL_FILE_PREFIX}*"):
        part.unlink(missing_ok=True)


def remove_unheld_files(place: Path) -> None:
    """Remove files that belong to no complete backup."""
    kept = {entry.sha256 for backup in list_backups(place) for entry in backup.entries()}
    for path in (place / "files").glob("??/*"):
        if path.name not in kept:
            path.unlink()


def prune_backups(place: Path, keep: int) -> None:
    """Remove all but the newest `keep` backups (0: keep all)."""
    gone = list_backups(place)[keep:] if keep else []
    for backup in reversed(gone):
        dying = place / f"{PARTIAL_BACKUP_PREFIX}{backup.folder.name}"
        backup.folder.replace(dying)  # so that a half-removed one is no backup
        shutil.rmtree(dying)
    if gone:
        sync_path(place)
    remove_unheld_files(place)
