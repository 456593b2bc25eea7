"""From photo to photo in the order one came from."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from gallery.models import Album, Decision, Photo, PhotoTag, Role, User
from gallery.models.photos import PhotoOrder
from gallery.photos.albums import list_photos_in_album
from gallery.photos.ordering import order_photos
from gallery.photos.sharing import share_album
from gallery.web.navigation import album_navigation_key, get_photo_url
from tests.making import a_face, a_named_face, a_person, a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


@pytest.fixture
def trip() -> tuple[Album, list[Photo]]:
    """An album of three photos, with others between them."""
    album = Album.objects.create(name="Trip", search="trip")
    found = []
    for _number in range(3):
        a_photo()
        found.append(a_photo(album=album))
    a_photo()
    return album, found


def walked(client: Any, page: str) -> list[int]:
    """Photos met from the first tile of a page on, by the button to the older one."""
    first = re.search(r'<a href="(/photos/\d+/[^"]*)"', client.get(page).content.decode())
    address, met = first[1] if first else "", []
    while address:
        shown = client.get(address.replace("&amp;", "&"))
        met.append(shown.context["photo"].pk)
        older = re.search(r'href="([^"]*)"[^>]* data-key="\]"', shown.content.decode())
        address = older[1] if older else ""
    return met


def pks(photos: list[Photo]) -> list[int]:
    return [photo.pk for photo in reversed(photos)]


def test_from_an_album_one_goes_through_the_album(client, bao, trip):
    album, photos = trip
    assert walked(client, reverse("album", args=(album.pk,))) == pks(photos)


def test_from_all_photos_one_goes_through_all(client, bao, trip):
    everything = list(Photo.objects.order_by("-pk").values_list("pk", flat=True))
    assert walked(client, reverse("photos")) == everything
    assert walked(client, reverse("home")) == everything


def test_from_a_person_one_goes_through_their_photos_and_their_year(client, bao):
    anna, old = a_person("Anna"), datetime(2020, 5, 1, tzinfo=UTC)
    photos = [a_photo(taken_at=old), a_photo(), a_photo(taken_at=old), a_photo()]
    for photo in (photos[0], photos[2], photos[3]):
        a_named_face(anna, photo)
    page = reverse("person", args=(anna.pk,))
    assert walked(client, page) == pks([photos[0], photos[2], photos[3]])
    assert walked(client, f"{page}?year=2020") == pks([photos[0], photos[2]])


def test_from_a_search_one_goes_through_what_was_found(client, bao):
    anna, eva = a_person("Anna & Co"), a_person("Eva")
    both, only = a_photo(), a_photo()
    for photo in (both, only):
        a_named_face(anna, photo)
    a_named_face(eva, both)
    a_photo("anna.jpg")
    assert walked(client, reverse("search") + f"?with={anna.pk}") == [only.pk, both.pk]
    assert walked(client, reverse("search") + f"?with={anna.pk}&without={eva.pk}") == [only.pk]
    assert walked(client, reverse("search") + "?q=" + quote("Anna & Co")) == [only.pk, both.pk]


def test_a_photo_that_left_the_choice_still_knows_the_way(client, bao):
    photos = [a_photo() for _ in range(3)]
    faces = [a_face(photo) for photo in photos]
    faces[1].decision = Decision.IGNORED
    faces[1].save()
    shown = client.get(reverse("photo", args=(photos[1].pk,)), {"in": "photos:unnamed"})
    place = shown.context["place"]
    assert (place.before, place.after, place.number) == (photos[2].pk, photos[0].pk, 0)


def test_the_place_on_the_way_is_said_and_the_way_back_leads_there(client, bao, trip):
    album, photos = trip
    anna = a_person("Anna")
    a_named_face(anna, photos[1])
    shown = client.get(reverse("photo", args=(photos[1].pk,)), {"in": f"album:{album.pk}"})
    assert "2 of 3" in shown.content.decode()
    assert (shown.context["on"].name, shown.context["on"].address) == ("Trip", f"/albums/{album.pk}/")
    shown = client.get(reverse("photo", args=(photos[1].pk,)), {"in": f"person:{anna.pk}"})
    assert (shown.context["on"].name, shown.context["on"].address) == ("Anna", f"/people/{anna.pk}/")


def test_without_a_way_a_photo_is_in_its_album_or_among_all(client, bao, trip):
    album, photos = trip
    for key in ("", "nonsense", "album:x", "person:99999", "person:", "a:b:c"):
        shown = client.get(reverse("photo", args=(photos[1].pk,)), {"in": key})
        assert shown.context["on"].address == f"/albums/{album.pk}/"
    shown = client.get(reverse("photo", args=(Photo.objects.filter(albums=None).first().pk,)))
    assert shown.context["on"].address == reverse("photos")


def test_an_album_for_others_is_no_way(client, bao, trip):
    limited = Album.objects.create(name="Secret trip", is_limited=True)
    hidden, photo = a_photo(album=limited), a_photo()
    shown = client.get(reverse("photo", args=(photo.pk,)), {"in": f"album:{limited.pk}"})
    assert "Secret trip" not in shown.content.decode()
    assert hidden.pk not in (shown.context["place"].before, shown.context["place"].after)


def test_the_way_is_kept_through_faces_acts_and_the_trash(client, bao, trip):
    _album, photos = trip
    anna = a_person("Anna")
    face = a_named_face(anna, photos[1])
    a_named_face(anna, photos[2])
    key = f"person:{anna.pk}"
    page = client.get(reverse("photo", args=(photos[1].pk,)), {"in": key, "face": face.pk})
    assert page.content.decode().count(f"&amp;in=person%3A{anna.pk}") >= 2  # the box and the line of the face
    data = {"answer": "right", "person": anna.pk, "revision": 0, "in": key}
    answer = client.post(reverse("face_answer", args=(face.pk,)), data)
    assert answer["Location"].endswith(f"?face={face.pk}&in=person%3A{anna.pk}")
    answer = client.post(reverse("photo_trash", args=(photos[1].pk,)), {"in": key})
    assert answer["Location"] == f"/people/{anna.pk}/"


MAY = {day: datetime(2024, 5, day, 12, tzinfo=UTC) for day in (1, 2, 3)}
ORDERS = {
    "taken": ["1.jpg", "2.jpg", "2b.jpg", "3.jpg", "now.jpg"],
    "": ["now.jpg", "3.jpg", "2b.jpg", "2.jpg", "1.jpg"],
    "added": ["now.jpg", "2b.jpg", "2.jpg", "1.jpg", "3.jpg"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_an_album_is_gone_through_in_the_order_it_has(client, bao, monkeypatch, order):
    album = Album.objects.create(name="Trip", order=order)
    for name, day in {"3": 3, "1": 1, "2": 2, "2b": 2, "now": 0}.items():
        a_photo(f"{name}.jpg", album=album, taken_at=MAY.get(day))
    page = reverse("album", args=(album.pk,))
    met = walked(client, page)
    assert [Photo.objects.get(pk=pk).name for pk in met] == ORDERS[order]
    monkeypatch.setattr("gallery.photos.selectors.get_photo_grid.__defaults__", (2, PhotoOrder.ADDED))
    pages, address = [], page
    for number, _pk in enumerate(met):
        shown = client.get(reverse("photo", args=(met[number],)), {"in": f"album:{album.pk}"})
        assert (shown.context["place"].number, shown.context["place"].total) == (number + 1, 5)
    while address:
        shown = client.get(address)
        pages.append([photo.name for photo in shown.context["page"].rows])
        more = re.search(r'id="more"\s+hx-get="([^"]*)"', shown.content.decode())
        address = page + more[1].replace("&amp;", "&") if more else ""
    assert [len(names) for names in pages] == [2, 2, 1]
    assert [name for names in pages for name in names] == ORDERS[order]
    _link, token = share_album(bao, album, days=7)
    shown = Client().get(f"/shared/{token}/")
    assert [photo.name for photo, _digest in shown.context["shown"]] == ORDERS[order]


@pytest.mark.parametrize("order", ORDERS)
def test_lists_are_gone_through_in_the_order_that_their_reader_chose(client, bao, order):
    anna = a_person("Anna")
    for name, day in {"3": 3, "1": 1, "2": 2, "2b": 2, "now": 0}.items():
        photo = a_photo(f"{name}.jpg", taken_at=MAY.get(day))
        a_named_face(anna, photo)
        PhotoTag.objects.create(photo=photo, name="Lake", key="lake", search="lake")
    lists = ["/photos/?show=", f"/people/{anna.pk}/?", f"/search/?with={anna.pk}", "/tags/photos?name=Lake"]
    for page in lists:
        answer = client.post("/photos/order", {"order": order, "next": page})
        assert answer["Location"] == page
        assert [Photo.objects.get(pk=pk).name for pk in walked(client, page)] == ORDERS[order]
    names = [Photo.objects.get(pk=pk).name for pk in walked(client, reverse("home"))]
    assert names == ORDERS["added"], "Home shows what came last, and one goes on so"
    assert client.post("/photos/order", {"order": "hand"}).status_code == 400


def test_the_order_of_an_album_is_chosen_on_its_page_by_who_may_change_it(client, bao, user):
    album = Album.objects.create(name="Trip", created_by=bao)
    choice = {"order": "taken", "album": album.pk, "next": f"/albums/{album.pk}/"}
    assert client.post("/photos/order", choice).status_code == 302
    assert Album.objects.get(pk=album.pk).order == "taken"
    viewer = Client()
    viewer.force_login(a_user("Minh", Role.VIEWER))
    assert viewer.post("/photos/order", choice | {"order": "added"}).status_code == 403
    assert Album.objects.get(pk=album.pk).order == "taken"
    assert 'action="/photos/order"' not in viewer.get(f"/albums/{album.pk}/").content.decode()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-01-01"])
def test_a_moment_that_no_page_gave_breaks_none(client, bao, moment):
    album = Album.objects.create(name="Trip", order=PhotoOrder.TAKEN)
    page = client.get(reverse("album", args=(album.pk,)), {"after": f"1:{moment}"})
    assert page.status_code == 200


@pytest.mark.parametrize("order", PhotoOrder.values)
def test_one_comes_back_to_where_one_was_in_the_grid(
    client: Client, user: User, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(user)
    album = Album.objects.create(name="Trip", order=order)
    for _number in range(60):
        a_photo(album=album)
    listed = order_photos(list_photos_in_album(user, album), order)
    photo = listed[50]
    page = client.get(get_photo_url(photo, album_navigation_key(album)))
    [back] = re.findall(r'class="crumb" href="([^"]+)"', page.content.decode())
    address, _hash, tile = back.replace("&amp;", "&").partition("#")
    assert tile == f"tile-{photo.pk}"
    assert shown_tiles(client, address) == [each.pk for each in listed], "all before it, and a page beyond"
    monkeypatch.setattr("gallery.photos.selectors.MAX_PHOTOS_BEFORE", 40)
    tiles = shown_tiles(client, address)
    assert (tiles[0], photo.pk in tiles) == (listed[32].pk, True), "from shortly before it"
    assert shown_tiles(client, f"{reverse('album', args=(album.pk,))}?at=4711") == [
        each.pk for each in listed[:36]
    ]


def shown_tiles(client: Client, address: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'id="tile-(\d+)"', client.get(address).content.decode())]
