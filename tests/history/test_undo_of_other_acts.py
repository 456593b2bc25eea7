"""Acts on photos, albums and references are taken back exactly, too."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from gallery.core.exceptions import CannotUndo
from gallery.history.undo import undo_events
from gallery.models import Album, Event, GalleryChange, Photo, Reference, Role, ShareLink, Status
from gallery.people.references import add_reference, judge_references, move_references
from gallery.people.services import set_person_cover
from gallery.photos.albums import (
    change_album,
    create_album,
    remove_album,
    set_album_cover,
)
from gallery.photos.membership import put_photos_in_album, take_photos_out
from gallery.photos.services import restore_photo, trash_photo
from gallery.privacy.retention import delete_expired_records
from tests.making import a_person, a_photo, a_reference, a_user
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


def last() -> Event:
    return Event.objects.first()


def rows(model):
    hidden = ("revision",)
    return [
        {name: value for name, value in row.items() if name not in hidden}
        for row in model.objects.order_by("pk").values()
    ]


def test_the_trash_is_undone_and_a_waiting_photo_goes_on(sent):
    user, photo = a_user(), a_photo(work=Status.QUEUED)
    before = rows(Photo)
    trash_photo(user, photo)
    assert rows(Photo) != before
    sent.clear()
    undo_events(user, last())
    assert rows(Photo) == before
    assert ("process_photo", photo.pk) in sent


def test_restoring_is_undone():
    user, photo = a_user(), a_photo()
    trash_photo(user, photo)
    before = rows(Photo)
    restore_photo(user, photo)
    undo_events(user, last())
    assert rows(Photo) == before


@pytest.mark.parametrize("status", ["rejected", "pending"])
def test_judging_references_is_undone_and_announced(status, sent):
    user, anna = a_user(), a_person()
    group = [a_reference(anna) for _ in range(3)]
    before = rows(Reference)
    assert judge_references(user, group, status) == 3
    assert GalleryChange.objects.filter(kind="removed").count() == 3
    undo_events(user, last())
    assert rows(Reference) == before
    assert GalleryChange.objects.filter(kind="added").count() == 3
    assert ("request_build",) in sent


def test_moving_references_is_undone_with_the_cover():
    user, anna, eva = a_user(), a_person("Anna"), a_person("Eva")
    reference = a_reference(anna)
    anna.cover = reference
    anna.save()
    move_references(user, [reference], eva)
    anna.refresh_from_db()
    assert anna.cover is None
    undo_events(user, last())
    anna.refresh_from_db()
    reference.refresh_from_db()
    assert (reference.person, anna.cover) == (anna, reference)


def test_a_reference_judged_again_since_is_left_as_it_is():
    user, reference = a_user(), a_reference(a_person())
    judge_references(user, [reference], "rejected")
    rejected = last()
    judge_references(user, [reference], "pending")
    with pytest.raises(CannotUndo, match="has changed this since"):
        undo_events(user, rejected)


def test_adding_a_reference_is_undone_and_redone_with_its_file():
    user, anna = a_user(), a_person()
    added = add_reference(user, anna, jpeg())
    (undone,) = undo_events(user, last())
    added.refresh_from_db()
    assert added.status == "rejected"
    undo_events(user, undone)
    added.refresh_from_db()
    assert added.status == "approved"
    assert Path(added.image.path).exists()


def test_a_reference_that_was_judged_moved_or_chosen_since_stays():
    """A contributor's undo would take with it what curators did."""
    sender, curator = a_user("sender", Role.CONTRIBUTOR), a_user()
    anna, eva = a_person("Anna"), a_person("Eva")
    for touch in (
        lambda added: judge_references(curator, [added], "approved"),
        lambda added: move_references(curator, [added], eva),
        lambda added: set_person_cover(curator, anna, added),
    ):
        picture = jpeg(40 * Reference.objects.count())
        added = add_reference(sender, anna, picture, status="pending")
        event = last()
        touch(added)
        anna.refresh_from_db()
        with pytest.raises(CannotUndo, match=r"Mai has changed this since|has become the cover"):
            undo_events(sender, event)
        assert Reference.objects.exclude(status="rejected").filter(pk=added.pk).exists()


def test_what_was_taken_back_counts_again_when_somebody_sends_it_again_but_not_by_an_import():
    user, anna = a_user(), a_person()
    added = add_reference(user, anna, jpeg())
    undo_events(user, last())
    assert add_reference(None, anna, jpeg()) is None
    added.refresh_from_db()
    assert added.status == "rejected"
    assert add_reference(user, anna, jpeg()) == added
    added.refresh_from_db()
    assert added.status == "approved"


def test_judging_costs_the_same_number_of_queries_for_any_number(django_assert_max_num_queries):
    user, anna = a_user(), a_person()
    group = [a_reference(anna) for _ in range(120)]
    with django_assert_max_num_queries(16):
        judge_references(user, group, "rejected")


