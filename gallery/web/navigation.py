"""From photo to photo in the order one came from: an album, a person's photos, search results, all photos.

A photo's address keeps it as `in`: `album:5`, `person:3`, `person:3:2024`, `photos:unnamed`, `added:`, `tag:Trip`,
`search:q=Anna`. The order is the album's, or the user's for lists of photos."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from gallery.core.pagination import find_by_id, parse_id
from gallery.models import Album, Person, Photo, User
from gallery.models.photos import PhotoOrder
from gallery.people.selectors import list_photos_of_person
from gallery.photos.albums import list_photos_in_album
from gallery.photos.descriptions import list_photos_with_tag
from gallery.photos.ordering import find_neighbour_ids, get_cursor, list_photos_beyond
from gallery.photos.search import parse_search_query, search_photos
from gallery.photos.selectors import filter_photos

ADDED_PHOTOS_KEY = "added:"  # all photos, in the order of Home


@dataclass(frozen=True, slots=True)
class PhotoNavigation:
    """The photos one goes through, in this order."""

    key: str  # what stands in the address; empty where the photo says it by itself
    name: str
    address: str  # the page with all of them
    photos: QuerySet[Photo]
    order: str

    @property
    def jump(self) -> str:
        """The page from somewhere in the list on, but for the value that says where."""
        return f"{self.address}{'&' if '?' in self.address else '?'}after="


@dataclass(frozen=True, slots=True)
class PhotoPosition:
    """Where a photo lies on a walk."""

    before: int | None
    after: int | None
    number: int  # from 1; 0 where the photo belongs to it no more
    total: int


def get_grid_url(on: PhotoNavigation, photo: Photo) -> str:
    """The page with all of the photos, at this one."""
    return f"{on.address}{'&' if '?' in on.address else '?'}at={photo.pk}#tile-{photo.pk}"


def album_navigation_key(album: Album) -> str:
    return f"album:{album.pk}"


def person_navigation_key(person: Person, year: int | None) -> str:
    return f"person:{person.pk}:{year}" if year else f"person:{person.pk}"


def get_photo_url(photo: Photo, key: str, face: int | None = None) -> str:
    """A photo's page, on a walk, with one of its faces chosen."""
    query = {name: value for name, value in (("face", face), ("in", key)) if value}
    address = reverse("photo", args=(photo.pk,))
    return f"{address}?{urlencode(query)}" if query else address


def get_photo_navigation(user: User, key: str, photo: Photo) -> PhotoNavigation:
    """What the key in an address means; where it means nothing to this user, one of its albums, or all photos."""
    if found := find_navigation(user, key):
        return found
    album = photo.albums.filter(pk__in=Album.objects.visible_to(user).values("pk")).first()
    if album:
        return _album_navigation(user, album, "")
    return get_all_photos(user)


def get_all_photos(user: User) -> PhotoNavigation:
    return PhotoNavigation(
        "", _("Photos"), reverse("photos"), Photo.objects.visible_to(user), user.photo_order
    )


def find_navigation(user: User, key: str) -> PhotoNavigation | None:
    kind, _colon, rest = key.partition(":")
    return _NAVIGATION_KINDS[kind](user, rest, key) if kind in _NAVIGATION_KINDS else None


def _album_navigation(user: User, album: Album, key: str) -> PhotoNavigation:
    address = reverse("album", args=(album.pk,))
    return PhotoNavigation(key, album.name, address, list_photos_in_album(user, album), album.order)


def _album_from_key(user: User, rest: str, key: str) -> PhotoNavigation | None:
    album = find_by_id(Album.objects.visible_to(user), rest)
    return _album_navigation(user, album, key) if album else None


def _person_from_key(user: User, rest: str, key: str) -> PhotoNavigation | None:
    pk, _colon, text = rest.partition(":")
    person, year = find_by_id(Person.objects.all(), pk), parse_id(text)
    if person is None:
        return None
    name, address = person.label, reverse("person", args=(person.pk,))
    photos = list_photos_of_person(user, person)
    if year and 1 <= year <= 9999:
        name, address, photos = (
            f"{name}, {year}",
            f"{address}?year={year}",
            photos.filter(taken_at__year=year),
        )
    return PhotoNavigation(key, name, address, photos, user.photo_order)


def _photos_from_key(user: User, rest: str, key: str) -> PhotoNavigation | None:
    address = reverse("photos") + (f"?{urlencode({'show': rest})}" if rest else "")
    photos = filter_photos(user, Photo.objects.visible_to(user), rest)
    return PhotoNavigation(key, _("Photos"), address, photos, user.photo_order)


def _added_photos_from_key(user: User, rest: str, key: str) -> PhotoNavigation:
    photos = Photo.objects.visible_to(user)
    return PhotoNavigation(key, _("Photos"), reverse("photos"), photos, PhotoOrder.ADDED)


def _tag_from_key(user: User, rest: str, key: str) -> PhotoNavigation | None:
    address = f"{reverse('tag')}?{urlencode({'name': rest})}"
    return PhotoNavigation(key, rest, address, list_photos_with_tag(user, rest), user.photo_order)


def _search_from_key(user: User, rest: str, key: str) -> PhotoNavigation | None:
    asked = parse_search_query(user, QueryDict(rest))
    address = f"{reverse('search')}?{rest}"
    photos = search_photos(user, asked)
    return PhotoNavigation(key, asked.text or _("Search"), address, photos, user.photo_order)


_NAVIGATION_KINDS = {
    "album": _album_from_key,
    "person": _person_from_key,
    "photos": _photos_from_key,
    "added": _added_photos_from_key,
    "tag": _tag_from_key,
    "search": _search_from_key,
}


def locate_photo(on: PhotoNavigation, photo: Photo) -> PhotoPosition:
    before, after = find_neighbour_ids(on.photos, on.order, photo)
    is_there = on.photos.filter(pk=photo.pk).exists()
    earlier = list_photos_beyond(on.photos, on.order, get_cursor(photo), is_before=True)
    number = earlier.count() + 1 if is_there else 0
    return PhotoPosition(before, after, number, on.photos.count() if is_there else 0)
