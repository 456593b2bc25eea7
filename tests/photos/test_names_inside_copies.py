"""The copy of a photo with names inside, as it is downloaded from the site and read by another program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from gallery.models import Photo
from tests import corpus
from tests.exif import needs_exiftool, read_with_exiftool
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
