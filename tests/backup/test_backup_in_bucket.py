"""Backups of a site in a bucket lie there, too: made, verified, mended and pruned as in a folder."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facesite.buckets import Bucket, describe_storages
from gallery.backup.create import make_backup
from gallery.backup.layout import find_backup, list_backups
from gallery.backup.ledger import LEDGER_FOLDER, note_erasures
from gallery.backup.store import list_copies
from gallery.backup.verification import set_aside_damaged_files, verify_backup
from gallery.models import Photo
from gallery.models.storage import write_file
from gallery.privacy.erasure import erase_photos
from tests import buckets
from tests.buckets import NAME, PREFIX, Store
from tests.making import a_photo, a_user

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with buckets.a_store() as store:
        yield store


@pytest.fixture
def place(server: Store, settings: Any, own_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of backups of a site in the bucket, which has two photos."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    settings.INDEX_ROOT, settings.BACKUP_DIR = own_data / "index", own_data / "backups"
    settings.STORAGE, settings.BACKUPS_IN_BUCKET = Bucket(NAME, PREFIX), True
    settings.STORAGES = {**settings.STORAGES, **describe_storages(settings.STORAGE)}
    for key in server.contents():
        server.client.delete_object(Bucket=NAME, Key=key)
    for content in (b"one", b"two"):
        sha256 = hashlib.sha256(content).hexdigest()
        a_photo(file=f"photos/{sha256[:2]}/{sha256}.jpg", sha256=sha256)
        write_file(Photo.objects.latest("pk").file.name, content)
    return Path(settings.BACKUP_DIR)


def kept(server: Store) -> dict[str, bytes]:
    """What is in the bucket of backups."""
    start = f"{PREFIX}/backups/"
    return {
        key.removeprefix(start): content
        for key, content in server.contents().items()
        if key.startswith(start)
    }


def files(server: Store) -> set[bytes]:
    return {content for name, content in kept(server).items() if name.startswith("files/")}


def test_a_backup_is_in_the_bucket_alone_and_another_host_reads_it(server: Store, place: Path) -> None:
    made = make_backup(place)
    assert files(server) == {b"one", b"two"}
    assert f"{made.folder.name}/database.sqlite3" in kept(server)
    assert not [
        path
        for path in place.rglob("*")
        if path.name.startswith("database") or path.parent.parent.name == "files"
    ]
    shutil.rmtree(place)  # as on another host
    found = find_backup(place)
    assert found.folder == made.folder
    assert verify_backup(found).is_sound
    assert {entry.name for entry in found.entries()} == {
        f"media/{photo.file}" for photo in Photo.objects.all()
    }


def test_a_damaged_file_is_found_and_stored_anew(server: Store, place: Path, own_data: Path) -> None:
    make_backup(place)
    sha256 = hashlib.sha256(b"one").hexdigest()
    key = f"{PREFIX}/backups/files/{sha256[:2]}/{sha256}"
    noted = server.client.head_object(Bucket=NAME, Key=key)["Metadata"]
    server.client.put_object(Bucket=NAME, Key=key, Body=b"0ne", Metadata=noted)
    found = verify_backup(find_backup(place))
    assert (len(found.damaged), found.missing) == (1, [])
    set_aside_damaged_files(place, found)
    assert verify_backup(find_backup(place)).missing
    make_backup(place)
    assert verify_backup(find_backup(place)).is_sound
    assert list_copies(place, sha256) == [place / "files" / sha256[:2] / sha256]
    assert not [path for path in (own_data / "cache/stored/backups").rglob("*") if path.is_file()]


def test_old_backups_go_with_the_files_that_only_they_held(server: Store, place: Path) -> None:
    old = make_backup(place)
    Photo.objects.earliest("pk").delete()
    new = make_backup(place, keep=1)
    assert [each.folder for each in list_backups(place)] == [new.folder]
    assert files(server) == {b"two"}
    assert not [name for name in kept(server) if name.startswith(f"{old.folder.name}/")]


def test_what_a_killed_backup_left_is_no_backup_and_goes(server: Store, place: Path) -> None:
    made = make_backup(place)
    server.client.delete_object(Bucket=NAME, Key=f"{PREFIX}/backups/{made.folder.name}/manifest.json")
    assert list_backups(place) == []
    make_backup(place)
    assert len(list_backups(place)) == 1
    assert len({name.split("/")[0] for name in kept(server) if name[0] == "2"}) == 1


def test_an_erasure_is_noted_in_the_bucket(server: Store, place: Path) -> None:
    erasure = erase_photos(a_user(), [Photo.objects.earliest("pk")])
    assert note_erasures()
    assert [name for name in kept(server) if name.startswith(LEDGER_FOLDER) and str(erasure.receipt) in name]
