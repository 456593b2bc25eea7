"""Backups to folders that can do less: answers of SMB, exFAT and NFS, given here by patched functions."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from django.utils import translation

from facesite import disks
from facesite.disks import SENTENCES, say_problem, try_folder
from gallery.backup import database
from gallery.backup.create import make_backup
from gallery.backup.errors import BackupRunning
from gallery.backup.layout import list_backups
from gallery.backup.schedule import run_scheduled_backup
from gallery.backup.store import hold_folder_lock, is_folder_locked
from gallery.backup.verification import verify_backup
from gallery.maintenance.tasks import look_after_data
from gallery.maintenance.tasks import make_backup as make_requested_backup
from gallery.models import Role
from gallery.models.storage import write_file
from tests.making import a_photo, a_user

Refusal = Callable[..., None]


@pytest.fixture
def place(settings: Any, own_data: Path, sent: list[Any]) -> Path:
    settings.INDEX_ROOT = own_data / "index"
    settings.BACKUP_DIR = own_data.with_name(f"{own_data.name}-backups")
    return Path(settings.BACKUP_DIR)


def refuse(number: int) -> Refusal:
    def refusing(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return refusing


def refuse_locks(monkeypatch: pytest.MonkeyPatch, below: Path, number: int) -> None:
    """As a disk that is mounted there; others go on giving them."""
    give = fcntl.flock

    def answer(file: Any, operation: int) -> None:
        if Path(f"/proc/self/fd/{file.fileno()}").readlink().is_relative_to(below):
            refuse(number)()
        give(file, operation)

    monkeypatch.setattr(fcntl, "flock", answer)


def refuse_folder_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def answer(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            refuse(errno.EINVAL)()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", answer)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
def test_backups_need_neither_locks_nor_links_nor_synced_folders(
    place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    photo = a_photo()
    photo.sha256 = write_file(photo.file.name, b"a photo")
    photo.save()
    refuse_locks(monkeypatch, place, number)
    refuse_folder_sync(monkeypatch)
    monkeypatch.setattr(Path, "hardlink_to", refuse(errno.EPERM))
    assert verify_backup(make_backup(place)).is_sound
    assert not is_folder_locked(place)
    with hold_folder_lock(place, ""):
        assert is_folder_locked(place)
        with pytest.raises(BackupRunning, match="is being made"):
            make_backup(place)
    assert verify_backup(make_backup(place)).is_sound


def test_a_lock_that_smb_refuses_is_one_that_another_has(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_folder_lock(place, ""):
        pass
    refuse_locks(monkeypatch, place, errno.EACCES)
    assert is_folder_locked(place)


HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(30)
"""


@pytest.mark.django_db(transaction=True)
def test_the_database_is_copied_where_sqlite_gets_no_locks(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is never given: somebody else has it."""
    connect = database.sqlite3.connect
    holders: list[subprocess.Popen[str]] = []

    def connect_to_locked(address: Any, **options: Any) -> Any:
        command = [sys.executable, "-c", HOLD, str(next(place.glob(".part-*")) / "database.sqlite3")]
        holders.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout
        assert holders[-1].stdout.readline()
        return connect(address, **options)

    monkeypatch.setattr(database.sqlite3, "connect", connect_to_locked)
    try:
        make_backup(place)
        assert [holder.poll() for holder in holders] == [None]
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()
    assert verify_backup(list_backups(place)[0]).is_sound


@pytest.mark.django_db(transaction=True)
def test_a_folder_whose_disk_is_not_mounted_is_not_begun_anew_unasked(client: Client, place: Path) -> None:
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    run_scheduled_backup()
    disk = place.rename(place.with_name("unplugged"))
    place.mkdir()
    client.post(reverse("backups_act"), {"act": "backup"})
    make_requested_backup()
    look_after_data()
    assert list(place.iterdir()) == []
    for name in ("home", "backups"):
        assert "is empty, though backups were made there" in client.get(reverse(name)).content.decode()
    place.rmdir()
    disk.rename(place)
    look_after_data()  # makes the one that was asked for, too
    assert len(list_backups(place)) == 2
    assert "is empty, though" not in client.get(reverse("home")).content.decode()


@pytest.mark.django_db(transaction=True)
def test_somebody_may_begin_anew_in_an_emptied_folder(client: Client, place: Path) -> None:
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    run_scheduled_backup()
    place.rename(place.with_name("old"))
    look_after_data()
    call_command("backup", stdout=StringIO())
    assert "is empty, though" not in client.get(reverse("home")).content.decode()


def test_a_folder_that_can_do_it_all_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert try_folder(tmp_path, *disks.NEEDS) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


LACKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "rename": lambda patched: patched.setattr(Path, "replace", refuse(errno.EEXIST)),
    "names": lambda patched: patched.setattr(Path, "touch", refuse(errno.ENAMETOOLONG)),
    "locks": lambda patched: patched.setattr(fcntl, "flock", refuse(errno.ENOLCK)),
    "database": lambda patched: patched.setattr(disks.sqlite3, "connect", refuse(errno.ENOLCK)),
    "full": lambda patched: patched.setattr(os, "fsync", refuse(errno.ENOSPC)),
    "refused": lambda patched: patched.setattr(disks.tempfile, "mkdtemp", refuse(errno.EROFS)),
    str(errno.EIO): lambda patched: patched.setattr(os, "fsync", refuse(errno.EIO)),
}


@pytest.mark.parametrize("lack", LACKS)
def test_what_a_folder_cannot_do_is_named_and_nothing_is_left_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    with monkeypatch.context() as patched:
        LACKS[lack](patched)
        assert try_folder(tmp_path, "locks", "database", "full") == lack
    assert list(tmp_path.iterdir()) == []
    with translation.override("vi"):
        assert str(tmp_path) in say_problem(tmp_path, lack)
        assert say_problem(tmp_path, lack) != disks.say_in_english(tmp_path, lack)


def test_a_trial_that_another_process_takes_away_meanwhile_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / f"{disks.PREFIX}gone"
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter([gone]))
    assert try_folder(tmp_path) == ""


def test_a_trial_that_fails_without_an_answer_does_not_pass_for_a_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disks.find_problem(tmp_path, "locks") == ""
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert disks.find_problem(tmp_path, "locks") == "untried"


def test_locks_that_two_have_at_once_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda file, operation: None)
    assert try_folder(tmp_path, "locks") == "locks"


def test_each_sentence_says_which_folder_and_what_to_do() -> None:
    for problem in SENTENCES:
        said = disks.say_in_english(Path("/srv/somewhere"), problem)
        assert "/srv/somewhere" in said
        assert ": " in said


def test_the_start_says_that_backups_cannot_be_made(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place.touch()
    disks.check_backup_folder()
    assert capsys.readouterr().err == (
        f"{place} cannot be used (File exists): "
        "look whether its disk is mounted and sound, or choose another folder.\n"
    )


def test_the_command_says_first_what_the_folder_lacks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.management.commands.backup.find_problem", lambda folder: "names")
    with pytest.raises(CommandError, match="takes no long names"):
        call_command("backup")
    assert not place.exists()
