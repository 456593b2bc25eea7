"""Photos come into albums and leave them; who may see a photo follows.

A photo is seen by who sees any of its albums. Nothing opens a photo by the way: one that leaves its last limited
album stays limited by it until somebody opens it, and what lets others see a photo is asked about first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.core.confirmation import ask_unless_confirmed
from gallery.core.exceptions import CannotUndo
from gallery.history.changeset import ChangeGroup, ChangeSet, apply_effects, record_event, split_into_chunks
from gallery.history.locking import lock_photos
from gallery.models import Album, AlbumPhoto, Event, Photo, User
from gallery.models.querysets import hidden_photo_q
from gallery.photos.albums import can_change_album, make_unsaved_album

MAX_NAMED_USERS = 5  # in the question


@transaction.atomic
def put_photos_in_album(
    user: User | None, photos: Sequence[Photo], album: Album | str, batch: UUID | None = None
) -> Event | None:
    """Put photos into an album, or into a new one of this name; None where all are there.

    Raises ConfirmationNeeded where others would see a photo by it, unless whoever acts was asked and means it.
    """
    changes = ChangeSet()
    is_new = isinstance(album, str)
    held = lock_photos(photos)
    into = make_unsaved_album(user, album) if isinstance(album, str) else album
    there = AlbumPhoto.objects.none() if is_new else AlbumPhoto.objects.filter(album=into, photo__in=photos)
    known = set(there.values_list("photo_id", flat=True))
    coming = [photo for photo in photos if photo.pk in held - known]
    if not coming:
        return None
    _ask_before_others_see([photo.pk for photo in coming], into)
    if is_new:
        changes.create(into)
    ids = [photo.pk for photo in coming]
    if into.is_limited:  # so that the undo knows that everybody saw them
        free = Photo.objects.filter(pk__in=ids, albums=None, limited_by=None).order_by()
        changes.update(Photo.objects.filter(pk__in=list(free.values_list("pk", flat=True))), limited_by=into)
    for row in AlbumPhoto.objects.bulk_create(AlbumPhoto(album=into, photo_id=pk) for pk in ids):
        changes.note_created_row(row)
    apply_effects(changes)
    return _record_membership(user, "album", coming, into.name, [into.pk], changes, batch)


@transaction.atomic
def take_photos_out(
    user: User, photos: Sequence[Photo], album: Album | None = None, batch: UUID | None = None
) -> Event | None:
    """Take photos out of this album, or of all that the user sees; None where they are in none."""
    changes = ChangeSet()
    lock_photos(photos)
    albums = Album.objects.filter(pk=album.pk) if album else Album.objects.visible_to(user)
    rows = AlbumPhoto.objects.filter(photo__in=photos, album__in=albums.order_by().values("pk"))
    pairs = list(rows.values_list("album_id", "photo_id"))
    if not pairs:
        return None
    left, going = {pk for pk, _photo in pairs}, {pk for _album, pk in pairs}
    changes.update(Album.objects.filter(pk__in=left, cover__in=going), cover=None)
    changes.delete(rows)
    apply_effects(changes)
    name = album.name if album else ""
    leaving = [photo for photo in photos if photo.pk in going]
    return _record_membership(user, "leave", leaving, name, left, changes, batch)


@transaction.atomic
def open_photo(user: User, photo: Photo) -> Event | None:
    """Let everybody see a photo that is in no album and has been limited by the last one that it left."""
    lock_photos([photo])
    album, changes = photo.limited_by, ChangeSet()
    if album is None or AlbumPhoto.objects.filter(photo=photo).exists():
        return None
    changes.set(photo, limited_by=None)
    apply_effects(changes)
    return record_event(user, "photo.open", photo, {"name": photo.name}, changes)


def filter_movable_photos(user: User, photos: Sequence[Photo]) -> list[Photo]:
    """Photos that the user may show to others: curators all they see, others not those of albums for chosen users,
    but for albums of their own."""
    if user.is_curator:
        return list(photos)
    limited = Photo.objects.limited().filter(pk__in=[photo.pk for photo in photos])
    own = Q(albums__created_by=user) | Q(limited_by__created_by=user)
    kept = set(limited.exclude(pk__in=limited.filter(own).values("pk")).values_list("pk", flat=True))
    return [photo for photo in photos if photo.pk not in kept]


def can_take_out(user: User, album: Album) -> bool:
    """Photos leave an album for chosen users only by who may change the album."""
    return can_change_album(user, album) or not album.is_limited


def list_limiting_albums(user: User | None, photos: Sequence[int] | RawSQL | QuerySet[Any, Any]) -> list[int]:
    """The limited albums that these photos are kept from others by, as far as the user sees them.

    Acts on the photos are about these albums, too, so that only who sees them is told.
    """
    limited = Photo.objects.limited().filter(pk__in=photos).order_by()
    rows = AlbumPhoto.objects.filter(photo__in=limited.values("pk")).values("album")
    albums = Album.objects.visible_to(user) if user else Album.objects.all()
    found = albums.filter(Q(pk__in=rows) | Q(pk__in=limited.values("limited_by")))
    return list(found.order_by("pk").values_list("pk", flat=True))


def _ask_before_others_see(photos: Iterable[int], album: Album) -> None:
    limited = Photo.objects.limited().filter(pk__in=photos)
    found = {photo.pk: photo for photo in limited}
    if not found:
        return
    seers: Mapping[int, set[int]] = {}
    if album.is_limited:
        of_photos: dict[int, set[int]] = {pk: {photo.limited_by_id or 0} for pk, photo in found.items()}
        rows = list(AlbumPhoto.objects.filter(photo__in=found).values_list("photo_id", "album_id"))
        for pk in {pk for pk, _album in rows}:
            of_photos[pk] = {of for photo, of in rows if photo == pk}
        seers = _list_chosen_users({album.pk}.union(*of_photos.values()))
        new = {pk: seers[album.pk].difference(*(seers[of] for of in of_photos[pk])) for pk in found}
        found = {pk: photo for pk, photo in found.items() if new[pk]}
        if not found:
            return
        users = User.objects.filter(pk__in=set().union(*new.values()), is_active=True).order_by("username")
        names = [str(user) for user in users[: MAX_NAMED_USERS + 1]]
        others = ", ".join(names[:MAX_NAMED_USERS]) + (", …" if len(names) > MAX_NAMED_USERS else "")
        who = _("In “%(album)s” these see it, too: %(users)s.") % {"album": album.name, "users": others}
    else:
        who = _("In “%(album)s” everybody who may sign in sees it.") % {"album": album.name}
    first = next(iter(found.values()))
    what = ngettext(
        "“%(name)s” is only for chosen users.",
        "%(count)s of these photos are only for chosen users, “%(name)s” among them.",
        len(found),
    ) % {"name": first.name, "count": len(found)}
    ask_unless_confirmed(f"see:{album.pk or album.name}:{len(found)}", f"{what} {who}")


def _list_chosen_users(albums: Iterable[int]) -> dict[int, set[int]]:
    """By album, the ids of who sees it while it is limited, administrators aside."""
    seers: dict[int, set[int]] = defaultdict(set)
    for pk, made_by, member in Album.objects.filter(pk__in=albums).values_list("pk", "created_by", "members"):
        seers[pk] |= {user for user in (made_by, member) if user}
    return seers


def ask_before_undo_shows(user: User, groups: Sequence[ChangeGroup]) -> None:
    """Ask before photos are seen by others again because this is taken back; of hidden ones nothing is said."""
    returning: dict[int, set[int]] = defaultdict(set)
    leaving, opened = set[int](), set[int]()
    for group in groups:
        before = group["before"] or {}
        if group["model"] == "albumphoto" and "album_id" in before:
            returning[before["album_id"]].add(before["photo_id"])
        elif group["model"] == "albumphoto" and not before:
            leaving |= set(group["ids"])
        elif group["model"] == "photo" and before.get("limited_by_id", 0) is None:
            opened |= set(group["ids"])
    for some in split_into_chunks(sorted(opened.union(*returning.values()))):
        if Photo.objects.filter(hidden_photo_q(user), pk__in=some).exists():
            raise CannotUndo(_("What this changed is no longer there, so it cannot be undone."))
    for album in Album.objects.filter(pk__in=returning).order_by("pk"):
        _ask_before_others_see(returning[album.pk], album)
    staying = AlbumPhoto.objects.filter(photo__in=opened).exclude(pk__in=leaving)
    opened -= set(staying.values_list("photo", flat=True)).union(*returning.values())
    if count := Photo.objects.limited().filter(pk__in=opened).count():
        question = ngettext(
            "%(count)s photo is only for chosen users. Undone, everybody who may sign in sees it.",
            "%(count)s photos are only for chosen users. Undone, everybody who may sign in sees them.",
            count,
        )
        ask_unless_confirmed(f"open:{count}", question % {"count": count})


def follow_moved_photos(changes: ChangeSet) -> None:
    """Photos whose albums an act has changed are other than they were shown; one that has left its last limited album
    stays limited by it."""
    for some in split_into_chunks(changes.list_referenced_ids("albumphoto", "photo_id")):
        Photo.objects.filter(pk__in=some).update(revision=F("revision") + 1)
    written = set(changes.list_changed_ids("photo", "limited_by_id"))
    left: dict[int, set[int]] = defaultdict(set)
    for group in changes.groups:
        if group["model"] == "albumphoto" and group["after"] is None:
            left[group["before"]["photo_id"]].add(group["before"]["album_id"])
    free = {pk for pk in left if pk not in written}
    for some in split_into_chunks(sorted(free)):
        free -= set(AlbumPhoto.objects.filter(photo__in=some).values_list("photo_id", flat=True))
    albums = Album.objects.filter(pk__in=set().union(*left.values()), is_limited=True)
    limited = set(albums.values_list("pk", flat=True))
    by_album: dict[int | None, list[int]] = defaultdict(list)
    for pk in free:
        by_album[min(left[pk]) if left[pk] <= limited else None].append(pk)
    for album, ids in by_album.items():
        for some in split_into_chunks(ids):
            rows = Photo.objects.filter(pk__in=some)
            changed = rows.exclude(limited_by=album) if album else rows.filter(limited_by__isnull=False)
            changes.update(changed, limited_by_id=album)


def _record_membership(
    user: User | None,
    act: str,
    photos: Sequence[Photo],
    album: str,
    albums: Iterable[int],
    changes: ChangeSet,
    batch: UUID | None,
) -> Event:
    """Of one photo by its name, of more by their number."""
    subjects = {"photo": [photo.pk for photo in photos], "album": albums}
    if len(photos) == 1 and batch is None:
        summary = {"name": photos[0].name, "album": album}
        return record_event(user, f"photo.{act}", photos[0], summary, changes, subjects=subjects)
    numbers = {"count": len(photos), "album": album}
    return record_event(user, f"photos.{act}", None, numbers, changes, batch, subjects)


def _describe_photo_put(summary: Mapping[str, Any]) -> str:
    if not summary["album"]:  # as earlier releases had it
        return _("took “%(name)s” out of its album") % summary
    return _("put “%(name)s” into the album “%(album)s”") % summary


def _describe_photos_put(summary: Mapping[str, Any]) -> str:
    if not summary["album"]:
        return _describe_photos_left(summary)
    text = ngettext(
        "put %(count)s photo into the album “%(album)s”",
        "put %(count)s photos into the album “%(album)s”",
        int(summary["count"]),
    )
    return text % summary


def _describe_photo_left(summary: Mapping[str, Any]) -> str:
    if not summary["album"]:
        return _("took “%(name)s” out of its albums") % summary
    return _("took “%(name)s” out of the album “%(album)s”") % summary


def _describe_photos_left(summary: Mapping[str, Any]) -> str:
    count = int(summary["count"])
    if not summary["album"]:
        text = ngettext(
            "took %(count)s photo out of its album", "took %(count)s photos out of their albums", count
        )
    else:
        text = ngettext(
            "took %(count)s photo out of the album “%(album)s”",
            "took %(count)s photos out of the album “%(album)s”",
            count,
        )
    return text % summary


EVENT_DESCRIPTIONS = {
    "photo.album": _describe_photo_put,
    "photos.album": _describe_photos_put,
    "photo.leave": _describe_photo_left,
    "photos.leave": _describe_photos_left,
    "photo.open": gettext_lazy("let everybody see “%(name)s” again"),
}
