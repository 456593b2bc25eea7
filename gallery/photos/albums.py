"""Albums: listed with their covers, made, changed, taken apart."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.confirmation import ask_unless_confirmed
from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import PageCursor
from gallery.faces.selectors import find_most_frequent_people
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.history.locking import lock_for_removal
from gallery.models import Album, AlbumPhoto, Event, Face, Person, Photo, ShareLink, User
from gallery.models.people import clean_name, get_name_key, get_search_key
from gallery.models.photos import PhotoOrder
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.album_order import annotate_places, number_photos

ALBUMS_PER_PAGE = 60


@dataclass(frozen=True, slots=True)
class AlbumCard:
    """An album as a card shows it."""

    album: Album
    photo: Photo | None
    photos: int


def list_albums(user: User) -> QuerySet[Album]:
    """The albums a user sees, the newest event first; those without a date last."""
    return Album.objects.visible_to(user).order_by(F("date").desc(nulls_last=True), "-pk")


def get_album_page(rows: QuerySet[Album], after: PageCursor | None) -> tuple[list[Album], PageCursor | None]:
    """Albums in the order of `list_albums`, behind the cursor; and the cursor of the next page."""
    if after is not None and not after.value:
        rows = rows.filter(date__isnull=True, pk__lt=after.pk)
    elif after is not None:
        with suppress(ValueError):
            date = datetime.date.fromisoformat(after.value)
            rows = rows.filter(Q(date__lt=date) | Q(date=date, pk__lt=after.pk) | Q(date__isnull=True))
    found = list(rows[: ALBUMS_PER_PAGE + 1])
    if len(found) <= ALBUMS_PER_PAGE:
        return found, None
    last = found[ALBUMS_PER_PAGE - 1]
    return found[:ALBUMS_PER_PAGE], PageCursor(last.pk, last.date.isoformat() if last.date else "")


def list_album_cards(rows: Iterable[Album]) -> list[AlbumCard]:
    """Cards for albums: the chosen cover, else the newest photo; two queries, however many they are."""
    found = list(rows)
    there = Photo.objects.outside_trash()
    counted = there.filter(albums__in=[album.pk for album in found]).order_by().values_list("albums")
    chosen = Max("pk", filter=Q(pk=F("albums__cover")))  # where it is still in the album
    rows_by_album = counted.annotate(shown=Coalesce(chosen, Max("pk")), number=Count("pk"))
    counts = {album: (shown, number) for album, shown, number in rows_by_album}
    photos = there.only("sha256", "format", "turn").in_bulk([shown for shown, _number in counts.values()])
    covers = []
    for album in found:
        shown, number = counts.get(album.pk, (0, 0))
        covers.append(AlbumCard(album, photos.get(shown), number))
    return covers


def list_photos_in_album(user: User, album: Album) -> PhotoQuerySet:
    return annotate_places(Photo.objects.visible_to(user).filter(albums=album), album)


def list_albums_by_photo(user: User, photos: Iterable[Photo]) -> dict[int, list[int]]:
    """The ids of the albums that each of these photos is in, as far as the user may know of them."""
    found: dict[int, list[int]] = {photo.pk: [] for photo in photos}
    rows = AlbumPhoto.objects.filter(photo__in=found, album__in=Album.objects.visible_to(user).values("pk"))
    for photo, album in rows.order_by("album").values_list("photo_id", "album_id"):
        found[photo].append(album)
    return found


def list_people_in_album(user: User, album: Album, limit: int = 12) -> list[Person]:
    """Who is in an album, most often first, with `times`."""
    in_album = list_photos_in_album(user, album)
    return find_most_frequent_people(Face.objects.filter(photo__in=in_album.values("pk")), limit)


def can_change_album(user: User, album: Album) -> bool:
    """Curators change every album they see, contributors their own."""
    return user.is_curator or (user.is_contributor and album.created_by_id == user.pk)


@transaction.atomic
def create_album(user: User, name: str, **values: Any) -> Album:
    """A new album; the user may see it whatever its limits become. `values` are those of `change_album`.

    Raises ConfirmationNeeded where the user sees one of this name.
    """
    _ask_about_same_name(find_albums_called(user, name))
    members = values.pop("members", ())
    album = make_unsaved_album(user, name, **values)
    changes = ChangeSet()
    changes.create(album)
    _set_album_members(changes, album, members)
    record_event(user, "album.create", album, {"name": album.name}, changes)
    return album


def make_unsaved_album(user: User | None, name: str, **values: Any) -> Album:
    """An album that is not saved yet; ActionRefused without a name."""
    return Album(created_by=user, **_clean_album_name(name), **values)


@transaction.atomic
def change_album(user: User, album: Album, values: Mapping[str, Any]) -> Event | None:
    """Name, date, note, cover, limits, `members`; None where all is so already.

    Each is written, and taken back, by itself: a date changed since does not keep the old name from coming back.
    """
    was = Album.objects.get(pk=album.pk)
    if values.get("order") == PhotoOrder.HAND != was.order:
        number_photos(was)
    changes = ChangeSet()
    parts = [{column: values[column]} for column in values.keys() - {"name", "members"}]
    if "name" in values:
        _ask_about_same_name(find_albums_called(user, str(values["name"])).exclude(pk=album.pk))
        parts.append(_clean_album_name(str(values["name"])))
    for columns in parts:
        if any(getattr(was, column) != value for column, value in columns.items()):
            changes.set(album, **columns)
    if "members" in values:
        _set_album_members(changes, album, values["members"])
    if not changes.groups:
        return None
    apply_effects(changes)
    summary = {"name": album.name, **({"old": was.name} if was.name != album.name else {})}
    return record_event(user, "album.change", album, summary, changes)


@transaction.atomic
def set_album_recognition(user: User, album: Album, is_recognised: bool) -> Event | None:
    """Whether anybody is to be recognised in the album's photos."""
    if album.is_recognised == is_recognised:
        return None
    changes = ChangeSet()
    changes.set(album, is_recognised=is_recognised)
    apply_effects(changes)
    verb = "album.recognise" if is_recognised else "album.stop_recognising"
    return record_event(user, verb, album, {"name": album.name}, changes)


