"""Kills, or starves of disk, a process at one change to the file system after the other. Run as a program.

    python -m tests.backup.crashing backup|restore kill|full SOURCE [--step N]

Each attempt is a forked process that counts what it asks of the file system (by Python's audit events) and, at
the N-th, is killed by SIGKILL, or gets "no space left on device" from then on for whatever needs room. After
each attempt the checks below are made by another forked process, as a fresh start would see things. Prints a
line of JSON.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "sqlite3.connect"}
NEED_ROOM = {"os.link", "os.mkdir", "open"}
FAILED, SURVIVED = 3, 0


class Fault:
    """Counts changes; at the N-th it strikes."""

    def __init__(self, at: int, kind: str, below: Path) -> None:
        self.at, self.kind, self.below, self.count, self.is_on = at, kind, str(below), 0, True
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on or not self._is_change(event, arguments):
            return
        self.count += 1
        if self.count == self.at and self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count >= self.at and self.kind == "full" and event in NEED_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _, flags = arguments
            is_written = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            return is_written and isinstance(path, str) and path.startswith(self.below)
        return event in CHANGES


def in_child(work: Callable[[], object]) -> tuple[int, str]:
    """Do it in a forked process: the signal that ended it (0: none), and its last line."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code = 0
        try:
            said = str(work() or "")
        except BaseException:
            said, code = traceback.format_exc(), FAILED
        os.write(writing, said.encode()[-30_000:])
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), said


def must(work: Callable[[], object]) -> str:
    code, said = in_child(work)
    if code:
        raise AssertionError(said or f"ended by signal {code}")
    return said


def state() -> str:
    """Everything a visitor could notice: rows and the content of every file of the site."""
    from django.conf import settings

    digest = hashlib.sha256()
    with closing(sqlite3.connect(Path(settings.DATA_DIR) / "facesite.sqlite3")) as database:
        for table in ("person", "photo", "reference", "face", "album", "user"):
            rows = database.execute(f"SELECT * FROM gallery_{table} ORDER BY id").fetchall()  # noqa: S608 -- names above
            digest.update(repr(rows).encode())
    root = Path(settings.MEDIA_ROOT)
    for path in sorted(each for each in root.rglob("*") if each.is_file()):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def attempt_backup(fault: tuple[int, str], place: Path) -> str:
    from gallery.backup.create import make_backup
    from gallery.backup.errors import BackupError

    striking = Fault(*fault, below=place)
    try:
        make_backup(place, with_index=True, keep=2)
    except BackupError:
        return "failed"
    finally:
        striking.is_on = False
    return "done"


def check_backup(place: Path) -> None:
    """Whatever is there is whole; the next backup works and leaves nothing half-made."""
    from gallery.backup.create import make_backup
    from gallery.backup.layout import list_backups
    from gallery.backup.verification import verify_backup

    for backup in list_backups(place):
        assert verify_backup(backup).is_sound
    make_backup(place, keep=2)
    newest = list_backups(place)[0]
    assert verify_backup(newest).is_sound
    assert not list(place.glob(".part-*")), list(place.glob(".part-*"))
    assert not list(place.glob("files*/.part-*"))
    kept = {path for backup in list_backups(place) for path in backup.list_stored_files()}
    assert kept == set(place.glob("files*/??/*")), "files that no backup holds"


def attempt_restore(fault: tuple[int, str], source: Path) -> str:
    from django.conf import settings

    from gallery.backup import restore as backup_restore
    from gallery.backup.errors import BackupError

    striking = Fault(*fault, below=Path(settings.DATA_DIR))
    try:
        backup_restore.restore_backup(source)
    except BackupError:
        return "failed"
    finally:
        striking.is_on = False
    return "done"


def check_restore(empty: str, full: str, source: Path, *, is_failed: bool) -> str:
    """Put right by the next start, the installation is as before or wholly restored; if empty, it can be restored."""
    from django.conf import settings

    from gallery.backup import restore as backup_restore
    from gallery.backup.restore import end_earlier_restore

    if is_failed:
        assert state() == empty, "a restore that failed left something behind"
    end_earlier_restore()
    found = state()
    assert found in (empty, full), "neither as before nor restored"
    if found == empty:
        backup_restore.restore_backup(source)
        assert state() == full
    left = [path.name for path in (Path(settings.DATA_DIR) / "restoring").iterdir() if path.name != ".lock"]
    assert not left, left
    assert not list(Path(settings.DATA_DIR).glob(".restoring*"))
    return "empty" if found == empty else "full"


def rounds(once: Callable[[int], str], step: int) -> dict[str, Any]:
    """One attempt after the other, until one is through before its fault strikes."""
    outcomes: dict[str, int] = {}
    at = 1
    while True:
        outcome = once(at)
        if outcome == "through":
            return {"faults": (at - 1) // step, "outcomes": outcomes}
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        at += step
        assert at < 2_000


def backup_rounds(kind: str, source: Path, step: int) -> dict[str, Any]:
    place = source.parent / f"crash-{kind}"

    def once(at: int) -> str:
        shutil.rmtree(place, ignore_errors=True)
        code, said = in_child(lambda: attempt_backup((at, kind), place))
        assert code in (0, signal.SIGKILL), said
        must(lambda: check_backup(place))
        if code == signal.SIGKILL:
            return "killed"
        return "failed" if said == "failed" else "through"

    return rounds(once, step)


def restore_rounds(kind: str, source: Path, step: int) -> dict[str, Any]:
    from django.conf import settings

    from gallery.backup import database

    database.migrate_database = lambda address="": None  # a process of its own, tried elsewhere
    data, template = Path(settings.DATA_DIR), Path(settings.DATA_DIR).with_name("template")
    shutil.copytree(data, template)
    empty = must(state)
    code, said = in_child(lambda: attempt_restore((0, "none"), source))
    assert (code, said) == (0, "done"), said
    full = must(state)

    def once(at: int) -> str:
        shutil.rmtree(data)
        shutil.copytree(template, data)
        code, said = in_child(lambda: attempt_restore((at, kind), source))
        assert code in (0, signal.SIGKILL), said
        found = must(lambda: check_restore(empty, full, source, is_failed=said == "failed"))
        if code == signal.SIGKILL:
            return f"killed, {found}"
        return "failed, empty" if said == "failed" else "through"

    return rounds(once, step)


if __name__ == "__main__":
    import django

    django.setup()
    what, how, folder, every = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    act = {"backup": backup_rounds, "restore": restore_rounds}[what]
    sys.stdout.write(json.dumps(act(how, folder, every)) + "\n")
