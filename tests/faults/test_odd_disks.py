"""Data and backups on real file systems of other kinds, and on disks that stop answering, vanish or are read-only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from facesite import disks
from facesite.disks import find_problem
from gallery.backup.create import make_backup
from gallery.backup.errors import BackupError
from gallery.backup.layout import list_backups
from gallery.backup.ledger import note_erasures
from gallery.backup.schedule import run_scheduled_backup
from gallery.backup.store import FileStore
from gallery.backup.verification import verify_backup
from gallery.maintenance.tasks import look_after_data
from gallery.models import Role
from gallery.models.storage import write_file
from tests.faults.scene import embedded
from tests.making import a_photo, a_user
from tests.mounts import Mount, mounted
from tests.site import ROOT, Site

pytestmark = [pytest.mark.servers, pytest.mark.slow]
DATA_NEEDS = ("locks", "database", "full")


@pytest.mark.parametrize(
    ("data", "backups"), [("ext4", "exfat"), ("xfs", "bind"), ("btrfs", "tmpfs"), ("overlay", "exfat")]
)
def test_a_site_on_one_kind_of_disk_is_backed_up_to_another_and_restored(
    data: str, backups: str, tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    with mounted(data, tmp_path / "data") as own, mounted(backups, tmp_path / "backups") as other:
        assert find_problem(own.folder / "site", *DATA_NEEDS) == ""
        place = other.folder / "kept"
        site = Site(own.folder / "site", FACESITE_BACKUP_DIR=str(place))
        site.json("import_photos", str(demo[1]))
        before = site.rows("SELECT name, sha256 FROM gallery_photo ORDER BY id")
        assert before
        for _ in range(2):
            site.manage("backup")
        assert "is sound" in site.manage("backup", "--verify")
        site.ask("Photo.objects.all().delete()\nanswer = 1")
        site.manage("restore", str(place), "--replace")
        assert site.rows("SELECT name, sha256 FROM gallery_photo ORDER BY id") == before
        assert site.json("check_files", "--hash")[0]["is_sound"]
        assert site.ask("answer = SiteSetting.objects.filter(pk='backup.folder').count()") == 0
        assert not list(place.glob(".*-*"))


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Mount]:
    with mounted("exfat", tmp_path) as found:
        yield found


@pytest.fixture
def place(exfat: Mount, settings: Any, own_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.INDEX_ROOT = own_data / "index"
    settings.BACKUP_DIR = exfat.folder / "kept"
    monkeypatch.setattr(disks, "ANSWER_SECONDS", 2)
    for number in range(3):
        photo = a_photo()
        photo.sha256 = write_file(photo.file.name, os.urandom(1000 + number))
        photo.save()
    return Path(settings.BACKUP_DIR)


def page(client: Client, name: str) -> str:
    return client.get(reverse(name)).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_backup_disk_that_does_not_answer_holds_nobody_up_and_is_said(
    client: Client, place: Path, exfat: Mount
) -> None:
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    run_scheduled_backup()
    exfat.signal_server(signal.SIGSTOP)
    try:
        look_after_data()
        assert "does not answer" in page(client, "backups")
        assert "does not answer" in page(client, "home")
        assert not note_erasures()
    finally:
        exfat.signal_server(signal.SIGCONT)
    look_after_data()
    assert "does not answer" not in page(client, "home")
    assert "1 backup is kept" in page(client, "backups")


@pytest.mark.django_db(transaction=True)
def test_a_backup_disk_that_vanishes_in_between_leaves_whole_backups_only(
    client: Client, place: Path, exfat: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(a_user("Admin", Role.ADMINISTRATOR))
    put = FileStore.put
    stored: list[Path] = []

    def pull_the_plug(store: FileStore, source: Path, expected: str) -> tuple[str, int]:
        if stored:
            exfat.signal_server(signal.SIGKILL)
        stored.append(source)
        return put(store, source, expected)

    monkeypatch.setattr(FileStore, "put", pull_the_plug)
    with pytest.raises(BackupError, match="cannot be used"):
        make_backup(place)
    monkeypatch.setattr(FileStore, "put", put)
    assert len(stored) == 2
    look_after_data()
    assert "look whether its disk is mounted" in page(client, "home")
    assert "look whether its disk is mounted" in page(client, "backups")
    exfat.remount()
    for backup in list_backups(place):
        assert verify_backup(backup).is_sound
    look_after_data()
    assert verify_backup(list_backups(place)[0]).files == 3
    assert not list(place.glob(".part-*"))
    assert "look whether its disk is mounted" not in page(client, "home")


STARTS = (
    ["manage.py", "setup"],
    ["manage.py", "serve"],
    ["-m", "facesite.server"],
    ["-m", "celery", "-q", "-A", "facesite", "worker"],
)


def test_nothing_starts_on_a_disk_that_is_read_only_and_each_says_so_in_one_sentence(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as disk:
        there, new = disk.folder / "there", disk.folder / "new"
        Site(there)
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        for folder, command in [(new, STARTS[0]), *((there, each) for each in STARTS)]:
            assert start(folder, command) == [
                f"Facesite may not write to {folder}: give its user the right to, or mount its disk for writing."
            ]


def start(folder: Path, command: list[str]) -> list[str]:
    """The lines with which a process refuses to start."""
    environment = {**os.environ, "FACESITE_DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done
    return done.stderr.splitlines()


def test_a_full_disk_is_said_at_the_start_and_a_cache_on_a_disk_of_its_own_is_tried_too(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted("tmpfs", tmp_path / "data") as data, mounted("ext4", tmp_path / "cache") as cache:
        settings.DATA_DIR = settings.MEDIA_ROOT = settings.INDEX_ROOT = data.folder
        settings.CACHE_ROOT = cache.folder
        with (data.folder / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, 30 << 20)
        disks.check_data_folders()
        assert f"The disk of {data.folder} is full or nearly so" in capsys.readouterr().err
        subprocess.run(["mount", "-o", "remount,ro", str(cache.folder)], check=True)
        with pytest.raises(SystemExit, match=f"may not write to {cache.folder}"):
            disks.check_data_folders()


def test_what_was_accepted_outlives_a_disk_that_fails_under_the_site(
    tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    """What was not synced by then is lost, as in a power cut."""
    failing = "The site cannot write to its disk. Tell your administrator, then try again."
    with mounted("ext4", tmp_path) as disk, embedded(disk.folder / "site", demo[0]) as scene:
        scene.start_web()
        scene.upload(2)
        disk.fail()
        content, name = scene.picture()
        assert scene.uploader.upload(content, name).sentence == failing
        assert scene.uploader.upload(content + os.urandom(4_000_000), name).sentence == failing
        scene.end_web()
        disk.repair()
        scene.start_web()
        scene.upload(1)
        scene.start_worker()
        scene.settle()
        scene.check()
        assert scene.leftovers() == []
