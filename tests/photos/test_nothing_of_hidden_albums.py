"""A photo in an open and in a limited album says nothing of the limited one: no name, no count, no way in."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.core.confirmation import let_confirmed_through
from gallery.core.exceptions import CannotUndo
from gallery.curation.bulk import create_bulk_draft, start_bulk_act
from gallery.curation.bulk_preview import preview_bulk_act
from gallery.faces.namesakes import number_namesakes
from gallery.history.locking import describe_conflict
from gallery.history.selectors import list_history_events
from gallery.history.undo import undo_event_as_shown, undo_events
from gallery.models import Album, BulkAct, Event, Face, Person, Photo, Role, User
from gallery.people.references import judge_references
from gallery.photos.albums import (
    change_album,
    create_album,
    list_album_cards,
    list_albums,
    remove_album,
    set_album_cover,
)
from gallery.photos.exports import export_photo
from gallery.photos.membership import put_photos_in_album, take_photos_out
from gallery.photos.services import set_taken_at
from tests.making import a_face, a_named_face, a_person, a_photo, a_reference, a_user
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


@pytest.fixture
def annas(board: Album, trip: Album) -> list[Person]:
    """Two of one name, whom the albums tell apart: the first is on Mai's board."""
    people = [a_person("Anna"), a_person("Anna")]
    number_namesakes(["anna"])
    for person, album in zip(people, (board, trip), strict=True):
        a_named_face(person, a_photo(album=album))
    return people


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def history_of(user: User) -> str:
    return str(signed_in(user).get(reverse("history")).content.decode())


def test_a_label_by_an_album_is_not_written_into_the_history(
    mai: User, other: User, trip: Album, annas: list[Person]
) -> None:
    face = a_face(a_photo(album=trip))
    answer = {"answer": "other", "name": "Anna (Board)"}
    signed_in(mai).post(reverse("face_answer", args=(face.pk,)), answer)
    assert Face.objects.get(pk=face.pk).person == annas[0]
    page = history_of(other)
    assert "named a face “Anna (1)”" in page
    assert "Board" not in page


def test_a_file_with_names_to_hand_on_says_no_album(mai: User, trip: Album, annas: list[Person]) -> None:
    photo = a_photo(album=trip)
    a_named_face(annas[1], photo)
    assert b'"name": "Anna (2)"' in export_photo(mai, photo, "json").data


