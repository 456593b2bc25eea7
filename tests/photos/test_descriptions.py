"""What people say of photos: favourites, captions, tags and ratings; who sees them, and how they are found."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from PIL import Image

from gallery.core.exceptions import ActionRefused
from gallery.history.redaction import ErasedObjects, redact_all_events
from gallery.history.undo import undo_events
from gallery.models import Album, Event, Photo, PhotoTag, Role, User
from gallery.photos.descriptions import describe_photo, list_tags, split_tags, tag_photos, untag_photos
from gallery.photos.search import parse_search_query, search_photos
from gallery.photos.services import add_photo
from gallery.privacy.erasure import erase_photos
from tests.making import a_person, a_photo, a_user
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def found(user: User, text: str) -> set[str]:
    query = QueryDict(mutable=True)
    query["q"] = text
    return {photo.name for photo in search_photos(user, parse_search_query(user, query))}


def tags_of(photo: Photo) -> list[str]:
    return list(photo.tags.values_list("name", flat=True))


def names_of_tags(user: User) -> list[tuple[str, int]]:
    return [(tag.name, tag.number) for tag in list_tags(user)]


def test_a_photo_is_described_on_its_page_and_one_undo_takes_all_back(curator: Client, user: User) -> None:
    photo = a_photo("a.jpg")
    describe_photo(user, photo, {"tags": split_tags("Old")})
    address = reverse("photo_describe", args=(photo.pk,))
    shown = {"initial-caption": "", "initial-rating": "", "initial-tags": "Old"}
    curator.post(address, {**shown, "caption": "At the\nlake", "tags": "Summer,  lake", "rating": "4"})
    page = curator.get(reverse("photo", args=(photo.pk,))).content.decode()
    assert "At the<br>lake" in page
    assert "★★★★" in page
    assert tags_of(photo) == ["lake", "Summer"]
    undo_events(user, Event.objects.filter(verb="photo.describe").latest("pk"))
    photo.refresh_from_db()
    assert (photo.caption, photo.rating, tags_of(photo)) == ("", None, ["Old"])


def test_who_comes_second_to_a_caption_is_told(curator: Client) -> None:
    photo = a_photo(caption="Now")
    answer = curator.post(
        reverse("photo_describe", args=(photo.pk,)),
        {"caption": "Mine", "initial-caption": "Before", "initial-rating": "", "rating": "", "tags": ""},
    )
    assert "it was “Before” and is now “Now”" in answer.content.decode()
    assert Photo.objects.get().caption == "Now"


def test_a_tag_that_somebody_has_added_meanwhile_stays(curator: Client, user: User) -> None:
    photo = a_photo()
    tag_photos(user, [photo], split_tags("lake"))
    address = reverse("photo_describe", args=(photo.pk,))
    hidden = '<input type="hidden" name="initial-tags" value="lake"'
    assert hidden in curator.get(address).content.decode()
    tag_photos(user, [photo], split_tags("camp"))
    shown = {"initial-caption": "", "initial-rating": "", "initial-tags": "lake"}
    answer = curator.post(address, {**shown, "caption": "Mine", "rating": "", "tags": "lake"})
    assert "it was “lake” and is now “camp, lake”" in answer.content.decode()
    assert tags_of(photo) == ["camp", "lake"]


def test_a_tag_whose_key_is_too_long_is_refused() -> None:
    with pytest.raises(ActionRefused, match="too long"):
        split_tags("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 60)


def test_a_name_among_tags_is_erased_from_the_history(user: User) -> None:
    photo = a_photo()
    tag_photos(user, [photo], split_tags("Anna, lake"))
    untag_photos(user, [photo], split_tags("lake, ANNA"))
    assert redact_all_events(ErasedObjects(names=frozenset({"Anna"}))) == 2
    assert "anna" not in str(list(Event.objects.values("summary", "undo"))).lower()
    assert "lake" in str(list(Event.objects.values("undo")))


def test_many_photos_are_tagged_captioned_and_rated_and_each_act_is_undone(
    curator: Client, user: User
) -> None:
    photos = [a_photo(), a_photo()]
    data = {"photo": [photo.pk for photo in photos], "next": "/photos/"}
    given = {"tags": "Trip, Lake", "caption": "All of us", "rating": "5"}
    for word in ("tag", "caption", "rate"):
        curator.post(reverse("photos_act"), {**data, **given, "do": word})
    assert [tags_of(photo) for photo in photos] == [["Lake", "Trip"]] * 2
    assert set(Photo.objects.values_list("caption", "rating")) == {("All of us", 5)}
    curator.post(reverse("photos_act"), {**data, "do": "untag", "tags": "LAKE"})
    assert tags_of(photos[0]) == ["Trip"]
    for event in Event.objects.filter(verb__startswith="photos.").order_by("-pk"):
        undo_events(user, event)
    assert not PhotoTag.objects.exists()
    assert set(Photo.objects.values_list("caption", "rating")) == {("", None)}


def test_a_tag_is_one_whatever_its_case_and_spelled_as_before(user: User) -> None:
    one, two = a_photo(), a_photo()
    tag_photos(user, [one], split_tags("Tết"))
    tag_photos(user, [two], split_tags("TẾT"))
    tag_photos(user, [two], split_tags("tet"))
    assert names_of_tags(user) == [("tet", 1), ("Tết", 2)]


def test_of_hidden_photos_no_tag_caption_or_count_is_seen(client: Client) -> None:
    mai, other = a_user("Mai"), a_user("Other")
    board = Album.objects.create(name="Board", is_limited=True, created_by=mai)
    hidden, seen = a_photo("hidden.jpg", album=board), a_photo("seen.jpg")
    describe_photo(mai, hidden, {"caption": "Secret words"})
    tag_photos(mai, [hidden, seen], split_tags("Trip"))
    tag_photos(mai, [hidden], split_tags("Board meeting"))
    assert names_of_tags(mai) == [("Board meeting", 1), ("Trip", 2)]
    assert names_of_tags(other) == [("Trip", 1)]
    client.force_login(other)
    assert client.get(reverse("tag"), {"name": "Board meeting"}).status_code == 302
    assert client.get(reverse("tag"), {"name": "trip"}).context["tag"].number == 1
    for page in (reverse("tags"), reverse("photos"), reverse("history")):
        assert "Board meeting" not in client.get(page).content.decode()
    assert found(other, "tag:board meeting") == found(other, "secret") == set()
    assert found(mai, "tag:board meeting") == found(mai, "secret") == {"hidden.jpg"}
    client.post(reverse("photos_favourite"), {"photo": [hidden.pk], "on": "1"})
    assert not other.favourite_photos.exists()


def test_the_search_finds_captions_tags_favourites_and_stars(user: User) -> None:
    lake, hill = a_photo("lake.jpg", rating=4), a_photo("hill.jpg", rating=2)
    describe_photo(user, lake, {"caption": "Mùa hè\nở hồ", "tags": split_tags("Summer camp")})
    user.favourite_photos.add(hill)
    assert found(user, "mua he o ho") == {"lake.jpg"}
    assert found(user, "summer") == found(user, "tag: SUMMER camp") == {"lake.jpg"}
    assert found(user, "tag:summer") == set()
    assert found(user, "favourite") == {"hill.jpg"}
    assert found(user, "rating:2") == {"lake.jpg", "hill.jpg"}
    assert found(user, "rating:2, favourite") == {"hill.jpg"}
    assert found(user, "tag:summer camp, lake") == {"lake.jpg"}
    assert found(a_user("Other"), "favourite") == set()


def test_a_person_called_like_a_filter_is_found(user: User) -> None:
    person = a_person("tag:Anna")
    query = QueryDict(mutable=True)
    query["q"] = "tag:Anna"
    asked = parse_search_query(user, query)
    assert (asked.text, asked.tags) == (person.name, ())


def test_favourites_are_each_users_own_and_viewers_have_them(client: Client) -> None:
    viewer, other, photo = a_user("Viewer", Role.VIEWER), a_user("Other"), a_photo("a.jpg")
    client.force_login(viewer)
    client.post(reverse("photos_favourite"), {"photo": [photo.pk], "on": "1", "next": "/photos/"})
    assert list(viewer.favourite_photos.all()) == [photo]
    assert 'aria-pressed="true"' in client.get(reverse("photo", args=(photo.pk,))).content.decode()
    shown = client.get(reverse("photos"), {"show": "favourites"}).context["page"].rows
    assert shown == [photo]
    client.force_login(other)
    assert not client.get(reverse("photos"), {"show": "favourites"}).context["page"].rows
    client.force_login(viewer)
    client.post(reverse("photos_favourite"), {"photo": [photo.pk], "on": "0"})
    assert not viewer.favourite_photos.exists()


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:Rating="{}"/></x:xmpmeta>'


def rated_jpeg(**saved: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "olive").save(file, "JPEG", **saved)
    return file.getvalue()


def rated_by_exif(stars: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x4746] = stars
    return exif


@pytest.mark.parametrize(
    ("saved", "rating"),
    [
        ({"xmp": XMP.format(4).encode()}, 4),
        ({"xmp": XMP.format("3.0").encode()}, 3),
        ({"xmp": b"<xmp:Rating>2</xmp:Rating>"}, 2),
        ({"xmp": XMP.format(-1).encode()}, None),
        ({"exif": rated_by_exif(5)}, 5),
        ({"exif": rated_by_exif(99)}, None),
        ({}, None),
    ],
)
def test_the_rating_in_a_file_is_read(user: User, saved: dict[str, Any], rating: int | None) -> None:
    add_photo(user, [rated_jpeg(**saved)], "rated.jpg")
    assert Photo.objects.get().rating == rating


def test_an_erased_photo_leaves_no_caption_or_tag_behind(user: User) -> None:
    photo = add_photo(user, [jpeg()], "a.jpg").photo
    describe_photo(user, photo, {"caption": "Of Anna", "tags": split_tags("Family")})
    describe_photo(user, photo, {"caption": "", "tags": {}})
    erase_photos(user, [photo])
    assert not PhotoTag.objects.exists()
    kept = str(list(Event.objects.values_list("summary", "undo")))
    assert "Anna" not in kept
    assert "Family" not in kept
