"""Tries at the start, and before backups, whether folders can do what the site needs, and says what they lack.

A child process does the trying (`python -m facesite.disks FOLDER NEED...`), as a call to a disk that hangs may never
return.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from django.conf import settings
from django.db import OperationalError
from django.utils.translation import gettext, gettext_lazy

from facesite.buckets import check_bucket
from recognition.files import sync_path, write_synced_text

PREFIX = ".trying-"
STALE_SECONDS = 3600
ANSWER_SECONDS = 10
SPARE_BYTES = 20_000_000  # with less than that, uploads and the database soon fail
LONG_NAME = "0" * 64 + ".part-1234567"  # as long as the longest of a backup's
LOW_DISK_BYTES = 1_000_000
DISK_FULL = gettext_lazy("The disk is full. Tell your administrator, then try again.")
DISK_FAILING = gettext_lazy("The site cannot write to its disk. Tell your administrator, then try again.")
FULL, REFUSED = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)
DISK_AT_FAULT = {"full", *(str(number) for number in (errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.ENODEV))}


def gettext_noop(text: str) -> str:
    """Django's asks for the settings, which import this module."""
    return text


SENTENCES = {
    "full": gettext_noop("The disk of %(folder)s is full or nearly so: make room there."),
    "refused": gettext_noop(
        "Facesite may not write to %(folder)s: give its user the right to, or mount its disk for writing."
    ),
    "hung": gettext_noop(
        "The disk of %(folder)s does not answer: look after it or its server, or choose another folder."
    ),
    "failing": gettext_noop(
        "%(folder)s cannot be used (%(error)s): look whether its disk is mounted and sound, or choose another folder."
    ),
    "untried": gettext_noop(
        "It could not be found out whether %(folder)s can be used: look into the log for what failed."
    ),
    "names": gettext_noop("The disk of %(folder)s takes no long names: choose a folder on another one."),
    "rename": gettext_noop(
        "The disk of %(folder)s cannot put a file in the place of another: choose a folder on another one."
    ),
    "locks": gettext_noop(
        "The disk of %(folder)s has no file locks, as some network disks: set FACESITE_DATA_DIR to a folder on a"
        " disk of this computer (ext4, XFS or Btrfs, say)."
    ),
    "database": gettext_noop(
        "SQLite cannot work in %(folder)s, as on network disks: set FACESITE_DATA_DIR to a folder on a disk of"
        " this computer (ext4, XFS or Btrfs, say)."
    ),
    "emptied": gettext_noop(
        "%(folder)s is empty, though backups were made there: mount its disk, or, if it was you who emptied it,"
        " begin anew with “manage.py backup”."
    ),
}


def say_problem(folder: Path, problem: str, translate: Callable[[str], str] = gettext) -> str:
    """The sentence for what `find_problem` found, in the reader's language."""
    error = os.strerror(int(problem)) if problem.isdigit() else problem
    return translate(SENTENCES.get(problem, SENTENCES["failing"])) % {"folder": folder, "error": error}


def say_in_english(folder: Path, problem: str) -> str:
    """For the start, where no language is active yet and all other messages are English."""
    return say_problem(folder, problem, str)


def name_error(error: OSError) -> str:
    return "full" if error.errno in FULL else "refused" if error.errno in REFUSED else str(error.errno or 0)


def is_disk_full(error: BaseException | None) -> bool:
    if isinstance(error, OSError):
        return error.errno in FULL
    if not isinstance(error, OperationalError):
        return False
    if "disk I/O error" in str(error):  # SQLite's words where it cannot make the file beside the database
        return shutil.disk_usage(settings.DATA_DIR).free < LOW_DISK_BYTES
    return "disk is full" in str(error) or "No space left" in str(error)


def find_problem(folder: Path, *needs: str) -> str:
    """What is wrong with a folder: a key of SENTENCES, an error's number, or nothing. Never waits long.

    Of a child that fails before it has an answer nothing is known, least of all that the folder is in order.
    """
    command = [sys.executable, "-m", "facesite.disks", str(folder), *needs]
    child = subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True)
    try:
        answer = child.communicate(timeout=ANSWER_SECONDS)[0].strip()
        return "untried" if child.returncode else answer
    except subprocess.TimeoutExpired:
        child.kill()  # and not waited for: a disk that is hung may keep it for ever
        return "hung"


def try_folder(folder: Path, *needs: str) -> str:
    """As `find_problem`, in this process. Everybody needs long names and renaming; `needs` says what else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale_trials(folder)
        place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    except OSError as error:
        return name_error(error)
    try:
        return next((name for need in ("rename", "names", *needs) if (name := _try_need(place, need))), "")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _try_need(place: Path, need: str) -> str:
    try:
        return "" if NEEDS[need](place) else need
    except (OSError, sqlite3.Error) as error:
        found = name_error(error) if isinstance(error, OSError) else need
        return found if found in DISK_AT_FAULT else need


def _remove_stale_trials(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # another process has just ended its own trial
            if left.stat().st_mtime < time.time() - STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _can_replace(place: Path) -> bool:
    old, new = place / "old", place / "new"
    write_synced_text(old, "old")
    write_synced_text(new, "new" * 4096)
    new.replace(old)
    sync_path(place)
    return old.read_text() == "new" * 4096 and not new.exists()


def _can_name(place: Path) -> bool:
    (place / LONG_NAME).touch()
    return LONG_NAME in [path.name for path in place.iterdir()]


def _can_lock(place: Path) -> bool:
    with (place / "lock").open("a") as first, (place / "lock").open("a") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _can_hold_database(place: Path) -> bool:
    path = place / "sqlite3"
    with closing(sqlite3.connect(path, timeout=1)) as one, closing(sqlite3.connect(path, timeout=1)) as other:
        mode = one.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        with one:
            one.execute("CREATE TABLE tried (number)")
        return bool(mode == "wal" and other.execute("SELECT count(*) FROM tried").fetchone() == (0,))


def _has_room(place: Path) -> bool:
    return shutil.disk_usage(place).free >= SPARE_BYTES


NEEDS: dict[str, Callable[[Path], bool]] = {
    "rename": _can_replace,
    "names": _can_name,
    "locks": _can_lock,
    "database": _can_hold_database,
    "full": _has_room,
}


def check_data_folders() -> None:
    """End this process, with a sentence, where the site's data would not be safe; where a disk is full, say so."""
    database = settings.DATABASES["default"]
    keeps_database = database["ENGINE"].endswith("sqlite3")
    root = Path(settings.DATA_DIR)
    folders = {root: ["locks", *(["database"] if keeps_database else []), "full"]}
    for each in (settings.MEDIA_ROOT, settings.INDEX_ROOT, settings.CACHE_ROOT):
        folder = Path(each)
        if folder.exists() and folder.stat().st_dev != root.stat().st_dev:  # a mount of its own
            folders[folder] = ["locks", "full"]
    for folder, needs in folders.items():
        problem = find_problem(folder, *needs)
        if problem and problem != "full":
            sys.exit(say_in_english(folder, problem))
        if problem:
            sys.stderr.write(f"{say_in_english(folder, problem)}\n")
    check_bucket(settings.STORAGE)


def check_backup_folder() -> None:
    """Say what keeps backups from being made; the site starts all the same."""
    if problem := find_problem(Path(settings.BACKUP_DIR)):
        sys.stderr.write(f"{say_in_english(Path(settings.BACKUP_DIR), problem)}\n")


if __name__ == "__main__":
    sys.stdout.write(try_folder(Path(sys.argv[1]), *sys.argv[2:]))
