"""Acts about limited albums are not told to those who may not see the album, nor once it is gone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gallery.history.undo import undo_events
from gallery.models import Album, BulkAct, Event, Photo, Role, User
from gallery.photos.albums import change_album, create_album, remove_album
from gallery.photos.membership import open_photo, put_photos_in_album, take_photos_out
from tests.making import a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]
NAME = "Secret wedding"


def history(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.get(reverse("history")).content.decode()


@pytest.mark.parametrize("is_limited", [True, False])
def test_an_albums_name_goes_with_it_where_it_was_limited(is_limited: bool) -> None:
    owner, other, boss = a_user("Owner"), a_user("Other"), a_user("Boss", Role.ADMINISTRATOR)
    album, photo = create_album(owner, NAME, is_limited=is_limited), a_photo()
    put_photos_in_album(owner, [photo], album)
    photo.refresh_from_db()
    take_photos_out(owner, [photo])
    assert (NAME in history(other)) != is_limited
    open_photo(owner, Photo.objects.get())
    remove_album(owner, Album.objects.get())
    assert (NAME in history(other)) != is_limited
    assert NAME in history(owner)
    assert NAME in history(boss)


def test_an_album_limited_after_its_removal_was_undone_is_not_told_of_once_it_is_gone() -> None:
    owner, other = a_user("Owner"), a_user("Other")
    undo_events(owner, remove_album(owner, create_album(owner, NAME)))
    change_album(owner, Album.objects.get(), {"is_limited": True, "members": [owner]})
    remove_album(owner, Album.objects.get())
    assert NAME not in history(other)
    assert NAME in history(owner)


def test_what_an_earlier_version_wrote_of_a_removed_album_is_not_told() -> None:
    owner, other = a_user("Owner"), a_user("Other")
    remove_album(owner, create_album(owner, NAME))
    Event.objects.filter(verb="album.remove").update(summary={"name": NAME})
    assert NAME not in history(other)
    assert NAME in history(owner)


def test_an_act_on_many_is_only_told_to_who_may_see_its_album() -> None:
    owner, other = a_user("Owner"), a_user("Other")
    album = create_album(owner, NAME, is_limited=True)
    chosen = [a_photo().pk, a_photo().pk]
    client = Client()
    client.force_login(owner)
    client.post(reverse("admin:gallery_photo_changelist"), {"action": "put", "_selected_action": chosen})
    act = BulkAct.objects.get()
    addresses = [
        reverse("admin:gallery_bulkact_changelist"),
        reverse("admin:gallery_bulkact_change", args=(act.pk,)),
        reverse("admin:gallery_bulkact_state", args=(act.pk,)),
    ]
    client.post(reverse("admin:gallery_bulkact_act", args=(act.pk,)), {"do": "start", "target": album.pk})
    assert Photo.objects.filter(albums=album).count() == 2
    assert NAME in client.get(addresses[0]).content.decode()
    client.force_login(other)
    answers = [client.get(address) for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert NAME not in answers[0].content.decode()
    assert (
        client.post(reverse("admin:gallery_bulkact_act", args=(act.pk,)), {"do": "stop"}).status_code == 404
    )
