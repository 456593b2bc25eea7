"""Albums: made, changed, given photos, taken apart. Each act can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.models import Album, Photo, ShareLink, User
from gallery.models.people import clean_name, search_key
from gallery.services.errors import Refused
from gallery.services.history import record
from gallery.services.ledger import Ledger


@transaction.atomic
def create(user: User, name: str, *, when: date | None = None, note: str = "") -> Album:
    """A new album; the user may see it whatever its limits become."""
    album = Album(created_by=user, date=when, note=note, **_names(name))
    ledger = Ledger()
    ledger.create(album)
    record(user, "album.create", album, {"name": album.name}, ledger)
    return album


@transaction.atomic
def change(user: User, album: Album, values: Mapping[str, Any]) -> None:
    """Name, date, note, cover, limits; `members` with `is_limited`."""
    columns = {key: value for key, value in values.items() if key not in ("name", "members")}
    if "name" in values:
        columns |= _names(str(values["name"]))
    ledger = Ledger()
    if columns:
        ledger.set(album, **columns)
    if "members" in values:
        _set_members(ledger, album, values["members"])
    record(user, "album.change", album, {"name": album.name}, ledger)


def _names(name: str) -> dict[str, str]:
    shown = clean_name(name)[:200]
    if not shown:
        raise Refused(_("Write a name for the album."))
    return {"name": shown, "search": search_key(shown)[:400]}


def _set_members(ledger: Ledger, album: Album, members: Iterable[User]) -> None:
    wanted = {user.pk for user in members}
    membership = Album.members.through
    there = membership.objects.filter(album=album)
    ledger.delete(there.exclude(user__in=wanted))
    for pk in sorted(wanted - set(there.values_list("user_id", flat=True))):
        ledger.create(membership(album_id=album.pk, user_id=pk))


@transaction.atomic
def put(user: User, photo: Photo, album: Album | None) -> None:
    """Put a photo into an album, or into none."""
    if photo.album_id == (album.pk if album else None):
        return
    ledger = Ledger()
    ledger.update(Album.objects.filter(cover=photo).exclude(pk=album.pk if album else 0), cover=None)
    ledger.update(Photo.objects.filter(pk=photo.pk), album=album)
    albums = [pk for pk in (photo.album_id, album.pk if album else None) if pk]
    summary = {"name": photo.name, "album": album.name if album else ""}
    record(user, "photo.album", photo, summary, ledger, subjects={"album": albums})


@transaction.atomic
def set_cover(user: User, album: Album, photo: Photo) -> None:
    ledger = Ledger()
    ledger.set(album, cover_id=photo.pk)
    record(user, "album.cover", album, {"name": album.name}, ledger, subjects={"photo": [photo.pk]})


@transaction.atomic
def remove(user: User, album: Album) -> None:
    """Take the album away; its photos stay, in no album. Not for limited albums with photos: they would be seen."""
    if album.is_limited and Photo.objects.filter(album=album).exists():
        raise Refused(
            _("This album is only for chosen users. Move its photos first, or open it to everybody.")
        )
    ledger = Ledger()
    ledger.update(Photo.objects.filter(album=album), album=None)
    ledger.delete(ShareLink.objects.filter(album=album))
    ledger.delete(Album.members.through.objects.filter(album=album))
    ledger.delete(Album.objects.filter(pk=album.pk))
    record(user, "album.remove", album, {"name": album.name}, ledger)
