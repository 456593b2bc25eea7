"""Albums: made, changed, given photos, taken apart. Each act can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.models import Album, Event, Photo, ShareLink, User
from gallery.models.people import clean_name, search_key
from gallery.services import followup
from gallery.services.errors import Refused
from gallery.services.history import record
from gallery.services.ledger import Ledger


@transaction.atomic
def create(user: User, name: str, **values: Any) -> Album:
    """A new album; the user may see it whatever its limits become. `values` are those of `change`."""
    members = values.pop("members", ())
    album = new_album(user, name, **values)
    ledger = Ledger()
    ledger.create(album)
    _set_members(ledger, album, members)
    record(user, "album.create", album, {"name": album.name}, ledger)
    return album


def new_album(user: User, name: str, **values: Any) -> Album:
    """An album that is not kept yet; Refused without a name."""
    return Album(created_by=user, **_names(name), **values)


@transaction.atomic
def change(user: User, album: Album, values: Mapping[str, Any]) -> Event | None:
    """Name, date, note, cover, limits, `members`; None where all is so already.

    Each is written, and taken back, by itself: a date changed since does not keep the old name from coming back.
    """
    was = Album.objects.get(pk=album.pk)
    ledger = Ledger()
    if "name" in values:
        _write(ledger, was, album, _names(str(values["name"])))
    for column in values.keys() - {"name", "members"}:
        _write(ledger, was, album, {column: values[column]})
    if "members" in values:
        _set_members(ledger, album, values["members"])
    if not ledger.groups:
        return None
    followup.after(ledger)
    summary = {"name": album.name, **({"old": was.name} if was.name != album.name else {})}
    return record(user, "album.change", album, summary, ledger)


def _write(ledger: Ledger, was: Album, album: Album, columns: Mapping[str, Any]) -> None:
    if any(getattr(was, column) != value for column, value in columns.items()):
        ledger.set(album, **columns)


@transaction.atomic
def set_recognised(user: User, album: Album, is_recognised: bool) -> Event | None:
    """Whether anybody is to be recognised in the album's photos."""
    if album.is_recognised == is_recognised:
        return None
    ledger = Ledger()
    ledger.set(album, is_recognised=is_recognised)
    followup.after(ledger)
    verb = "album.recognise" if is_recognised else "album.stop_recognising"
    return record(user, verb, album, {"name": album.name}, ledger)


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
def put(user: User, photo: Photo, album: Album | None) -> Event | None:
    """Put a photo into an album, or into none; None where it is there already."""
    if photo.album_id == (album.pk if album else None):
        return None
    ledger = Ledger()
    ledger.update(Album.objects.filter(cover=photo).exclude(pk=album.pk if album else 0), cover=None)
    ledger.update(Photo.objects.filter(pk=photo.pk), album=album)
    followup.after(ledger)
    albums = [pk for pk in (photo.album_id, album.pk if album else None) if pk]
    summary = {"name": photo.name, "album": album.name if album else ""}
    return record(user, "photo.album", photo, summary, ledger, subjects={"album": albums})


@transaction.atomic
def set_cover(user: User, album: Album, photo: Photo) -> Event:
    ledger = Ledger()
    ledger.set(album, cover_id=photo.pk)
    return record(user, "album.cover", album, {"name": album.name}, ledger, subjects={"photo": [photo.pk]})


@transaction.atomic
def remove(user: User, album: Album) -> Event:
    """Take the album away; its photos stay, in no album, and where nobody was recognised nobody is.

    Not for limited albums with photos: they would be seen.
    """
    if album.is_limited and Photo.objects.filter(album=album).exists():
        raise Refused(
            _("This album is only for chosen users. Move its photos first, or open it to everybody.")
        )
    ledger = Ledger()
    if not album.is_recognised:
        ledger.update(Photo.objects.filter(album=album), is_recognised=False)
    ledger.update(Photo.objects.filter(album=album), album=None)
    ledger.delete(ShareLink.objects.filter(album=album))
    ledger.delete(Album.members.through.objects.filter(album=album))
    ledger.delete(Album.objects.filter(pk=album.pk))
    summary = {"name": album.name, "is_open": not album.is_limited}  # whether all may go on reading of it
    return record(user, "album.remove", album, summary, ledger)
