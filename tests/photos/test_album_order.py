"""An album in an order of one's own: photos put first, last, on or behind another, and back by one undo."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gallery.history.undo import undo_events
from gallery.models import Album, AlbumPhoto, Event, Photo, Role, User
from gallery.models.photos import PhotoOrder
from gallery.photos.album_order import place_photos
from gallery.photos.albums import list_photos_in_album
from gallery.photos.ordering import order_photos
from gallery.photos.services import trash_photo
from tests.making import a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


@pytest.fixture
def trip(user: User) -> Album:
    album = Album.objects.create(name="Trip", search="trip", created_by=user, order=PhotoOrder.ADDED)
    for name in "DCBA":  # the last added stands first
        a_photo(name, album=album)
    return album


def shown(user: User, album: Album) -> str:
    album.refresh_from_db()
    return "".join(photo.name for photo in order_photos(list_photos_in_album(user, album), album.order))


def photo(name: str) -> Photo:
    return Photo.objects.get(name=name)


def move(client: Client, album: Album, move: str, **more: object) -> None:
    client.post(reverse("album_order", args=(album.pk,)), {"move": move, **more})


@pytest.mark.parametrize(
    ("which", "order"),
    [
        ("C:up", "ACBD"), ("C:down", "ABDC"), ("C:first", "CABD"), ("A:last", "BCDA"), ("A:up", "ABCD"),
        ("D:down", "ABCD"), ("A:behind:C", "BCAD"), ("D:before:B", "ADBC"), ("B:behind:A", "ABCD"),
    ],
)  # fmt: skip
def test_a_photo_moves_as_its_button_or_the_hand_that_drags_it_says(
    curator: Client, user: User, trip: Album, which: str, order: str
) -> None:
    assert shown(user, trip) == "ABCD"
    name, _colon, rest = which.partition(":")
    side, _colon, other = rest.partition(":")
    move(curator, trip, f"{photo(name).pk}:{side}" + (f":{photo(other).pk}" if other else ""))
    assert shown(user, trip) == order
    for event in Event.objects.filter(verb="album.order"):
        undo_events(user, event)
    assert shown(user, trip) == "ABCD"


def test_several_are_put_behind_a_number_in_the_order_they_have(
    curator: Client, user: User, trip: Album
) -> None:
    move(curator, trip, "chosen", photo=[photo("D").pk, photo("A").pk], behind="2")
    assert shown(user, trip) == "BADC"
    move(curator, trip, "chosen", photo=[photo("C").pk], behind="0")
    assert shown(user, trip) == "CBAD"
    assert shown(user, trip) == "".join(
        row.name for row in curator.get(reverse("album", args=(trip.pk,))).context["page"].rows
    )


def test_neighbours_and_further_pages_follow_the_order(curator: Client, user: User, trip: Album) -> None:
    place_photos(user, trip, [photo("D")], photo("A"))
    assert shown(user, trip) == "ADBC"
    place = curator.get(reverse("photo", args=(photo("D").pk,))).context["place"]
    assert (place.before, place.after, place.number) == (photo("A").pk, photo("B").pk, 2)


def test_what_comes_later_stands_at_the_end_and_what_comes_back_where_it_was(user: User, trip: Album) -> None:
    place_photos(user, trip, [photo("A")], photo("D"))
    place_photos(user, trip, [photo("B")], photo("A"))
    event = trash_photo(user, photo("D"))
    a_photo("E", album=trip)
    assert shown(user, trip) == "CABE"
    assert event
    undo_events(user, event)
    assert shown(user, trip) == "CDABE"


def test_a_photo_can_be_put_between_two_any_number_of_times(user: User, trip: Album) -> None:
    for number in range(60):  # more than a float has halves for
        place_photos(user, trip, [photo("BC"[number % 2])], photo("A"))
    assert shown(user, trip) == "ACBD"


def test_the_order_is_changed_by_who_may_change_the_album(client: Client, trip: Album) -> None:
    client.force_login(a_user("Other", role=Role.CONTRIBUTOR))
    move(client, trip, f"{photo('C').pk}:first")
    assert not AlbumPhoto.objects.exclude(position=None).exists()
