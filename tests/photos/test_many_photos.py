"""What is done to many chosen photos at once: one event, one undo, and nobody gets at what they may not see."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from gallery.history.undo import undo_events
from gallery.models import Album, Erasure, Event, Photo, Role, Status, User
from gallery.photos.membership import put_photos_in_album
from gallery.photos.services import check_photo_count, restore_photos, trash_photos
from tests.making import a_named_face, a_person, a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]
Sent = list[tuple[Any, ...]]


def act(client: Client, user: User, word: str, photos: list[Photo], **more: str) -> Any:
    if client.session.get("_auth_user_id") != str(user.pk):
        client.force_login(user)
    data = {"photo": [photo.pk for photo in photos], "do": word, "next": "/photos/", **more}
    return client.post(reverse("photos_act"), data, headers={"HX-Request": "true"})


def toast(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])["toast"]
    return found


def rows() -> list[tuple[Any, ...]]:
    """Where the photos are, and what keeps them from others."""
    return list(Photo.objects.order_by("pk", "albums").values_list("pk", "albums__name", "limited_by"))


def in_album(album: Album) -> set[int]:
    return set(Photo.objects.filter(albums=album).values_list("pk", flat=True))


def test_photos_of_several_albums_come_into_one_more_and_back_by_one_undo(client: Client) -> None:
    user, there = a_user(), Album.objects.create(name="Trip", search="trip")
    photos = [a_photo(), a_photo(album=there), a_photo(album=Album.objects.create(name="B"))]
    before = rows()
    Album.objects.create(name="Ball", search="ball")
    answer = act(client, user, "album", photos, album="BALL")
    assert toast(answer)["text"] == "You put 3 photos into the album “Ball”."
    assert in_album(Album.objects.get(name="Ball")) == {photo.pk for photo in photos}
    assert in_album(there) == {photos[1].pk}  # where they were they stay
    assert Event.objects.exclude(verb="sign_in").count() == 1
    client.post(toast(answer)["undo"])
    assert rows() == before


def test_a_new_album_is_made_on_the_way_and_goes_with_the_undo(client: Client) -> None:
    user, photos = a_user(role=Role.CONTRIBUTOR), [a_photo(), a_photo()]
    answer = act(client, user, "album", photos, album="  Winter ball ")
    album = Album.objects.get(name="Winter ball")
    assert album.created_by == user
    assert in_album(album) == {photo.pk for photo in photos}
    client.post(toast(answer)["undo"])
    assert not Album.objects.exists()
    assert Photo.objects.filter(albums=None).count() == 2


def test_the_trash_and_back_are_one_act_each(client: Client, sent: Sent) -> None:
    user, photos = a_user(role=Role.CONTRIBUTOR), [a_photo(), a_photo(work=Status.QUEUED)]
    answer = act(client, user, "trash", photos)
    assert toast(answer)["text"] == "You put 2 photos into the trash."
    assert json.loads(answer.headers["HX-Trigger"])["photos-done"]["gone"] == [photo.pk for photo in photos]
    assert Photo.objects.filter(trashed_at__isnull=False, trashed_by=user).count() == 2
    assert toast(act(client, user, "restore", photos))["text"] == "You took 2 photos out of the trash."
    assert not Photo.objects.filter(trashed_at__isnull=False).exists()
    assert sent == [("process_photo", photos[1].pk)]  # what had waited goes on
    undo_events(user, Event.objects.filter(verb="photos.restore").get())
    assert Photo.objects.filter(trashed_at__isnull=False).count() == 2


def test_what_somebody_changed_since_stands_when_an_act_is_undone(client: Client) -> None:
    user, photos, eva = a_user(), [a_photo(), a_photo()], a_user("Eva")
    act(client, user, "album", photos, album="One")
    put_photos_in_album(eva, [Photo.objects.get(pk=photos[0].pk)], "Two")
    undo_events(user, Event.objects.filter(summary__album="One").get())
    assert [album for _photo, album, _limit in rows()] == ["Two", None]


def test_recognition_is_switched_for_many_and_back(client: Client) -> None:
    user, photo, anna = a_user(), a_photo(), a_person()
    face = a_named_face(anna, photo)
    answer = act(client, user, "stop_recognising", [photo, a_photo(is_recognised=False)])
    assert toast(answer)["text"] == "You stopped recognising faces in 1 photo."
    face.refresh_from_db()
    assert face.person is None
    client.post(toast(answer)["undo"])
    photo.refresh_from_db()
    assert photo.is_recognised


def test_photos_in_albums_for_others_are_not_reached(client: Client) -> None:
    owner, nam = a_user("Owner"), a_user("Nam", Role.CONTRIBUTOR)
    hidden = Album.objects.create(name="Hidden", search="hidden", is_limited=True, created_by=owner)
    photo, free = a_photo(album=hidden), a_photo()
    assert "no longer there" in toast(act(client, nam, "trash", [photo]))["text"]
    act(client, nam, "trash", [photo, free])
    assert list(Photo.objects.filter(trashed_at__isnull=False)) == [free]
    restore_photos(nam, [free])
    act(client, nam, "album", [free], album="Hidden")  # a new one of that name: theirs is not known to exist
    assert not in_album(hidden) & {free.pk}


def test_photos_leave_an_album_for_chosen_users_only_by_who_may_change_it(client: Client) -> None:
    nam = a_user("Nam", Role.CONTRIBUTOR)
    chosen = Album.objects.create(name="Ours", is_limited=True, created_by=a_user("Owner"))
    chosen.members.add(nam)
    photo, free = a_photo(album=chosen), a_photo()
    answer = act(client, nam, "album", [photo, free], album="Open")
    assert toast(answer)["text"].startswith(
        f"You put “{free.name}” into the album “Open”. 1 photo stays where it is"
    )
    assert in_album(chosen) == {photo.pk}
    answer = act(client, nam, "out", [photo], **{"from": str(chosen.pk)})
    assert "stays where it is" in toast(answer)["text"]
    assert in_album(chosen) == {photo.pk}


def test_too_many_none_and_nonsense_are_refused_in_words(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, photos = a_user(), [a_photo() for _ in range(3)]
    assert "at least one" in toast(act(client, user, "trash", []))["text"]
    assert "what to do" in toast(act(client, user, "explode", photos))["text"]
    assert "name of an album" in toast(act(client, user, "album", photos, album=" "))["text"]
    monkeypatch.setattr(check_photo_count, "__defaults__", (2,))
    monkeypatch.setattr("gallery.web.photos.get_chosen_photos.__defaults__", (2,))
    assert "At most 2 photos" in toast(act(client, user, "trash", photos))["text"]
    assert not Photo.objects.filter(trashed_at__isnull=False).exists()


def test_without_scripts_the_page_comes_back_with_the_message_and_its_undo(client: Client) -> None:
    user, photo = a_user(), a_photo()
    client.force_login(user)
    data = {"photo": [photo.pk], "do": "trash", "next": "/photos/?show=unsure"}
    answer = client.post(reverse("photos_act"), data, follow=True)
    assert answer.redirect_chain == [("/photos/?show=unsure", 302)]
    assert "You put 1 photo into the trash." in answer.content.decode()
    assert reverse("event_undo", args=(Event.objects.get(verb="photos.trash").pk,)) in answer.content.decode()


@pytest.mark.parametrize("word", ["album", "trash", "out", "stop_recognising"])
def test_an_act_asks_as_many_queries_for_many_photos_as_for_few(client: Client, word: str) -> None:
    user, album = a_user(), Album.objects.create(name="From")
    act(client, user, "restore", [a_photo()])  # signs in
    counts = []
    for number in (2, 40):
        photos = [a_photo(album=album) for _ in range(number)]
        with CaptureQueriesContext(connection) as asked:
            more = {"album": f"To {number}", "from": str(album.pk)}
            assert act(client, user, word, photos, **more).status_code == 204
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_an_event_on_many_is_told_to_nobody_who_may_not_see_one_of_them(client: Client) -> None:
    owner, nam = a_user("Owner"), a_user("Nam", Role.CONTRIBUTOR)
    hidden = Album.objects.create(name="Hidden", is_limited=True, created_by=owner)
    trash_photos(owner, [a_photo(album=hidden), a_photo()])
    client.force_login(nam)
    assert "2 photos into the trash" not in client.get(reverse("history")).content.decode()
    client.force_login(owner)
    assert "2 photos into the trash" in client.get(reverse("history")).content.decode()


def a_real_photo(name: str, **columns: Any) -> Photo:
    photo = a_photo(name, **columns)
    Path(photo.file.path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (800, 600), "teal").save(Path(photo.file.path))
    return photo


@pytest.mark.parametrize("kind", ["annotated", "xmp"])
def test_chosen_photos_are_taken_away_in_one_zip(client: Client, kind: str) -> None:
    client.force_login(a_user(role=Role.VIEWER))
    photos = [a_real_photo("a.jpg"), a_real_photo("a.jpg"), a_photo("lost.jpg")]
    data = {"photo": [photo.pk for photo in photos], "kind": kind}
    answer: Any = client.post(reverse("photos_download"), data)
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == ["a-names.jpg", f"a-names {photos[1].pk}.jpg", "left out.txt"]
        assert archive.read("left out.txt").startswith(b"lost.jpg: ")
        with Image.open(io.BytesIO(archive.read(names[0]))) as picture:
            assert picture.size == (800, 600)
    assert Event.objects.filter(verb="downloaded", object_type="photo").count() == 2


def test_many_in_the_trash_are_erased_with_one_receipt_once_their_number_is_typed(client: Client) -> None:
    client.force_login(a_user(role=Role.ADMINISTRATOR))
    owner = a_user("Owner")
    photos = [a_real_photo("a.jpg"), a_real_photo("b.jpg")]
    face = a_named_face(a_person(), photos[0])
    trash_photos(owner, photos)
    kept = a_photo()
    data: dict[str, Any] = {"photo": [*(photo.pk for photo in photos), kept.pk]}
    page = client.post(reverse("photos_erase"), data)
    assert "Erase 2 photos for good?" in page.content.decode()
    wrong = client.post(reverse("photos_erase"), {**data, "name": "3"})
    assert "Nothing was erased" in wrong.content.decode()
    assert Photo.objects.count() == 3
    client.post(reverse("photos_erase"), {**data, "name": "2"})
    assert list(Photo.objects.all()) == [kept]
    erasure = Erasure.objects.get()
    assert erasure.counts["photos"] == 2
    assert erasure.counts["faces"] == 1
    assert set(erasure.todo["files"]) == {photo.file for photo in photos}
    assert face.pk in erasure.todo["gone"]["ids"]["face"]
