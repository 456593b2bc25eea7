"""What a backup holds, how many are kept, and what it says of what is amiss."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test.utils import override_settings
from django.utils import timezone

from gallery.backup.create import ProgressCallback, make_backup
from gallery.backup.errors import BackupDamaged, BackupError, BackupRunning
from gallery.backup.layout import collect_settings, find_backup, list_backups, list_kept_backups
from gallery.backup.restore import RestoreResult, _list_erased_since
from gallery.backup.store import FileStore, hold_folder_lock
from gallery.backup.verification import verify_backup
from gallery.models import Companion, Erasure, Photo
from gallery.models.storage import remove_file, write_file
from tests.making import a_person, a_photo, a_reference

pytestmark = pytest.mark.django_db(transaction=True)  # a transaction of the test's own would never end


@pytest.fixture
def place(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = settings.DATA_DIR / "media"
    settings.INDEX_ROOT = settings.DATA_DIR / "index"
    settings.BACKUP_DIR = tmp_path / "backups"
    return tmp_path / "backups"


def a_kept_photo(content: bytes, **columns: Any) -> Photo:
    photo = a_photo(**columns)
    photo.sha256 = write_file(photo.file.name, content)
    photo.save()
    return photo


def names(place: Path) -> list[str]:
    return [entry.name for entry in find_backup(place).entries()]


def stored(place: Path) -> set[bytes]:
    return {path.read_bytes() for path in place.glob("files/??/*")}


def test_a_backup_holds_the_database_and_every_file_once(place: Path) -> None:
    a_kept_photo(b"one", name="one.jpg")
    a_kept_photo(b"one", name="copy.jpg", copy=1)
    reference = a_reference(a_person())
    reference.sha256 = write_file(reference.image.name, b"crop")
    reference.save()
    beside = Companion(
        photo=Photo.objects.get(copy=1), kind="video", name="one.mov", file="photos/on/one.mov"
    )
    beside.sha256 = write_file(beside.file.name, b"video")
    beside.save()
    made = make_backup(place)
    assert len(names(place)) == 4
    assert stored(place) == {b"one", b"crop", b"video"}
    assert made.manifest.counts == {
        "photos": 2,
        "people": 1,
        "references": 1,
        "faces": 0,
        "albums": 0,
        "users": 0,
    }
    assert "0001_initial" in made.manifest.migrations["gallery"]
    with sqlite3.connect(made.database) as database:
        rows = database.execute("SELECT name FROM gallery_photo ORDER BY id").fetchall()
    assert rows == [("one.jpg",), ("copy.jpg",)]
    assert verify_backup(made).is_sound


def test_its_sums_are_what_sha256sum_expects(place: Path) -> None:
    made = make_backup(place)
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=made.folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_next_backup_takes_only_what_is_new(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_kept_photo(b"old")
    make_backup(place)
    a_kept_photo(b"new")
    brought: list[str] = []
    bring = FileStore._bring
    monkeypatch.setattr(
        FileStore,
        "_bring",
        lambda store, source, part: brought.append(source.name) or bring(store, source, part),
    )
    make_backup(place)
    assert len(brought) == 1
    assert stored(place) == {b"old", b"new"}


def test_the_oldest_go_with_the_files_that_only_they_held(place: Path) -> None:
    gone = a_kept_photo(b"gone")
    make_backup(place, keep=2)
    gone.delete()
    a_kept_photo(b"stays")
    make_backup(place, keep=2)
    assert stored(place) == {b"gone", b"stays"}
    make_backup(place, keep=2)
    assert len(list_backups(place)) == 2
    assert stored(place) == {b"stays"}


def test_each_backup_says_when_it_will_be_gone(place: Path) -> None:
    with override_settings(BACKUP_KEEP=3, BACKUP_HOURS=24):
        for _ in range(2):
            make_backup(place, keep=3)
        newest, oldest = list_kept_backups()
        assert newest.expires_at == newest.made_at + timedelta(days=3)
        assert oldest.expires_at == newest.made_at + timedelta(days=2)
    with override_settings(BACKUP_HOURS=0):
        assert list_kept_backups()[0].expires_at is None


def test_a_file_that_was_lost_before_is_said_and_the_rest_kept(place: Path) -> None:
    lost, kept = a_kept_photo(b"lost"), a_kept_photo(b"kept")
    remove_file(lost.file.name)
    made = make_backup(place)
    assert made.manifest.missing == [lost.file]
    assert names(place) == [f"media/{kept.file}"]


def test_a_file_that_changed_is_kept_as_it_is_and_said(place: Path) -> None:
    photo = a_kept_photo(b"right")
    Path(photo.file.path).write_bytes(b"wrong")
    made = make_backup(place)
    assert made.manifest.altered == [photo.file]
    assert verify_backup(made).is_sound


def at(step: str, act: Any) -> ProgressCallback:
    """Do this once, when the backup has come to that step."""
    waiting = [act]

    def progress(name: str, done: int, total: int) -> None:
        if name == step and waiting:
            waiting.pop()()

    return progress


def test_a_photo_added_before_the_database_is_copied_is_in_with_its_file(place: Path) -> None:
    a_kept_photo(b"first")
    made = make_backup(place, progress=at("database", lambda: a_kept_photo(b"second")))
    assert made.manifest.counts["photos"] == 2
    assert stored(place) == {b"first", b"second"}


def test_a_photo_that_comes_and_goes_around_the_copy_is_not_half_in_it(place: Path) -> None:
    """It is in the first copy of the database, and its file is gone when the files are looked for."""
    a_kept_photo(b"first")
    held: list[Photo] = []

    def remove() -> None:
        remove_file(held[0].file.name)
        held[0].delete()

    def progress(name: str, done: int, total: int) -> None:
        if name == "database" and not held:
            held.append(a_kept_photo(b"short-lived"))
        elif name == "new files" and held and held[0].pk:
            remove()

    made = make_backup(place, progress=progress)
    assert made.manifest.counts["photos"] == 1
    assert made.manifest.missing == []
    assert stored(place) == {b"first"}


def test_a_photo_removed_after_its_file_was_taken_is_in_whole_or_not_at_all(place: Path) -> None:
    a_kept_photo(b"first")
    photo = a_kept_photo(b"second")

    def remove() -> None:
        remove_file(photo.file.name)
        photo.delete()

    made = make_backup(place, progress=at("database", remove))
    assert (made.manifest.counts["photos"], made.manifest.missing) == (1, [])
    assert len(names(place)) == 1
    assert stored(place) == {b"first"}


def test_two_backups_at_once_are_refused(place: Path) -> None:
    with hold_folder_lock(place, ""), pytest.raises(BackupRunning, match="is being made"):
        make_backup(place)


def test_damage_is_found(place: Path) -> None:
    photo = a_kept_photo(b"right")
    made = make_backup(place)
    path = made.folder.parent / "files" / photo.sha256[:2] / photo.sha256
    path.unlink()
    path.write_bytes(b"wrong")
    assert verify_backup(made).damaged == [f"media/{photo.file}"]
    path.unlink()
    assert verify_backup(made).missing == [f"media/{photo.file}"]
    (made.folder / "files.jsonl").write_text("")
    with pytest.raises(BackupDamaged, match="cannot be relied on"):
        verify_backup(made)


def test_a_changed_manifest_is_found(place: Path) -> None:
    made = make_backup(place)
    path = made.folder / "manifest.json"
    path.write_text(path.read_text().replace('"photos": 0', '"photos": 9'))
    with pytest.raises(BackupDamaged):
        verify_backup(find_backup(place))


def test_a_list_may_not_lead_out_of_the_data_directory(place: Path) -> None:
    made = make_backup(place)
    line = {"name": "media/../../../etc/passwd", "sha256": "0" * 64, "bytes": 1}
    (made.folder / "files.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(BackupDamaged, match="may not hold"):
        list(made.entries())


def test_what_is_no_backup_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="There is no backup in"):
        find_backup(tmp_path)


def test_a_backup_holds_no_secret_settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESITE_SECRET_KEY", "swordfish")
    monkeypatch.setenv("FACESITE_EMAIL_PASSWORD", "swordfish")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:swordfish@db/facesite")
    monkeypatch.setenv("FACESITE_TIME_ZONE", "Asia/Ho_Chi_Minh")
    kept = collect_settings()
    assert kept["FACESITE_TIME_ZONE"] == "Asia/Ho_Chi_Minh"
    assert "swordfish" not in json.dumps(kept)


def test_only_its_owner_may_read_a_backup(place: Path) -> None:
    assert make_backup(place).folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_where_no_hard_link_is_possible_a_backup_gets_copies_that_share_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", refuse)
    photo = a_kept_photo(b"one")
    made = make_backup(place)
    Path(photo.file.path).write_bytes(b"overwritten")
    assert verify_backup(made).is_sound


def test_a_backup_on_another_mount_of_the_same_disk_is_whole(place: Path, tmp_path: Path) -> None:
    place.mkdir()
    (tmp_path / "elsewhere").mkdir()
    if subprocess.run(["mount", "--bind", tmp_path / "elsewhere", place], capture_output=True).returncode:
        pytest.skip("NOT TESTED: no folder can be mounted here")
    try:
        a_kept_photo(b"one")
        made = make_backup(place)
        assert verify_backup(made).is_sound
        assert stored(place) == {b"one"}
    finally:
        subprocess.run(["umount", place], check=True)


def test_what_was_erased_after_a_backup_is_listed_by_its_receipt(place: Path) -> None:
    made = make_backup(place)
    moments = {"before": made.manifest.made_at - timedelta(hours=1), "after": timezone.now()}
    rows = {name: Erasure.objects.create(kind=Erasure.Kind.PERSON) for name in moments}
    for name, at in moments.items():
        Erasure.objects.filter(pk=rows[name].pk).update(at=at)
    found = _list_erased_since(made)
    assert [(one["kind"], one["receipt"]) for one in found] == [("person", str(rows["after"].receipt))]


def test_the_command_says_what_may_be_back(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = RestoreResult("one", "2026-01-01", {"photos": 1, "references": 2, "users": 3})
    done.erased_since = [{"kind": "photo", "at": "2026-01-02T10:30:00+00:00", "receipt": "1234"}]
    monkeypatch.setattr("gallery.backup.restore.restore_backup", lambda *_, **__: done)
    place.mkdir(exist_ok=True)
    call_command("restore", str(place))
    said = capsys.readouterr().err
    assert (
        "A photo erased here at 2026-01-02T10:30, after the backup was made, may be back (receipt 1234"
        in said
    )
