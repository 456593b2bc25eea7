"""The copy of a photo with names inside, as it is downloaded from the site and read by another program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery.models import OtherName, Person, Photo, User
from gallery.photos.services import add_photo
from gallery.privacy.erasure import erase_person
from tests import corpus
from tests.exif import EXIFTOOL, needs_exiftool, read_with_exiftool
from tests.making import a_face, a_named_face, a_person, a_photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent"), needs_exiftool]


@pytest.fixture
def photo(settings: Any, tmp_path: Path) -> Photo:
    """A photo that says where it was taken, with two people, a stranger and a face nobody cares about."""
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "sea.jpg").write_bytes(corpus.jpeg_with_position())
    made = a_photo("Trip to the sea.jpg")
    Photo.objects.filter(pk=made.pk).update(file="sea.jpg", width=64, height=48)
    made.refresh_from_db()
    for number, name in enumerate(("Nguyễn Thị Hoa", "Bảo")):
        a_named_face(a_person(name), made, left=6.4 + 16 * number, top=4.8, width=6.4, height=9.6)
    a_face(made, left=50.0)
    a_named_face(a_person("Nobody"), made, left=55.0, decision="ignored")
    return made


def downloaded(client: Any, photo: Photo, tmp_path: Path, query: str = "") -> dict[str, Any]:
    answer = client.get(reverse("photo_export", args=(photo.pk, "xmp")) + query)
    assert answer["Content-Disposition"].startswith("attachment")
    return read_with_exiftool(answer.content, tmp_path / "downloaded.jpg")


def test_each_name_stands_at_its_region_and_nothing_else_does(client, bao, photo, tmp_path):
    regions = downloaded(client, photo, tmp_path)["XMP-mwg-rs:RegionInfo"]
    found = {one["Name"]: one["Area"] for one in regions["RegionList"]}
    assert list(found) == ["Nguyễn Thị Hoa", "Bảo"]
    width, height = regions["AppliedToDimensions"]["W"], regions["AppliedToDimensions"]["H"]
    for number, area in enumerate(found.values()):
        assert area["X"] * width == pytest.approx(9.6 + 16 * number, abs=0.05)
        assert area["Y"] * height == pytest.approx(9.6, abs=0.05)
        assert (area["W"] * width, area["H"] * height) == pytest.approx((6.4, 9.6), abs=0.05)


def test_the_place_is_in_it_only_where_it_was_asked_for(client, bao, photo, tmp_path):
    assert not [key for key in downloaded(client, photo, tmp_path) if "GPS" in key]
    with_place = downloaded(client, photo, tmp_path, "?position")
    assert with_place["GPS:GPSLatitude"] == pytest.approx(48.858, abs=0.01)


def test_the_photo_that_was_uploaded_stays_as_it_was(client, bao, photo, settings, tmp_path):
    downloaded(client, photo, tmp_path)
    assert (tmp_path / "sea.jpg").read_bytes() == corpus.jpeg_with_position()


@pytest.fixture
def named_by_another_program(user: User, tmp_path: Path) -> Photo:
    """A photo in which a photo manager had named people, in fields of every sort."""
    path = tmp_path / "named.jpg"
    path.write_bytes(corpus.jpeg())
    told = ["-XMP-dc:Subject=Eva Ôld", "-XMP-dc:Subject=Beach", "-XMP-lr:HierarchicalSubject=People|Eva Ôld",
            "-XMP-iptcExt:PersonInImage=Eva Ôld", "-XMP-iptcExt:PersonInImage=Tom Gone",
            "-XMP-dc:Title=Anna and Tom Gone",
            "-IPTC:Keywords=Eva Ôld", "-EXIF:XPKeywords=Eva Ôld", "-EXIF:ImageDescription=with Ève old, at sea",
            "-XMP-iptcExt:PersonInImage=Anna", "-XMP-dc:Description=Évangeline"]  # fmt: skip
    assert EXIFTOOL
    subprocess.run([EXIFTOOL, "-q", "-overwrite_original", *told, str(path)], check=True)
    return add_photo(user, [path.read_bytes()], "named.jpg").photo


@pytest.mark.usefixtures("own_data")
@pytest.mark.parametrize("address", ["photo_export", "photo_original"])
def test_no_copy_names_who_may_not_be_recognised_or_was_erased(
    curator: Client, user: User, named_by_another_program: Photo, address: str, tmp_path: Path
) -> None:
    withheld = a_person("Eva Ôld")
    Person.objects.filter(pk=withheld.pk).update(is_recognised=False)
    OtherName.objects.create(person=withheld, name="Eve Old", key="eve old", search="eve old")
    erase_person(user, a_person("Tom Gone"))
    pk = named_by_another_program.pk
    page = reverse("photo_export", args=(pk, "xmp")) if address == "photo_export" else None
    content = curator.get(page or reverse("photo_original", args=(pk,)) + "?position=no").content
    answer = read_with_exiftool(content, tmp_path / "copy.jpg")
    assert not re.search("[eè]v[ea].[oô]ld|tom.gone", str(answer), re.IGNORECASE)
    assert answer["XMP-dc:Subject"] == ["Beach"]
    assert answer["XMP-iptcExt:PersonInImage"] == ["Anna"]
    assert answer["XMP-dc:Description"] == "Évangeline"


@pytest.mark.usefixtures("own_data")
def test_where_nobody_may_be_recognised_a_copy_names_nobody_the_site_knows(
    curator: Client, user: User, named_by_another_program: Photo, tmp_path: Path
) -> None:
    a_person("Anna")
    Photo.objects.update(is_recognised=False)
    content = curator.get(reverse("photo_export", args=(named_by_another_program.pk, "xmp"))).content
    assert "Anna" not in str(read_with_exiftool(content, tmp_path / "copy.jpg"))
