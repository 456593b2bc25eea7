"""Half-written files of processes that died are removed; those of processes that live are not."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client, RequestFactory

from gallery.core.limits import remove_stale_files
from gallery.models import Photo, Role, Status
from gallery.photos.services import add_photo
from gallery.web.error_pages import explain_server_error, server_error
from tests.making import a_user
from tests.making_pictures import jpeg


@pytest.fixture(autouse=True)
def folders(settings: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for name in ("MEDIA_ROOT", "CACHE_ROOT", "BROKER_DIR", "FILE_UPLOAD_TEMP_DIR"):
        setattr(settings, name, tmp_path / name)
        (tmp_path / name).mkdir()
    return tmp_path


def a_file(path: Path, age: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.parametrize("name", ["MEDIA_ROOT/incoming/part-x", "FILE_UPLOAD_TEMP_DIR/x.upload.jpg"])
@pytest.mark.parametrize(("age", "is_gone"), [(10, False), (7_200, True), (-7_200, True)])
def test_an_old_file_or_one_from_the_future_goes(folders: Path, name: str, age: float, is_gone: bool) -> None:
    path = a_file(folders / name, age)
    assert remove_stale_files() == is_gone
    assert path.exists() != is_gone


def test_a_file_that_is_being_written_stays_however_old(folders: Path) -> None:
    path = a_file(folders / "MEDIA_ROOT/incoming/part-x", 7_200)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove_stale_files() == 0
    assert remove_stale_files() == 1


def test_a_picture_that_is_being_made_stays(folders: Path) -> None:
    a_file(folders / "CACHE_ROOT/photos/ab/.new-x", 7_200)
    lock = a_file(folders / "CACHE_ROOT/photos/ab/.lock", 0)
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove_stale_files() == 0
    assert remove_stale_files() == 1


@pytest.mark.django_db
def test_a_photo_whose_file_was_lost_is_whole_again_when_it_is_sent_again() -> None:
    user = a_user(role=Role.CURATOR)
    photo = add_photo(user, [jpeg()], "one.jpg").photo
    Path(photo.file.path).unlink()
    Photo.objects.update(work=Status.FAILED, failure="gone")
    assert add_photo(user, [jpeg()], "one.jpg").is_duplicate
    assert Path(photo.file.path).read_bytes() == jpeg()
    assert Photo.objects.get().work == Status.QUEUED


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("database is locked"), 503),
        (InterfaceError("connection already closed"), 503),
        (OperationalError("database or disk is full"), 507),
        (OSError(28, "No space left on device"), 507),
        (ValueError("a mistake"), 500),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_site_says_what_troubles_it(error: Exception, status: int, accept: str) -> None:
    request = RequestFactory().get("/", headers={"Accept": accept})
    try:
        raise error
    except type(error):
        response = server_error(request)
    assert response.status_code == status
    assert (response.headers.get("Retry-After") == "30") == (status == 503)
    if status != 500:
        assert explain_server_error(error).encode() in response.content


@pytest.mark.django_db
def test_a_page_answers_so_when_the_database_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(a_user())

    def away(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("gallery.web.operations.build_jobs_page", away)
    assert client.get("/jobs/").status_code == 503
