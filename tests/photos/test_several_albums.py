"""A photo in several albums: what comes and goes, who sees it then, and what is asked first."""

from __future__ import annotations

import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gallery.core.confirmation import let_confirmed_through
from gallery.core.exceptions import ActionRefused, ConfirmationNeeded
from gallery.history.undo import undo_events
from gallery.models import Album, AlbumPhoto, Event, Photo, Role, User
from gallery.photos.albums import change_album, create_album, remove_album
from gallery.photos.membership import open_photo, put_photos_in_album, take_photos_out
from gallery.photos.services import add_photo, set_photo_recognition
from tests.making import a_named_face, a_person, a_photo, a_user, a_vector
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def sees(user: User, photo: Photo) -> bool:
    return Photo.objects.visible_to(user).filter(pk=photo.pk).exists()


def names(photo: Photo) -> set[str]:
    return set(photo.albums.values_list("name", flat=True))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(photo: Photo) -> str:
    return reverse("photo_album", args=(photo.pk,))


def test_leaving_its_last_limited_album_opens_a_photo_to_nobody(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo(album=board)
    AlbumPhoto.objects.create(album=trip, photo=photo)
    for album in (trip, board):
        event = take_photos_out(mai, [photo], album)
        assert (sees(mai, photo), sees(other, photo)) == (True, False)
    page = signed_in(mai).get(reverse("photo", args=(photo.pk,))).content.decode()
    assert "Only who was chosen for Board sees this photo" in page
    assert event
    undo_events(mai, event)
    assert names(photo) == {"Board"}
    assert not sees(other, photo)


def test_a_photo_that_has_left_is_opened_by_who_may(mai: User, other: User, board: Album) -> None:
    viewer = a_user("Nam", Role.CONTRIBUTOR)
    change_album(mai, board, {"members": [viewer]})
    photo = a_photo(album=board)
    take_photos_out(mai, [photo], board)
    assert signed_in(other).post(page_of(photo), {"open": "1"}).status_code == 404
    assert signed_in(viewer).post(page_of(photo), {"open": "1"}).status_code == 403
    client = signed_in(mai)
    client.post(page_of(photo), {"open": "1"})
    assert sees(other, photo)
    undo_events(mai, Event.objects.get(verb="photo.open"))
    assert not sees(other, photo)


def test_an_open_album_that_is_left_leaves_a_photo_open_whatever_it_was_in_before(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo()
    for album in (board, trip):
        with let_confirmed_through():
            put_photos_in_album(mai, [photo], album)
    take_photos_out(mai, [photo], board)
    take_photos_out(mai, [photo], trip)
    assert sees(other, photo)


def test_what_lets_others_see_a_photo_is_asked_first(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo, client = a_photo("secret.jpg", album=board), signed_in(mai)
    asked = client.post(page_of(photo), {"album": trip.pk})
    text = asked.content.decode()
    assert asked.status_code == 409
    assert "“secret.jpg” is only for chosen users. In “Trip” everybody who may sign in sees it." in text
    assert names(photo) == {"Board"}
    again = {"album": trip.pk, "confirmed": asked.context["key"]}
    client.post(page_of(photo), {**again, "confirmed": "see:0:1"})
    assert names(photo) == {"Board"}
    client.post(page_of(photo), again)
    assert names(photo) == {"Board", "Trip"}
    assert sees(other, photo)


def test_an_album_for_others_asks_and_names_them_and_one_for_fewer_does_not(mai: User, board: Album) -> None:
    bao, photo = a_user("Bao"), a_photo(album=board)
    change_album(mai, board, {"members": [bao]})
    fewer = create_album(mai, "Fewer", is_limited=True)
    more = create_album(mai, "More", is_limited=True, members=[bao, a_user("Hoa"), a_user("Binh")])
    put_photos_in_album(mai, [photo], fewer)
    with pytest.raises(ConfirmationNeeded, match="In “More” these see it, too: Binh, Hoa"):
        put_photos_in_album(mai, [photo], more)
    put_photos_in_album(mai, [a_photo()], more)  # everybody saw it


def test_only_who_sees_a_photo_puts_it_where_others_see_it(mai: User, board: Album, trip: Album) -> None:
    nam, photo = a_user("Nam", Role.CONTRIBUTOR), a_photo(album=board)
    data = {"album": trip.pk, "confirmed": f"see:{trip.pk}:1"}
    assert signed_in(nam).post(page_of(photo), data).status_code == 404
    change_album(mai, board, {"members": [nam]})
    assert signed_in(nam).post(page_of(photo), data).status_code == 403  # as a member, but not its maker
    assert signed_in(nam).post(page_of(photo), {"leave": board.pk}).status_code == 403
    assert names(photo) == {"Board"}


def test_an_undo_asks_before_others_see_a_photo_again(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo()
    first, second = put_photos_in_album(mai, [photo], trip), put_photos_in_album(mai, [photo], board)
    left = take_photos_out(mai, [photo], trip)
    assert first and second and left  # noqa: PT018
    assert not sees(other, photo)
    client = signed_in(mai)
    asked = client.post(reverse("event_undo", args=(left.pk,)))
    assert "In “Trip” everybody who may sign in sees it." in asked.content.decode()
    assert not sees(other, photo)
    client.post(reverse("event_undo", args=(left.pk,)), {"confirmed": asked.context["key"]})
    assert sees(other, photo)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_putting_an_open_photo_into_a_limited_album_is_undone_whole_once_that_is_meant(
    mai: User, other: User, board: Album, is_confirmed: bool
) -> None:
    photo = a_photo()
    event = put_photos_in_album(mai, [photo], board)
    assert event
    if is_confirmed:
        with let_confirmed_through():
            undo_events(mai, event)
    else:
        with pytest.raises(ConfirmationNeeded, match="Undone, everybody"):
            undo_events(mai, event)
    assert sees(other, photo) == is_confirmed


def test_undoing_an_earlier_act_does_not_open_what_was_limited_since(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    """Put into an open and a limited album, taken out of the open one: the limited one is its last."""
    photo = a_photo(album=trip)
    event = put_photos_in_album(mai, [photo], board)
    take_photos_out(mai, [photo], trip)
    assert event
    undo_events(mai, event)
    assert names(photo) == set()
    assert not sees(other, photo)


def test_a_limited_album_is_not_removed_while_nothing_else_keeps_its_photos_from_others(
    mai: User, other: User, board: Album
) -> None:
    photo, second = a_photo(album=board), create_album(mai, "Second", is_limited=True)
    with pytest.raises(ActionRefused, match="only for the chosen users"):
        remove_album(mai, board)
    take_photos_out(mai, [photo], board)
    with pytest.raises(ActionRefused, match="only for the chosen users"):
        remove_album(mai, board)
    put_photos_in_album(mai, [photo], second)
    remove_album(mai, board)
    assert not sees(other, photo)
    take_photos_out(mai, [photo], second)
    assert not sees(other, photo)
    open_photo(mai, Photo.objects.get())
    assert sees(other, photo)


def sent(client: Client, album: Album | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {"photos": SimpleUploadedFile("a.jpg", jpeg())}
    answer: Any = client.post(reverse("upload_file"), {**data, **({"album": album.pk} if album else {})})
    return dict(json.loads(b"".join(answer.streaming_content)))


def test_a_file_sent_to_a_second_album_is_there_too(mai: User, trip: Album) -> None:
    client, second = signed_in(mai), create_album(mai, "Yearbook")
    sent(client, trip)
    assert sent(client, second)["sentence"] == "Already here, now also in “Yearbook”."
    assert sent(client, second)["sentence"] == "Already here."
    assert names(Photo.objects.get()) == {"Trip", "Yearbook"}


def test_a_file_sent_again_shows_nobody_what_is_limited(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    client = signed_in(mai)
    sent(client, board)
    said = sent(client, trip)["sentence"]
    assert "It was not put into the album: “a.jpg” is only for chosen users." in said
    assert names(Photo.objects.get()) == {"Board"}
    assert (
        sent(signed_in(other), trip)["kind"] == "added"
    )  # who may not know of it sends a photo of their own
    assert sorted(names(photo) == {"Trip"} for photo in Photo.objects.all()) == [False, True]
    second = create_album(mai, "Second")
    assert sent(client, second)["sentence"] == "Already here, now also in “Second”."  # the open copy
    assert names(Photo.objects.get(copy=1)) == {"Trip", "Second"}


def test_an_import_brings_known_photos_into_the_album(tmp_path: Path, board: Album) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture, album in (("a.jpg", jpeg(), None), ("b.jpg", jpeg(200), board)):
        (folder / name).write_bytes(picture)
        add_photo(None, [picture], name, album)
    out = io.StringIO()
    call_command("import_photos", str(folder), album="Yearbook", json=True, stdout=out, stderr=io.StringIO())
    report = json.loads(out.getvalue())
    assert [Path(path).name for path in report["already"]] == ["a.jpg"]
    assert "only for chosen users" in report["waiting"][0]["reason"]
    assert set(Photo.objects.values_list("name", "albums__name")) == {
        ("a.jpg", "Yearbook"),
        ("b.jpg", "Board"),
    }


def test_nobody_is_recognised_where_one_album_says_so(mai: User, trip: Album) -> None:
    quiet = create_album(mai, "Quiet", is_recognised=False)
    photo = a_photo(album=trip)
    face = a_named_face(a_person(), photo, embedding=a_vector(1))
    put_photos_in_album(mai, [photo], quiet)
    face.refresh_from_db()
    assert (face.person, face.embedding, photo.may_be_recognised) == (None, None, False)
    take_photos_out(mai, [photo], trip)
    set_photo_recognition(mai, photo, True)
    assert not photo.may_be_recognised
    take_photos_out(mai, [photo], quiet)
    assert Photo.objects.get().may_be_recognised
    assert Photo.objects.get().work == "queued"  # the names come back


def test_a_cover_goes_with_its_photo_and_only_from_that_album(mai: User, trip: Album) -> None:
    second, photo = create_album(mai, "Second"), a_photo(album=trip)
    put_photos_in_album(mai, [photo], second)
    Album.objects.update(cover=photo)
    take_photos_out(mai, [photo], trip)
    assert dict(Album.objects.values_list("name", "cover")) == {"Trip": None, "Second": photo.pk}


def test_acts_on_a_photo_are_told_to_who_sees_it_though_it_is_in_a_hidden_album_too(
    mai: User, other: User, board: Album, trip: Album
) -> None:
    photo = a_photo("both.jpg", album=trip)
    put_photos_in_album(mai, [photo], board)
    set_photo_recognition(mai, photo, False)
    page = signed_in(other).get(reverse("history")).content.decode()
    assert "stopped recognising faces in “both.jpg”" in page
    assert "Board" not in page


SAME_NAMES = ("Tết", unicodedata.normalize("NFD", "Tết"), "  tết ", "TẾT")


@pytest.mark.parametrize("name", SAME_NAMES)
def test_the_name_of_an_album_that_is_there_is_asked_about(mai: User, other: User, name: str) -> None:
    album, client = create_album(mai, "Tết"), signed_in(mai)
    page = client.post(reverse("album_new"), {"name": name, "is_recognised": "on"})
    assert "There is already an album “Tết”." in page.content.decode()
    assert Album.objects.count() == 1
    client.post(reverse("album_edit", args=(album.pk,)), {"name": name, "is_recognised": "on"})  # its own
    confirmed = {"name": name, "is_recognised": "on", "confirmed": page.context["key"]}
    client.post(reverse("album_new"), confirmed)
    assert Album.objects.count() == 2
    Album.objects.update(is_limited=True)
    create_album(other, name)  # who sees neither is told of neither


def test_an_album_sent_to_by_name_is_one_however_it_is_written(mai: User, tmp_path: Path) -> None:
    client, quiet = signed_in(mai), create_album(mai, "Tet")  # another word
    for name in SAME_NAMES:
        client.post(reverse("upload_album"), {"new_album": name})
        call_command("import_photos", str(tmp_path), album=name, stdout=io.StringIO(), stderr=io.StringIO())
    assert Album.objects.exclude(pk=quiet.pk).count() == 1
    refused = client.post(reverse("upload_album"), {"new_album": "Tết", "unrecognised": "1"})
    assert refused.status_code == 422