def _clean_album_name(name: str) -> dict[str, str]:
    shown = clean_name(name)[:200]
    if not shown:
        raise ActionRefused(_("Write a name for the album."))
    return {"name": shown, "search": get_search_key(shown)[:400]}


def _set_album_members(changes: ChangeSet, album: Album, members: Iterable[User]) -> None:
    wanted = {user.pk for user in members}
    membership = Album.members.through
    there = membership.objects.filter(album=album)
    changes.delete(there.exclude(user__in=wanted))
    for pk in sorted(wanted - set(there.values_list("user_id", flat=True))):
        changes.create(membership(album_id=album.pk, user_id=pk))


@transaction.atomic
def set_album_cover(user: User, album: Album, photo: Photo) -> Event:
    changes = ChangeSet()
    changes.set(album, cover_id=photo.pk)
    return record_event(
        user, "album.cover", album, {"name": album.name}, changes, subjects={"photo": [photo.pk]}
    )


@transaction.atomic
def remove_album(user: User, album: Album) -> Event:
    """Take the album away; its photos stay, and where nobody was recognised nobody is.

    Not for limited albums with photos that are in no other: nothing would keep them from others.
    """
    lock_for_removal(album)
    photos, rows = Photo.objects.filter(albums=album), AlbumPhoto.objects.filter(album=album)
    elsewhere = AlbumPhoto.objects.filter(photo=OuterRef("pk")).exclude(album=album)
    alone = Q(limited_by=album) | (Q(albums=album) if album.is_limited else Q(pk__in=[]))
    if Photo.objects.filter(alone).exclude(Exists(elsewhere)).exists():
        raise ActionRefused(
            _(
                "Some photos are only for the chosen users of this album. Put them into another album, or open "
                "the album and those photos that have left it to everybody."
            )
        )
    changes = ChangeSet()
    if not album.is_recognised:
        changes.update(photos, is_recognised=False)
    changes.update(Photo.objects.filter(limited_by=album), limited_by=None)
    changes.delete(rows)
    changes.delete(ShareLink.objects.filter(album=album))
    changes.delete(Album.members.through.objects.filter(album=album))
    changes.delete(Album.objects.filter(pk=album.pk))
    apply_effects(changes)
    summary = {"name": album.name, "is_open": not album.is_limited}  # whether all may go on reading of it
    return record_event(user, "album.remove", album, summary, changes)


def find_albums_called(user: User | None, name: str) -> QuerySet[Album]:
    """Albums of this name that the user sees, the latest first; without a user all. Case, blanks and Unicode's forms
    do not count."""
    albums = Album.objects.visible_to(user) if user else Album.objects.all()
    alike = albums.filter(search=get_search_key(name)[:400]).values_list("pk", "name")
    key = get_name_key(clean_name(name)[:200])
    return albums.filter(pk__in=[pk for pk, other in alike if get_name_key(other) == key])


def find_album_by_name(user: User, name: str) -> Album | None:
    """The album of this name that the user sees, else the latest whose name differs in accents alone."""
    alike = Album.objects.visible_to(user).filter(search=get_search_key(name)[:400])
    return find_albums_called(user, name).first() or alike.first()


def _ask_about_same_name(albums: QuerySet[Album]) -> None:
    if same := albums.first():
        question = _("There is already an album “%(name)s”. Then there are two of that name.")
        ask_unless_confirmed(f"album:{same.pk}", question % {"name": same.name})


def _describe_change(summary: Mapping[str, Any]) -> str:
    if summary["old"]:
        return _("renamed the album “%(old)s” to “%(name)s”") % summary
    return _("changed the album “%(name)s”") % summary


EVENT_DESCRIPTIONS = {
    "album.create": gettext_lazy("made the album “%(name)s”"),
    "album.change": _describe_change,
    "album.recognise": gettext_lazy("let faces be recognised in the album “%(name)s” again"),
    "album.stop_recognising": gettext_lazy("stopped recognising faces in the album “%(name)s”"),
    "album.cover": gettext_lazy("chose the cover of the album “%(name)s”"),
    "album.remove": gettext_lazy("took the album “%(name)s” away"),
}
