"""From photo to photo in the order one came from: an album, a person's photos, what a search found, all of them.

A photo's address keeps it as `in`: `album:5`, `person:3`, `person:3:2024`, `photos:unnamed`, `search:q=Anna`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from gallery.browse import finding, people, photos
from gallery.browse.paging import as_id
from gallery.models import Album, Person, Photo, User
from gallery.visibility import visible_albums, visible_photos

EVERY = "photos:"


@dataclass(frozen=True, slots=True)
class Walk:
    """The photos one goes through, newest first."""

    key: str  # what stands in the address; empty where the photo says it by itself
    name: str
    address: str  # the page with all of them
    photos: QuerySet[Photo]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photo lies on a walk."""

    newer: int | None
    older: int | None
    number: int  # from 1; 0 where the photo belongs to it no more
    total: int


def in_album(album: Album) -> str:
    return f"album:{album.pk}"


def of_person(person: Person, year: int | None) -> str:
    return f"person:{person.pk}:{year}" if year else f"person:{person.pk}"


def address_of(photo: Photo, key: str, face: int | None = None) -> str:
    """A photo's page, on a walk, with one of its faces chosen."""
    query = {name: value for name, value in (("face", face), ("in", key)) if value}
    address = reverse("photo", args=(photo.pk,))
    return f"{address}?{urlencode(query)}" if query else address


def walk(user: User, key: str, photo: Photo) -> Walk:
    """What the key in an address means; where it means nothing to this user, the photo's album, or all photos."""
    kind, _colon, rest = key.partition(":")
    found = _KINDS[kind](user, rest, key) if kind in _KINDS else None
    return found or _of_photo(user, photo)


def _of_photo(user: User, photo: Photo) -> Walk:
    if photo.album:
        return _album_walk(user, photo.album, "")
    return Walk("", _("Photos"), reverse("photos"), visible_photos(user))


def _album_walk(user: User, album: Album, key: str) -> Walk:
    address = reverse("album", args=(album.pk,))
    return Walk(key, album.name, address, visible_photos(user).filter(album=album))


def _album(user: User, rest: str, key: str) -> Walk | None:
    album = visible_albums(user).filter(pk=as_id(rest) or 0).first()
    return _album_walk(user, album, key) if album else None


def _person(user: User, rest: str, key: str) -> Walk | None:
    pk, _colon, text = rest.partition(":")
    person, year = Person.objects.filter(pk=as_id(pk) or 0).first(), as_id(text)
    if person is None:
        return None
    found, address = people.photos_of(user, person), reverse("person", args=(person.pk,))
    if year and 1 <= year <= 9999:
        return Walk(
            key, f"{person.name}, {year}", f"{address}?year={year}", found.filter(taken_at__year=year)
        )
    return Walk(key, person.name, address, found)


def _photos(user: User, rest: str, key: str) -> Walk | None:
    address = reverse("photos") + (f"?{urlencode({'show': rest})}" if rest else "")
    return Walk(key, _("Photos"), address, photos.chosen(visible_photos(user), rest))


def _search(user: User, rest: str, key: str) -> Walk | None:
    asked = finding.wish_of(QueryDict(rest))
    address = f"{reverse('search')}?{rest}"
    return Walk(key, asked.text or _("Search"), address, finding.found_photos(user, asked))


_KINDS = {"album": _album, "person": _person, "photos": _photos, "search": _search}


def place(on: Walk, photo: Photo) -> Place:
    newer, older = photos.neighbours(on.photos, photo)
    is_there = on.photos.filter(pk=photo.pk).exists()
    number = on.photos.filter(pk__gt=photo.pk).count() + 1 if is_there else 0
    return Place(newer, older, number, on.photos.count() if is_there else 0)