def test_a_hidden_album_adds_nothing_to_the_figures_of_a_bulk_act(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo(album=trip)
    put_photos_in_album(mai, [photo], board)
    found = preview_bulk_act(other, create_bulk_draft(other, BulkAct.Kind.NO_ALBUM, [photo.pk]))
    assert (found.rows, found.albums_count) == (1, 1)


def test_references_from_hidden_photos_are_not_counted_where_people_are_merged(
    mai: User, other: User, board: Album, annas: list[Person]
) -> None:
    a_reference(annas[1], source_face=a_face(a_photo(album=board)))
    act = create_bulk_draft(other, BulkAct.Kind.MERGE, [person.pk for person in annas])
    for user, ranked, counts in ((mai, annas[::-1], [1, 0]), (other, annas, [0, 0])):
        seen: list[Any] = preview_bulk_act(user, act).owners
        assert (seen, [person.approved for person in seen]) == (ranked, counts)


def test_whoever_comes_second_is_not_told_of_acts_about_what_is_hidden(
    mai: User, board: Album, trip: Album, annas: list[Person]
) -> None:
    photo = a_photo("both.jpg", trip)
    set_taken_at(mai, photo, timezone.now())
    put_photos_in_album(mai, [photo], board)
    set_album_cover(mai, board, photo)
    assert "Mai was here first and said when “both.jpg” was taken" in describe_conflict("photo", photo.pk)
    face = a_face(a_photo(album=board))
    answer = {"answer": "right", "person": annas[0].pk}
    signed_in(mai).post(reverse("face_answer", args=(face.pk,)), answer)
    assert "named a face" not in describe_conflict("person", annas[0].pk)


def test_an_undo_by_somebody_who_does_not_see_a_photo_neither_names_nor_shows_it(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo("secret.jpg", trip)
    start_bulk_act(other, create_bulk_draft(other, BulkAct.Kind.NO_ALBUM, [photo.pk]))
    taken_out = Event.objects.get(verb="bulk.no_album")
    put_photos_in_album(mai, [photo], board)
    put_back = Photo.objects.get()
    with let_confirmed_through():
        put_photos_in_album(mai, [put_back], trip)
    removed = remove_album(mai, trip)
    assert not Photo.objects.visible_to(other).exists()
    for event in (removed, taken_out):
        page = signed_in(other).post(reverse("event_undo", args=(event.pk,)), follow=True)
        text = page.content.decode()
        assert "What this changed is no longer there" in text
        assert "secret" not in text
        with let_confirmed_through(), pytest.raises(CannotUndo):
            undo_event_as_shown(other, event)
    assert not Photo.objects.visible_to(other).exists()
    with let_confirmed_through():
        undo_event_as_shown(mai, removed)
    assert Photo.objects.visible_to(other).exists()


def test_a_photo_that_has_left_an_album_is_its_cover_no_more(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    hidden, shown = a_photo(album=board), a_photo(album=trip)
    with let_confirmed_through():
        event = put_photos_in_album(mai, [hidden], trip)
    chosen = set_album_cover(mai, trip, hidden)
    assert event
    undo_events(mai, event)
    undo_events(mai, *undo_events(mai, chosen))
    assert Album.objects.get(pk=trip.pk).cover == hidden
    assert [(card.photo, card.photos) for card in list_album_cards(list_albums(other))] == [(shown, 1)]


def test_a_member_moves_no_photo_of_a_limited_album_by_sending_its_file_again(
    mai: User, board: Album, trip: Album
) -> None:
    nam = a_user("Nam", Role.CONTRIBUTOR)
    change_album(mai, board, {"members": [nam]})
    own = create_album(nam, "Own", is_limited=True)

    def send(user: User, album: Album) -> None:
        data = {"photos": SimpleUploadedFile("a.jpg", jpeg()), "album": album.pk}
        signed_in(user).post(reverse("upload_plain"), {**data, "confirmed": f"see:{album.pk}:1"})

    for user, album in ((mai, board), (nam, own), (nam, trip)):
        send(user, album)
    assert list(Photo.objects.get().albums.all()) == [board]
    take_photos_out(mai, [Photo.objects.get()], board)
    send(nam, trip)
    assert not Photo.objects.get().albums.exists()


def test_acts_on_references_from_hidden_photos_are_no_line_of_the_history(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    for album, person in ((board, a_person("Hidden")), (trip, a_person("Seen"))):
        face = a_face(a_photo(album=album))
        cut = [a_reference(person, source_face=face, status="pending") for _ in range(2)]
        judge_references(mai, cut[:1], "approved")
        start_bulk_act(mai, create_bulk_draft(mai, BulkAct.Kind.REJECT, [cut[1].pk]))
    for user, times in ((mai, 2), (other, 1)):
        lines = list_history_events(user, actor=None, person=None, photo=None)
        verbs = [line.verb for line in lines]
        assert verbs.count("reference.approved") == verbs.count("bulk.reject") == times


def test_taking_a_photo_out_of_the_last_album_one_sees_ends_on_a_page(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo("both.jpg", trip)
    put_photos_in_album(mai, [photo], board)
    address = reverse("photo_album", args=(photo.pk,))
    page = signed_in(other).post(address, {"leave": trip.pk}, follow=True)
    assert page.redirect_chain == [(reverse("photos"), 302)]
    assert "You took “both.jpg” out of the album “Trip”." in page.content.decode()
    assert "Board" not in page.content.decode()
