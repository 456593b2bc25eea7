"""The page on backups says how things stand; schedules, and warnings elsewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from gallery.backup import create as backup_create
from gallery.backup import schedule
from gallery.backup.errors import BackupError
from gallery.backup.layout import list_backups
from gallery.backup.schedule import (
    _make_progress_callback,
    get_backup_warning,
    is_backup_due,
    is_backup_overdue,
    is_verification_due,
    run_scheduled_backup,
)
from gallery.backup.store import hold_folder_lock
from gallery.maintenance import sanity_check
from gallery.maintenance.jobs import SANITY_CHECK_JOB
from gallery.maintenance.sanity_check import (
    find_file_problems,
    is_sanity_check_due,
    run_sanity_check,
)
from gallery.maintenance.tasks import check_files, look_after_data, make_backup, verify_backup
from gallery.models import Role, SiteSetting
from gallery.models.base import get_job
from gallery.models.storage import write_file
from tests.making import a_photo, a_user

pytestmark = pytest.mark.django_db(
    transaction=True
)  # SQLite's backup waits for a transaction of the test's own


@pytest.fixture
def place(settings: Any, tmp_path: Path, sent: list[Any]) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = settings.DATA_DIR / "media"
    settings.BACKUP_DIR = tmp_path / "backups"
    return tmp_path / "backups"


@pytest.fixture
def client(client: Client, place: Path) -> Client:
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    return client


def page(client: Client, name: str = "backups") -> str:
    return client.get(reverse(name)).content.decode()


def act(client: Client, word: str) -> None:
    assert client.post(reverse("backups_act"), {"act": word}).status_code == 302


def an_old_photo() -> None:
    photo = a_photo()
    type(photo).objects.filter(pk=photo.pk).update(added_at=timezone.now() - timedelta(days=5))


def in_days(days: float) -> Any:
    return timezone.now() + timedelta(days=days)


def test_a_restored_site_shows_the_backups_that_are_kept_as_made(client: Client) -> None:
    act(client, "backup")
    make_backup()
    SiteSetting.objects.filter(
        key=schedule.SUCCESS_SETTING
    ).delete()  # of which an older database knows nothing
    assert "None has been made yet." not in page(client)


def test_asked_for_it_waits_is_made_and_is_shown(client: Client, place: Path) -> None:
    assert "None has been made yet." in page(client)
    act(client, "backup")
    assert "A backup waits for a worker." in page(client)
    assert is_backup_due()
    make_backup()
    shown = page(client)
    assert "1 backup is kept" in shown
    assert "waits for a worker" not in shown
    assert not is_backup_due()


def test_a_failure_is_said_with_what_to_do_here_and_elsewhere(
    client: Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BackupError("The disk of /b is full. Make room there, then try again.")

    monkeypatch.setattr(schedule, "make_backup", fail)
    look_after_data()
    for name in ("backups", "home", "jobs"):
        assert "The last backup failed: The disk of /b is full." in page(client, name)
    assert not is_backup_due(), "it should not be tried again at once"
    assert is_backup_due(in_days(0.05))
    client.force_login(a_user("Curator", Role.CURATOR))
    assert "backup" not in page(client, "jobs")


def test_backups_are_made_by_themselves_and_so_many_kept(place: Path) -> None:
    with override_settings(BACKUP_HOURS=24, BACKUP_KEEP=2):
        assert is_backup_due()
        for _ in range(3):
            run_scheduled_backup()
        assert len(list_backups(place)) == 2
        assert not is_backup_due()
        assert is_backup_due(in_days(1.01))
    with override_settings(BACKUP_HOURS=0):
        assert not is_backup_due(in_days(100))


def test_a_backup_that_is_too_old_is_warned_of(client: Client, place: Path) -> None:
    assert not get_backup_warning(), "an empty site has nothing to lose"
    an_old_photo()
    assert "There is no backup of this site yet." in page(client, "home")
    run_scheduled_backup()
    assert not get_backup_warning()
    assert not is_backup_overdue(in_days(1.9))
    assert is_backup_overdue(in_days(2.1))
    with override_settings(BACKUP_HOURS=0):
        assert not is_backup_overdue(in_days(13))
        assert is_backup_overdue(in_days(15))


def test_one_that_runs_shows_how_far_it_is(client: Client, place: Path) -> None:
    _make_progress_callback()("photos", 50, 200)
    with hold_folder_lock(place, ""):
        shown = page(client)
        assert "Copying photos" in shown
        assert 'value="0.250"' in shown
        assert not is_backup_due()
        make_backup()
    assert not list_backups(place)


def test_the_page_says_when_the_same_disk_holds_both(client: Client, place: Path) -> None:
    assert "on the same disk" in page(client)


def test_a_folder_that_cannot_be_read_is_said(client: Client, place: Path) -> None:
    made = backup_create.make_backup(place)
    (made.folder / "manifest.json").write_text("{")
    assert "holds no backup that can be read" in page(client)


def test_the_check_of_files_stands_on_the_page_and_runs_daily(client: Client, place: Path) -> None:
    a_photo("lost.jpg")
    assert is_sanity_check_due()
    look_after_data()
    assert not is_sanity_check_due()
    assert is_sanity_check_due(in_days(1.1))
    assert "Photos and references whose file is gone: <b>1</b>" in page(client)
    act(client, "mend")
    assert get_job(SANITY_CHECK_JOB).is_waiting
    check_files(is_mending=True)
    assert "1 were marked as failed" in page(client)


def test_every_file_is_read_once_a_week(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    check = find_file_problems
    monkeypatch.setattr(
        sanity_check,
        "find_file_problems",
        lambda *, with_hash: asked.append(with_hash) or check(with_hash=with_hash),
    )
    run_sanity_check()
    run_sanity_check()
    assert asked == [True, False]


def test_the_newest_backup_is_tried_by_itself_and_a_bad_one_is_said_with_what_to_do(
    client: Client, place: Path
) -> None:
    photo = a_photo()
    photo.sha256 = write_file(photo.file.name, b"photo")
    photo.save()
    assert "None has been tried yet." in page(client)
    look_after_data()
    assert not is_verification_due()
    shown = page(client)
    assert "is whole" in shown
    assert "restored into a scratch place and agrees" in shown
    path = next(place.glob("files/??/*"))
    path.unlink()  # the photo's, too, if both are one file
    path.write_bytes(b"photx")
    act(client, "verify")
    verify_backup()
    for name in ("backups", "home", "jobs"):
        assert "1 file of the backup" in page(client, name)
    assert "The last one that was wholly in order was tried on" in page(client)
    assert "Make a backup: it stores anew what is damaged" in page(client)
    assert "Make a backup: it stores anew what is damaged" in page(client, "jobs")
    assert not is_verification_due(), "nothing has changed since"
    run_scheduled_backup()
    assert is_verification_due(), "the next backup should be tried at once"
    look_after_data()
    assert "1 file of the backup" not in page(client, "home")
    assert is_verification_due(in_days(7.01))
    with override_settings(BACKUP_VERIFY_DAYS=0):
        assert not is_verification_due(in_days(100))


def test_of_encrypted_backups_the_page_says_what_could_not_be_tried_and_which_are_plain(
    client: Client, place: Path
) -> None:
    look_after_data()
    assert "They are not encrypted" in page(client)
    with override_settings(BACKUP_KEYS=[str(pyrage.x25519.Identity.generate().to_public())]):
        assert page(client).count(">not encrypted<") == 1
        run_scheduled_backup()
        verify_backup()
        shown = page(client)
    assert "They are encrypted: nobody reads them without the key." in shown
    assert shown.count(">not encrypted<") == 1
    assert "could not be tried, as the key is not on this computer" in " ".join(shown.split())
    with override_settings(BACKUP_IDENTITY="/nowhere/key.txt"):
        verify_backup()
    assert "The file of the key, /nowhere/key.txt, cannot be read" in page(client, "home")