def test_an_album_is_unmade_unless_it_has_been_used():
    user = a_user()
    empty, used = create_album(user, "Empty"), create_album(user, "Used")
    put_photos_in_album(user, [a_photo()], used)
    for album in (empty, used):
        made = Event.objects.get(verb="album.create", object_id=album.pk)
        if album == used:
            with pytest.raises(CannotUndo):
                undo_events(user, made)
        else:
            undo_events(user, made)
    assert list(Album.objects.all()) == [used]


def test_changes_of_an_album_and_its_members_are_undone():
    user, mai, bao = a_user("Kim"), a_user("Mai", Role.VIEWER), a_user("Bao", Role.VIEWER)
    album = create_album(user, "Trip")
    change_album(user, album, {"is_limited": True, "members": [mai]})
    before = rows(Album), set(album.members.all())
    change_album(user, album, {"name": "Journey", "members": [bao]})
    assert set(album.members.all()) == {bao}
    undo_events(user, last())
    assert (rows(Album), set(album.members.all())) == before


def test_a_removed_album_comes_back_with_photos_members_and_links():
    user, mai, photo = a_user("Kim"), a_user("Mai", Role.VIEWER), a_photo()
    album = create_album(user, "Trip")
    change_album(user, album, {"members": [mai]})
    put_photos_in_album(user, [photo], album)
    set_album_cover(user, album, photo)
    ShareLink.objects.create(album=album, token_hash="x", expires_at="2030-01-01T00:00Z")
    before = rows(Album), rows(Photo), rows(ShareLink)
    remove_album(user, album)
    assert not Album.objects.exists()
    assert not ShareLink.objects.exists()
    undo_events(user, last())
    assert (rows(Album), rows(Photo), rows(ShareLink)) == before
    assert set(Album.objects.get().members.all()) == {mai}


def test_taking_a_photo_out_of_an_album_is_undone_with_the_cover():
    user, photo = a_user(), a_photo()
    album = create_album(user, "Trip")
    put_photos_in_album(user, [photo], album)
    set_album_cover(user, album, photo)
    photo.refresh_from_db()
    before = rows(Album), rows(Photo)
    take_photos_out(user, [photo])
    undo_events(user, last())
    assert (rows(Album), rows(Photo)) == before


CHANGES = {
    "name": "Journey",
    "date": date(2024, 7, 14),
    "note": "By the sea",
    "is_recognised": False,
    "is_limited": True,
}


@pytest.mark.parametrize("column", CHANGES)
def test_each_change_of_an_album_is_undone_by_itself_whatever_came_later(column):
    user, album = a_user(), create_album(a_user("Bao"), "Trip", date=date(2020, 1, 1), note="")
    before = rows(Album)[0]
    first = change_album(user, album, {column: CHANGES[column]})
    for later, value in CHANGES.items():
        if later != column:
            assert change_album(user, album, {**CHANGES, later: value})
            break
    undo_events(user, first)
    after = rows(Album)[0]
    assert after[column] == before[column]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == set(CHANGES) - {column} | ({"search"} if column != "name" else set())


def test_saving_an_album_unchanged_is_no_act():
    user, album = a_user(), create_album(a_user("Bao"), "Trip", date=date(2020, 1, 1), note="x")
    count = Event.objects.count()
    values = {"name": "Trip", "date": date(2020, 1, 1), "note": "x", "is_limited": False, "members": []}
    assert change_album(user, album, values) is None
    assert Event.objects.count() == count


def test_a_new_album_with_all_its_values_is_one_act_and_undone_as_one():
    user, mai = a_user("Kim"), a_user("Mai", Role.VIEWER)
    create_album(user, "Trip", date=date(2024, 7, 14), note="x", is_limited=True, members=[mai])
    undo_events(user, last())
    assert not Album.objects.exists()
    undo_events(user, last())
    assert Album.objects.get().note == "x"
    assert set(Album.objects.get().members.all()) == {mai}


def test_the_cover_goes_back_to_the_one_before():
    user, album = a_user(), create_album(a_user("Bao"), "Trip")
    first, second = a_photo(album=album), a_photo(album=album)
    set_album_cover(user, album, first)
    set_album_cover(user, album, second)
    undo_events(user, last())
    album.refresh_from_db()
    assert album.cover == first


def test_acts_on_albums_are_undone_from_the_history_after_thirty_days(client):
    user = a_user("Kim")
    client.force_login(user)
    album, photo = create_album(user, "Trip"), a_photo()
    change_album(user, album, {"name": "Journey"})
    put_photos_in_album(user, [photo], album)
    set_album_cover(user, album, photo)
    remove_album(user, album)
    Event.objects.update(at=timezone.now() - timedelta(days=31))
    delete_expired_records()
    acts = ("album.remove", "album.cover", "photo.album", "album.change", "album.create")
    for verb in acts:
        event = Event.objects.get(verb=verb)
        assert reverse("event_undo", args=(event.pk,)) in client.get(reverse("history")).content.decode()
        client.post(reverse("event_undo", args=(event.pk,)))
        event.refresh_from_db()
        assert event.undone_at, verb
    assert not Album.objects.exists()
    photo.refresh_from_db()
    assert not photo.albums.exists()
