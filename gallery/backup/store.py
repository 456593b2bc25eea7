"""The files of all backups, each stored once, plain or encrypted; the folder's lock, and pruning."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from facesite.disks import find_problem, say_problem
from gallery.backup.bucket import (
    fetch_file,
    is_in_bucket,
    is_there,
    list_copy_folders,
    list_stored_sizes,
    push_file,
    remove_files,
    remove_folder,
)
from gallery.backup.encryption import AGE_SUFFIX, encrypt_file
from gallery.backup.errors import BackupDamaged, BackupRunning, convert_to_backup_errors
from gallery.backup.layout import (
    BACKUP_NAME_PATTERN,
    MANIFEST_FILE,
    PARTIAL_BACKUP_PREFIX,
    get_backup_folder,
    list_backups,
)
from gallery.core.erased import get_digest_key
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


SCRATCH_FOLDERS = BACKING_UP, VERIFYING = ("backing-up", "verifying")  # in the data directory


@contextmanager
def hold_scratch_folder(name: str) -> Iterator[Path]:
    """An empty folder in the data directory, for what must not lie unencrypted among the backups."""
    folder = Path(settings.DATA_DIR) / name
    with (
        convert_to_backup_errors(folder),
        hold_folder_lock(folder, _("Another process is using %(folder)s.") % {"folder": folder}),
    ):
        folder.chmod(0o700)
        _empty_folder(folder)
        try:
            yield folder
        finally:
            _empty_folder(folder)


def empty_scratch_folders() -> None:
    """Remove what processes that died have left in them."""
    for name in SCRATCH_FOLDERS:
        folder = Path(settings.DATA_DIR) / name
        if folder.is_dir() and [path.name for path in folder.iterdir()] != [LOCK_FILE]:
            with suppress(BackupRunning), hold_scratch_folder(name):
                pass


def _empty_folder(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()


FOLDER_SETTING = "backup.folder"  # a SiteSetting: where the last backup was made, and what is wrong there now


def look_at_backup_folder() -> str:
    """Try the folder of scheduled backups, and remember for the pages what is wrong with it, if anything is."""
    place, last = get_backup_folder(), get_site_setting(FOLDER_SETTING, {})
    problem = find_problem(place)
    is_used = last.get("used") == str(place) and not is_in_bucket(place)
    if not problem and is_used and not (place / LOCK_FILE).exists():
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
DAMAGED_SUFFIX = ".damaged"  # of files that a verification has set aside


@dataclass(slots=True)
class FileStore:
    """Files named by the SHA-256 of what they hold."""

    root: Path
    sizes: dict[Path, int] | None = field(default=None, kw_only=True)  # of what is there, if that is a bucket

    def path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def size(self, sha256: str) -> int | None:
        """Size of the stored file in bytes; None if there is none."""
        if self.sizes is not None:
            return self.sizes.get(self.path(sha256))
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def holds(self, sha256: str, size: int) -> bool:
        return self.size(sha256) == size

    def put(self, source: Path, expected: str) -> tuple[str, int]:
        """Store the file unless the expected content is stored already; return the SHA-256 and size of it.

        FileNotFoundError when the source is gone. Where hard links are possible nothing is copied: both names lead
        to the same bytes, which nobody changes, since files of the site are only ever written under new names.
        """
        there = source.stat().st_size
        if expected and self.holds(expected, there):
            return expected, there
        self.root.mkdir(parents=True, exist_ok=True)
        part = self.root / f"{PARTIAL_FILE_PREFIX}{os.getpid()}"
        part.unlink(missing_ok=True)
        try:
            sha256, size = self._bring(source, part)
            self._keep(part, self.path(sha256))
        finally:
            part.unlink(missing_ok=True)
        return sha256, size

    def _keep(self, part: Path, target: Path) -> None:
        if self.sizes is not None:
            push_file(part, target)
            self.sizes[target] = part.stat().st_size
            return
        target.parent.mkdir(exist_ok=True)
        part.replace(target)
        sync_path(target.parent)

    def _bring(self, source: Path, part: Path) -> tuple[str, int]:
        try:
            part.hardlink_to(source)
        except OSError:  # another file system, another mount of the same one, or one without hard links
            sha256 = copy_and_sync(source, part)
        else:
            sha256 = compute_sha256(part)
        return sha256, part.stat().st_size


@dataclass(slots=True)
class EncryptedStore(FileStore):
    """Encrypted files. Their names are digests that need the site's key: who has a photo cannot look whether it is
    here. Each set of recipients has a folder of its own, so that with a new key everything is stored anew."""

    recipients: Sequence[str]
    key: str  # the site's
    sums: dict[Path, str]  # SHA-256 of stored files as they lie there, where it is known

    def path(self, sha256: str) -> Path:
        name = _compute_stored_name(self.key, sha256)
        return self.root / name[:2] / name

    def holds(self, sha256: str, size: int) -> bool:
        there = self.size(sha256)
        return there is not None and there > size

    def get_sum(self, path: Path) -> str:
        if path not in self.sums:
            with fetch_file(path) as stored:
                self.sums[path] = compute_sha256(stored)
        return self.sums[path]

    def _bring(self, source: Path, part: Path) -> tuple[str, int]:
        read, written = encrypt_file(source, part, self.recipients)
        self.sums[self.path(read.sha256)] = written.sha256
        return read.sha256, read.bytes


def _compute_stored_name(key: str, sha256: str) -> str:
    return hmac.digest(key.encode(), f"stored:{sha256}".encode(), "sha256").hex() + AGE_SUFFIX


def open_store(place: Path, recipients: Sequence[str]) -> FileStore:
    """The store for what is encrypted for these recipients, or for plain files."""
    sizes = list_stored_sizes(place) if is_in_bucket(place) else None
    if not recipients:
        return FileStore(place / "files", sizes=sizes)
    mark = hashlib.sha256("\n".join(recipients).encode()).hexdigest()[:8]
    same = (each for each in list_backups(place) if each.manifest.recipients == list(recipients))
    sums: dict[Path, str] = {}
    if newest := next(same, None):
        with suppress(BackupDamaged):  # then they are computed anew
            sums = dict(newest.list_stored_sums())
    return EncryptedStore(place / f"files-{mark}", recipients, get_digest_key(), sums, sizes=sizes)


def list_copies(place: Path, sha256: str) -> list[Path]:
    """Where stored files with this content are: the plain one first, then encrypted ones, for whomever."""
    name = _compute_stored_name(get_digest_key(), sha256)
    encrypted = [folder / name[:2] / name for folder in list_copy_folders(place)]
    found = [FileStore(place / "files").path(sha256), *encrypted]
    return [path for path in found if is_there(path)]


def remove_partial_backups(place: Path) -> None:
    """Remove what dead processes left half-made; whole files stay for the next backup. Only under the lock."""
    for part in place.glob(f"{PARTIAL_BACKUP_PREFIX}*"):
        shutil.rmtree(part, ignore_errors=True)
    for part in [
        *place.glob(f"files/{PARTIAL_FILE_PREFIX}*"),
        *place.glob(f"files-*/{PARTIAL_FILE_PREFIX}*"),
    ]:
        part.unlink(missing_ok=True)
    if is_in_bucket(place):
        for folder in place.glob("[0-9]*"):
            if BACKUP_NAME_PATTERN.fullmatch(folder.name) and not (folder / MANIFEST_FILE).exists():
                remove_folder(folder)


def remove_unheld_files(place: Path) -> None:
    """Remove files that belong to no complete backup, and damaged ones that have been stored anew."""
    kept = {path for backup in list_backups(place) for path in backup.list_stored_files()}
    if is_in_bucket(place):
        remove_files(path for path in list_stored_sizes(place) if path not in kept)
    for path in [*place.glob("files/??/*"), *place.glob("files-*/??/*")]:
        whole = path.with_name(path.name.removesuffix(DAMAGED_SUFFIX))
        if whole not in kept or (whole != path and whole.exists()):
            path.unlink()


def prune_backups(place: Path, keep: int) -> None:
    """Remove all but the newest `keep` backups (0: keep all)."""
    gone = list_backups(place)[keep:] if keep else []
    for backup in reversed(gone):
        if is_in_bucket(place):
            remove_folder(backup.folder)
            continue
        dying = place / f"{PARTIAL_BACKUP_PREFIX}{backup.folder.name}"
        backup.folder.replace(dying)  # so that a half-removed one is no backup
        shutil.rmtree(dying)
    if gone:
        sync_path(place)
    remove_unheld_files(place)
