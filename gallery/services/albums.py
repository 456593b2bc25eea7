"""Albums: made, changed, given photos, taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.models import Album, Photo, User
from gallery.models.people import clean_name, search_key
from gallery.services.errors import Refused
from gallery.services.history import record


@transaction.atomic
def create(user: User, name: str, *, when: date | None = None, note: str = "") -> Album:
    """A new album; the user may see it whatever its limits become."""
    album = Album(created_by=user, date=when, note=note)
    _set_name(album, name)
    album.save()
    record(user, "album.create", album, {"name": album.name})
    return album


@transaction.atomic
def change(user: User, album: Album, values: Mapping[str, Any]) -> None:
    """Name, date, note, cover, limits; `members` with `is_limited`."""
    plain = {key: value for key, value in values.items() if key not in ("name", "members")}
    for key, value in plain.items():
        setattr(album, key, value)
    if "name" in values:
        _set_name(album, str(values["name"]))
    album.save()
    if "members" in values:
        album.members.set(values["members"])
    record(user, "album.change", album, {"name": album.name})


def _set_name(album: Album, name: str) -> None:
    shown = clean_name(name)[:200]
    if not shown:
        raise Refused(_("Write a name for the album."))
    album.name, album.search = shown, search_key(shown)[:400]


@transaction.atomic
def put(user: User, photo: Photo, album: Album | None) -> None:
    """Put a photo into an album, or into none."""
    if photo.album_id == (album.pk if album else None):
        return
    Photo.objects.filter(pk=photo.pk).update(album=album)
    Album.objects.filter(cover=photo).exclude(pk=album.pk if album else 0).update(cover=None)
    record(user, "photo.album", photo, {"name": photo.name, "album": album.name if album else ""})


@transaction.atomic
def set_cover(user: User, album: Album, photo: Photo) -> None:
    Album.objects.filter(pk=album.pk).update(cover=photo)
    record(user, "album.cover", album, {"name": album.name})


@transaction.atomic
def remove(user: User, album: Album) -> None:
    """Take the album away; its photos stay, in no album. Not for limited albums with photos: they would be seen."""
    if album.is_limited and Photo.objects.filter(album=album).exists():
        raise Refused(
            _("This album is only for chosen users. Move its photos first, or open it to everybody.")
        )
    record(user, "album.remove", album, {"name": album.name})
    album.delete()
