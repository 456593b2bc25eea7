"""Which albums are hidden is asked once a page: what is seen is the same as where it is asked every time."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries

from gallery.core.permissions import current_user, remember_hidden_albums
from gallery.models import Album, Photo, Role, User, querysets
from gallery.models.querysets import (
    HIDDEN_ALBUMS_ATTRIBUTE,
    visible_albums,
    visible_faces,
    visible_faces_for_counting,
    visible_photos,
    visible_references,
)
from tests.making import a_face, a_person, a_photo, a_reference, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> User:
    """A viewer, and four albums: open, limited, limited with the viewer in it, and one they made themselves."""
    viewer, owner = a_user("vy", Role.VIEWER), a_user("owner")
    limits = {"open": False, "closed": True, "theirs": True}
    albums = [
        Album.objects.create(name=name, created_by=owner, is_limited=is_limited)
        for name, is_limited in limits.items()
    ]
    albums.append(Album.objects.create(name="own", created_by=viewer, is_limited=True))
    albums[2].members.add(viewer)
    for album in [*albums, None]:
        face = a_face(a_photo(album=album))
        a_reference(a_person(f"Of {album}"), source_face=face)
    return viewer


def seen(user: User) -> list[list[int]]:
    rows = (
        visible_albums(user),
        visible_photos(user),
        visible_faces(user),
        visible_faces_for_counting(user),
        visible_references(user),
    )
    return [sorted(found.values_list("pk", flat=True)) for found in rows]


def test_the_same_is_seen_whether_it_is_asked_once_or_every_time(world: User) -> None:
    every_time = seen(User.objects.get(pk=world.pk))
    remember_hidden_albums(world)
    assert seen(world) == every_time
    assert [len(found) for found in every_time] == [3, 4, 4, 4, 4]


def test_where_many_are_hidden_they_are_asked_for_each_time(
    world: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Album.objects.create(name="closed too", created_by=a_user("other"), is_limited=True)
    every_time = seen(User.objects.get(pk=world.pk))
    monkeypatch.setattr(querysets, "MAX_REMEMBERED_ALBUMS", 1)
    remember_hidden_albums(world)
    assert seen(world) == every_time


def test_it_is_asked_once(world: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    remember_hidden_albums(world)
    with django_assert_num_queries(6):
        seen(world)


def test_what_is_hidden_between_two_requests_is_hidden(world: User) -> None:
    client = Client()
    client.force_login(world)
    photo = Photo.objects.get(album__name="open")
    assert client.get(f"/photos/{photo.pk}/").status_code == 200
    Album.objects.filter(name="open").update(is_limited=True)
    assert client.get(f"/photos/{photo.pk}/").status_code == 404


@pytest.mark.parametrize(("method", "is_remembered"), [("get", True), ("head", True), ("post", False)])
def test_an_act_never_relies_on_an_earlier_look(world: User, method: str, is_remembered: bool) -> None:
    request = getattr(RequestFactory(), method)("/")
    request.user = world
    user = current_user(request)
    seen(user)
    assert hasattr(user, HIDDEN_ALBUMS_ATTRIBUTE) == is_remembered
