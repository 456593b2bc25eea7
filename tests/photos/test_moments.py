"""Photos know when they were taken, what says so, and how exactly."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from gallery.history.undo import undo_events
from gallery.maintenance.rereading import reread_files
from gallery.models import Event, Photo, User
from gallery.models.storage import write_file
from gallery.photos.services import add_photo, set_taken_at
from tests import corpus
from tests.making import a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def taken(at: str, zone: str = "+09:00") -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: at, 0x9011: zone})
    return corpus.jpeg(exif=exif)


def test_the_zone_that_a_file_says_counts() -> None:
    tokyo = add_photo(None, [taken("2024:01:01 08:30:00")], "a.jpg").photo
    paris = add_photo(None, [taken("2024:01:01 00:31:00", "+01:00")], "b.jpg").photo
    assert (paris.taken_at - tokyo.taken_at).total_seconds() == 60
    assert (tokyo.taken_source, tokyo.taken_precision) == ("exif", "second")


def test_an_import_asks_the_file_its_name_its_folder_and_its_time_in_that_order(tmp_path: Path) -> None:
    root = tmp_path / "1967 summer"
    root.mkdir()
    for number, name in enumerate(("IMG-20240203-WA0001.jpg", "a.jpg")):
        (root / name).write_bytes(corpus.jpeg(64 + number))
    (root / "b.jpg").write_bytes(taken("2019:07:04 12:30:00"))
    (tmp_path / "plain").mkdir()
    last = tmp_path / "plain" / "c.jpg"
    last.write_bytes(corpus.jpeg(70))
    os.utime(last, (1_600_000_000, 1_600_000_000))
    for folder in (root, last.parent):
        call_command("import_photos", str(folder), "--json")
    found = {photo.name: photo for photo in Photo.objects.all()}
    assert {name: photo.taken_source for name, photo in found.items()} == {
        "IMG-20240203-WA0001.jpg": "name",
        "a.jpg": "folder",
        "b.jpg": "exif",
        "c.jpg": "file",
    }
    assert found["c.jpg"].taken_at == datetime.fromtimestamp(1_600_000_000, ZoneInfo("UTC"))
    assert timezone.localtime(found["a.jpg"].taken_at).year == 1967


def test_the_page_says_when_no_more_exactly_than_it_is_known_and_what_says_so(
    curator: Client, user: User
) -> None:
    photo = add_photo(user, [corpus.jpeg()], "1931-12-31 grandmother.jpg").photo
    page = curator.get(reverse("photo", args=(photo.pk,))).content.decode()
    assert "Dec. 31, 1931" in page
    assert "from the file's name" in page.replace("&#x27;", "'")
    Photo.objects.update(taken_precision="year")
    page = curator.get(reverse("photo", args=(photo.pk,))).content.decode()
    assert "1931" in page
    assert "Dec. 31" not in page


def test_what_somebody_says_is_theirs_and_undone_as_it_was() -> None:
    user = a_user()
    photo = add_photo(user, [corpus.jpeg()], "1931-12-31.jpg").photo
    before = (photo.taken_at, photo.taken_source, photo.taken_precision)
    event = set_taken_at(user, photo, datetime(1931, 6, 1, 10, tzinfo=ZoneInfo("UTC")))
    photo.refresh_from_db()
    assert photo.taken_source == "person"
    undo_events(user, event)
    photo.refresh_from_db()
    assert (photo.taken_at, photo.taken_source, photo.taken_precision) == before


def test_older_photos_get_their_moments_unless_somebody_has_said_them() -> None:
    user, noon = a_user(), datetime(2000, 1, 1, 12, tzinfo=ZoneInfo("UTC"))
    old = {name: a_photo(name=name, reading=1) for name in ("20240203_101112.jpg", "said.jpg", "zone.jpg")}
    for name, photo in old.items():
        write_file(photo.file.name, taken("2019:07:04 12:30:00") if name == "zone.jpg" else corpus.jpeg())
    set_taken_at(user, old["said.jpg"], noon)
    Photo.objects.update(taken_source="", taken_precision="")  # as an earlier version left them
    Photo.objects.filter(name="zone.jpg").update(
        taken_at=datetime(2019, 7, 4, 12, 30, tzinfo=ZoneInfo("UTC"))
    )
    reread_files()
    found = {photo.name: photo for photo in Photo.objects.all()}
    assert found["20240203_101112.jpg"].taken_source == "name"
    assert (found["said.jpg"].taken_at, found["said.jpg"].taken_source) == (noon, "person")
    assert found["zone.jpg"].taken_at == datetime(2019, 7, 4, 3, 30, tzinfo=ZoneInfo("UTC"))
    assert Event.objects.filter(verb="photo.taken").count() == 1
