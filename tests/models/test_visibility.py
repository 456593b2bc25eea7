"""Limited albums and all that is in them exist only for their members, their makers, and administrators."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from gallery.models import Album, AlbumPhoto, Face, Photo, Reference, Role, User
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
    albums[1].members.add(a_user("else"))
    albums[2].members.add(viewer)
    Album.objects.filter(name="closed").update(created_by=None)
    for album in [*albums, None]:
        face = a_face(a_photo(album=album))
        a_reference(a_person(f"Of {album}"), source_face=face)
        a_face(a_photo(album=album, trashed_at=timezone.now()))
    a_reference(a_person("Of no photo"))
    return viewer


def albums_of(rows: QuerySet, path: str) -> list[str | None]:  # type: ignore[type-arg]
    """The names of the albums that these rows are in, once for each row."""
    return sorted(rows.order_by().values_list(path, flat=True), key=str)


ALL = [None, "closed", "open", "own", "theirs"]
SEEN = {
    "vy": [None, "open", "own", "theirs"],
    "owner": [None, "open", "theirs"],
    "else": [None, "closed", "open"],
    "nobody": [None, "open"],
    "admin": ALL,
}


ROLES = {"admin": Role.ADMINISTRATOR, "nobody": Role.CURATOR}


@pytest.mark.parametrize("name", SEEN)
def test_who_sees_what_is_in_an_album(world: User, name: str) -> None:
    user = User.objects.filter(username=name).first() or a_user(name, ROLES[name])
    seen, hidden = SEEN[name], [album for album in ALL if album not in SEEN[name]]
    assert albums_of(Album.objects.visible_to(user), "name") == [album for album in seen if album]
    assert albums_of(Album.objects.hidden_from(user), "name") == hidden
    assert albums_of(Photo.objects.visible_to(user), "albums__name") == seen
    assert albums_of(Photo.objects.in_visible_albums(user).in_trash(), "albums__name") == seen
    assert albums_of(Face.objects.visible_to(user), "photo__albums__name") == seen
    references = Reference.objects.visible_to(user)
    assert albums_of(references, "source_face__photo__albums__name") == [None, *seen]  # one is of no photo


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize(
    "albums", [("closed", "open"), ("closed", "theirs"), ("theirs", "own"), ("closed", "own")]
)
@pytest.mark.parametrize("limited_by", [None, "closed", "theirs"])
def test_a_photo_is_seen_once_by_who_sees_any_of_its_albums(
    world: User, albums: tuple[str, str], limited_by: str | None, name: str
) -> None:
    user = User.objects.filter(username=name).first() or a_user(name, ROLES[name])
    limit = Album.objects.filter(name=limited_by).first()
    face = a_face(a_photo("several.jpg", limited_by=limit))
    reference = a_reference(a_person("Of several"), source_face=face)
    for album in albums:
        AlbumPhoto.objects.create(album=Album.objects.get(name=album), photo=face.photo)
    times = int(bool({*albums} & {*SEEN[name]}))
    assert Photo.objects.visible_to(user).filter(pk=face.photo_id).count() == times
    assert Photo.objects.in_visible_albums(user).filter(pk=face.photo_id).count() == times
    assert Face.objects.visible_to(user).filter(pk=face.pk).count() == times
    assert Reference.objects.visible_to(user).filter(pk=reference.pk).count() == times
    assert Photo.objects.limited().filter(pk=face.photo_id).exists() == ("open" not in albums)


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("album", ["closed", "theirs", "open"])
def test_a_photo_that_has_left_a_limited_album_is_seen_by_who_was_chosen_for_it(
    world: User, album: str, name: str
) -> None:
    """Also once that album has been opened."""
    user = User.objects.filter(username=name).first() or a_user(name, ROLES[name])
    face = a_face(a_photo(limited_by=Album.objects.get(name=album)))
    chosen = {"closed": ["else", "admin"], "theirs": ["vy", "owner", "admin"], "open": ["owner", "admin"]}
    times = int(name in chosen[album])
    assert Photo.objects.visible_to(user).filter(pk=face.photo_id).count() == times
    assert Face.objects.visible_to(user).filter(pk=face.pk).count() == times
    assert Photo.objects.limited().filter(pk=face.photo_id).exists()


@pytest.mark.parametrize("role", Role)
def test_pictures_in_the_trash_are_shown_to_who_may_restore_them(world: User, role: Role) -> None:
    user = a_user("one", role)
    trashed = Photo.objects.viewable_by(user).in_trash()
    numbers = {Role.VIEWER: 0, Role.CONTRIBUTOR: 2, Role.CURATOR: 2, Role.ADMINISTRATOR: 5}
    assert trashed.count() == numbers[role]


def test_what_is_hidden_between_two_requests_is_hidden(world: User) -> None:
    client = Client()
    client.force_login(world)
    photo = Photo.objects.get(albums__name="open", trashed_at=None)
    assert client.get(f"/photos/{photo.pk}/").status_code == 200
    Album.objects.filter(name="open").update(is_limited=True)
    assert client.get(f"/photos/{photo.pk}/").status_code == 404
