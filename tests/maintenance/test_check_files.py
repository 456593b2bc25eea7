"""Rows without files, files without rows, and what mending does about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gallery.backup.create import make_backup
from gallery.maintenance import sanity_check
from gallery.maintenance.sanity_check import FILE_LOST, SanityReport, find_file_problems, mend_files
from gallery.models import Build, Photo, Reference, Status
from gallery.models.storage import get_media_path, remove_file, write_file
from tests.making import a_person, a_photo, a_reference

pytestmark = pytest.mark.django_db(
    transaction=True
)  # SQLite's backup waits for a transaction of the test's own


@pytest.fixture(autouse=True)
def data(settings: Any, own_data: Path, sent: list[Any]) -> Path:
    settings.INDEX_ROOT, settings.BACKUP_DIR = own_data / "index", own_data / "backups"
    return own_data


@pytest.fixture
def everything_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanity_check, "YOUNG_SECONDS", -1.0)


def a_kept_photo(content: bytes = b"photo") -> Photo:
    photo = a_photo()
    photo.sha256 = write_file(photo.file.name, content)
    photo.save()
    return photo


def mended(*, with_hash: bool = False) -> SanityReport:
    found = find_file_problems(with_hash=with_hash)
    mend_files(found)
    return found


def test_a_gallery_in_order_is_sound() -> None:
    a_kept_photo()
    found = find_file_problems(with_hash=True)
    assert (found.is_sound, found.rows, found.files) == (True, 1, 1)


def test_a_photo_whose_file_is_nowhere_is_marked_with_the_reason() -> None:
    photo, reference = a_photo(), a_reference(a_person())
    found = mended()
    assert {row.column.model for row in found.lost} == {Photo, Reference}
    assert len(found.failed) == 2
    photo.refresh_from_db()
    assert (photo.work, photo.failure_code) == (Status.FAILED, FILE_LOST)
    assert photo.failure_text.startswith("The file is gone from the disk")
    assert Reference.objects.get(pk=reference.pk).work == Status.FAILED


def test_a_lost_file_comes_back_from_a_backup_and_is_worked_on_again(data: Path) -> None:
    photo = a_kept_photo(b"precious")
    Path(photo.file.path).unlink()
    mended()
    write_file(photo.file.name, b"precious")
    make_backup(data / "backups")
    Path(photo.file.path).unlink()
    found = mended()
    assert found.restored == [photo.file]
    assert Path(photo.file.path).read_bytes() == b"precious"
    photo.refresh_from_db()
    assert (photo.work, photo.failure_text) == (Status.QUEUED, "")
    assert find_file_problems(with_hash=True).is_sound


def test_what_a_backup_holds_is_not_trusted_unread(data: Path) -> None:
    photo = a_kept_photo(b"precious")
    made = make_backup(data / "backups")
    Path(photo.file.path).unlink()
    kept = made.folder.parent / "files" / photo.sha256[:2] / photo.sha256
    kept.write_bytes(b"precioux")
    found = mended()
    assert (found.restored, found.failed) == ([], [photo.file])
    assert not Path(photo.file.path).exists()


def test_an_altered_file_is_found_by_its_content_and_replaced(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)  # a backup on another disk
    photo = a_kept_photo(b"right")
    make_backup(data / "backups")
    Path(photo.file.path).write_bytes(b"wrong")
    assert find_file_problems().is_sound
    found = mended(with_hash=True)
    assert [row.file for row in found.altered] == found.restored == [photo.file]
    assert Path(photo.file.path).read_bytes() == b"right"
    assert (data / "lost+found" / photo.file.name).read_bytes() == b"wrong"


@pytest.mark.usefixtures("everything_is_old")
def test_files_of_no_row_are_set_aside_and_never_deleted(data: Path) -> None:
    for content in (b"first", b"second"):
        write_file("photos/ab/stray.jpg", content)
        assert mended().quarantined == ["photos/ab/stray.jpg"]
    aside = data / "lost+found" / "photos" / "ab"
    assert {path.read_bytes() for path in aside.iterdir()} == {b"first", b"second"}
    assert find_file_problems().is_sound


def test_an_upload_in_flight_is_left_alone() -> None:
    """Its file is there before its row."""
    write_file("photos/ab/coming.jpg", b"photo")
    assert mended().quarantined == []
    assert get_media_path("photos/ab/coming.jpg").exists()


@pytest.mark.usefixtures("everything_is_old")
def test_a_row_that_came_since_the_check_keeps_its_file() -> None:
    write_file("photos/ab/late.jpg", b"photo")
    found = find_file_problems()
    assert found.orphans == ["photos/ab/late.jpg"]
    Photo.objects.create(file="photos/ab/late.jpg", name="late.jpg", sha256="x")
    mend_files(found)
    assert found.quarantined == []


def test_a_photo_erased_since_the_check_is_not_brought_back(data: Path) -> None:
    photo = a_kept_photo(b"private")
    make_backup(data / "backups")
    remove_file(photo.file.name)
    found = find_file_problems()
    photo.delete()
    mend_files(found)
    assert found.restored == []
    assert not Path(photo.file.path).exists()


@pytest.mark.usefixtures("everything_is_old")
def test_index_directories_of_no_build_go_while_none_is_built(data: Path) -> None:
    for name in ("kept", "stray"):
        (data / "index" / "dlib" / name).mkdir(parents=True)
    Build.objects.create(embedder_id="dlib", directory="dlib/kept", work=Status.DONE)
    running = Build.objects.create(embedder_id="dlib", work=Status.PROCESSING)
    assert find_file_problems().indexes == []
    running.delete()
    assert mended().indexes == ["dlib/stray"]
    assert [path.name for path in (data / "index" / "dlib").iterdir()] == ["kept"]
