"""Verifies a backup by reading all of it, and tries it: its database in a scratch place, its files one by one."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from facesite.disks import SPARE_BYTES
from gallery.backup.bucket import fetch_file, is_in_bucket, is_there, remove_files
from gallery.backup.create import ProgressCallback, ignore_progress, report_progress
from gallery.backup.database import DatabaseContents, get_database
from gallery.backup.encryption import Identities
from gallery.backup.errors import BackupDamaged, BackupError, BackupRunning, convert_to_backup_errors
from gallery.backup.layout import MANIFEST_FILE, SUMS_FILE, Backup, find_backup
from gallery.backup.store import DAMAGED_SUFFIX, VERIFYING, hold_folder_lock, hold_scratch_folder
from recognition.files import compute_sha256

MAX_LISTED_FILES = 20
RESTORED, READ = "restored", "read"  # how far the database of a backup could be tried


@dataclass(slots=True)
class VerifyResult:
    backup: str
    files: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unmatched: list[str] = field(
        default_factory=list
    )  # files on which the database and the list do not agree
    is_open: bool = True  # otherwise only the checksums of encrypted files were compared
    database: str = ""  # how far it was tried, if at all
    damaged_files: list[Path] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not (self.missing or self.damaged or self.unmatched)

    def as_json(self) -> dict[str, Any]:
        lists = {"missing": self.missing, "damaged": self.damaged, "unmatched": self.unmatched}
        return {
            "backup": self.backup,
            "is_sound": self.is_sound,
            "is_open": self.is_open,
            "database": self.database,
            "files": self.files,
            **{name: {"count": len(each), "first": each[:MAX_LISTED_FILES]} for name, each in lists.items()},
        }


def verify_backup(backup: Backup, progress: ProgressCallback = ignore_progress) -> VerifyResult:
    """Read all of a backup; without an identity that opens it, compare the checksums of its files as they lie there.

    Raises BackupDamaged if its own lists cannot be trusted, BackupLocked for an identity that does not open it.
    """
    if backup.identities:
        backup.check_open()
    _check_sums(backup)
    found = VerifyResult(backup.folder.name, is_open=backup.is_open)
    total = int(backup.manifest.listing["files"])
    for name, path, is_whole in report_progress(_list_checks(backup), progress, "verify", total):
        found.files += 1
        try:
            is_sound = _can_be_read_whole(is_whole)
        except FileNotFoundError:
            found.missing.append(name)
            continue
        if not is_sound:
            found.damaged.append(name)
            found.damaged_files.append(path)
    return found


def _list_checks(backup: Backup) -> Iterator[tuple[str, Path, Callable[[], bool]]]:
    """Each file of the backup by name, where it lies, and a check of what it holds."""
    if backup.is_open:
        for entry in backup.entries():
            path = backup.get_stored_file(entry)
            yield entry.name, path, partial(_has_content, backup, path, entry.sha256)
    else:
        for path, digest in backup.list_stored_sums():
            yield path.name, path, partial(_has_sum, path, digest)


# What a bad sector answers, and file systems that find their own checksums wrong
DAMAGED_ERRORS = (errno.EIO, errno.EBADMSG, errno.EUCLEAN)


def _can_be_read_whole(is_whole: Callable[[], bool]) -> bool:
    try:
        return is_whole()
    except BackupDamaged:
        return False
    except OSError as error:
        if error.errno in DAMAGED_ERRORS:
            return False
        raise


def _has_content(backup: Backup, path: Path, sha256: str) -> bool:
    return backup.compute_sha256(path) == sha256


def _has_sum(path: Path, digest: str) -> bool:
    with fetch_file(path) as stored:
        return compute_sha256(stored) == digest


def _check_sums(backup: Backup) -> None:
    manifest, written = backup.manifest, backup.folder / SUMS_FILE
    lines = written.read_text().splitlines() if written.is_file() else []
    sums = {
        MANIFEST_FILE: "",
        **{line[66:]: line[:64] for line in lines},
        backup.listing.name: str(manifest.listing["sha256"]),
        str(manifest.database["file"]): str(manifest.database["sha256"]),
    }
    for name, digest in sums.items():
        path = backup.folder / name
        if not is_there(path) or not _has_sum(path, digest):
            text = _("%(path)s is damaged. This backup cannot be relied on; take the one before.")
            raise BackupDamaged(text % {"path": path})


def try_newest_backup(
    place: Path, identities: Identities = (), progress: ProgressCallback = ignore_progress
) -> VerifyResult:
    """Verify the newest backup and try its database in a scratch place. Raises BackupError if it cannot be read.

    Photos are read where they lie and kept nowhere, so that no disk is filled by them.
    """
    with convert_to_backup_errors(place), hold_scratch_folder(VERIFYING) as scratch:
        while True:
            backup = find_backup(place, identities)
            try:
                found = verify_backup(backup, progress)
                if backup.is_open and backup.manifest.engine == connection.vendor:
                    progress("database", 0, 1)
                    _try_database(backup, scratch, found)
                return found
            except (BackupDamaged, OSError):
                if backup.folder.is_dir():
                    raise  # otherwise a newer one has taken its place meanwhile


def _try_database(backup: Backup, scratch: Path, found: VerifyResult) -> None:
    _check_room(scratch, int(backup.manifest.database["bytes"]))
    copy = scratch / get_database().dump_file
    backup.copy_file(backup.database, copy)
    try:
        contents = get_database().try_copy(copy, scratch)
    except sqlite3.Error as error:
        text = _("The copy of the database %(path)s is damaged: %(error)s.")
        raise BackupDamaged(text % {"path": backup.database, "error": error}) from error
    found.database = READ if contents is None else RESTORED
    if contents is not None:
        found.unmatched = list(_list_unmatched_files(backup, contents))


def _check_room(scratch: Path, copy_bytes: int) -> None:
    needed = copy_bytes + get_database().estimate_trial_bytes() + SPARE_BYTES
    if shutil.disk_usage(scratch).free < needed:
        text = _(
            "There is no room to try the backup's database: make %(size)s free on the disk of %(folder)s."
        )
        raise BackupError(text % {"size": filesizeformat(needed), "folder": scratch.parent})


def _list_unmatched_files(backup: Backup, contents: DatabaseContents) -> Iterator[str]:
    """Files that rows of the database name and the backup has not, or has otherwise than it says itself."""
    details = backup.read_details()
    if contents.counts != details.counts:
        yield get_database().dump_file
    known = {f"media/{name}" for name in (*details.missing, *details.altered)}
    kept = {entry.name: entry.sha256 for entry in backup.entries()}
    for each in contents.files:
        name = f"media/{each.name}"
        if name not in known and (name not in kept or kept[name] != (each.sha256 or kept[name])):
            yield name


def set_aside_damaged_files(place: Path, found: VerifyResult) -> None:
    """Give damaged files other names, so that the next backup stores what they held anew."""
    with (
        suppress(BackupRunning),  # then the next verification does it
        convert_to_backup_errors(place),
        hold_folder_lock(place, ""),
    ):
        if is_in_bucket(place):
            remove_files(found.damaged_files)
            return
        for path in found.damaged_files:
            path.replace(path.with_name(path.name + DAMAGED_SUFFIX))
