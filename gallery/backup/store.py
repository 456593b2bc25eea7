"""The files of all backups, each stored once under its SHA-256; the folder's lock, and pruning."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from facesite.disks import find_problem, say_problem
from gallery.backup.layout import PARTIAL_BACKUP_PREFIX, BackupRunning, get_backup_folder, list_backups
from gallery.models import SiteSetting
from gallery.models.history import get_site_setting
from recognition.files import compute_sha256, copy_and_sync, hold_lock, sync_path

LOCK_FILE = ".lock"


@contextmanager
def hold_folder_lock(folder: Path, sentence: str) -> Iterator[None]:
    """Hold the folder's lock. Raises BackupRunning with the sentence if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(_hold_lock(folder))
        except BlockingIOError:
            raise BackupRunning(sentence) from None
        yield


def is_folder_locked(folder: Path) -> bool:
    try:
        if (folder / LOCK_FILE).exists():
            with _hold_lock(folder):
                pass
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


def _hold_lock(folder: Path) -> AbstractContextManager[None]:
    """Of a folder on a disk without locks: one among the data, which have locks."""
    return hold_lock(folder / LOCK_FILE, Path(settings.FILE_UPLOAD_TEMP_DIR) / f"{folder.name}.lock")


FOLDER_SETTING = "backup.folder"  # a SiteSetting: where the last backup was made, and what is wrong there now


def look_at_backup_folder() -> str:
    """Try the folder of scheduled backups, and remember for the pages what is wrong with it, if anything is."""
    place, last = get_backup_folder(), get_site_setting(FOLDER_SETTING, {})
    problem = find_problem(place)
    if not problem and last.get("used") == str(place) and not (place / LOCK_FILE).exists():
        problem = "emptied"  # it is where a disk was mounted
    if problem != last.get("problem", ""):
        SiteSetting.objects.update_or_create(
            pk=FOLDER_SETTING, defaults={"value": last | {"problem": problem}}
        )
    return problem


def get_folder_problem() -> str:
    """What was wrong with that folder at the last look, in a sentence; empty where it could be used."""
    problem = get_site_setting(FOLDER_SETTING, {}).get("problem")
    return say_problem(get_backup_folder(), problem) if problem else ""


PARTIAL_FILE_PREFIX = ".part-"


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
