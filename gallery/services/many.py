"""Acts on many photos at once. Each is one event, taken back by one undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import Album, Event, Photo, User
from gallery.models.people import clean_name, search_key
from gallery.services import followup
from gallery.services.albums import new_album
from gallery.services.errors import Refused
from gallery.services.history import record
from gallery.services.ledger import Ledger
from gallery.services.waiting import wait_again
from gallery.visibility import visible_albums

MOST = 500  # photos in one act
MOST_FILES = 100  # in one ZIP, for which each photo is read and written anew


def album_called(user: User, name: str) -> Album | None:
    """The album of this name that the user sees, the latest where there are several."""
    return visible_albums(user).filter(search=search_key(clean_name(name))[:400]).first()


@transaction.atomic
def put(
    user: User, photos: Sequence[Photo], album: Album | str | None, batch: UUID | None = None
) -> Event | None:
    """Put photos into an album, into a new one of this name, or into none; None where all are there."""
    ledger = Ledger()
    if isinstance(album, str):
        album = new_album(user, album)
        ledger.create(album)
    target = album.pk if album else None
    ids = [photo.pk for photo in photos if photo.album_id != target]
    if not ids:
        return None
    ledger.update(Album.objects.filter(cover__in=ids).exclude(pk=target or 0), cover=None)
    ledger.update(Photo.objects.filter(pk__in=ids), album_id=target)
    followup.after(ledger)
    albums = {photo.album_id for photo in photos if photo.album_id} | ({target} if target else set())
    summary = {"count": len(ids), "album": album.name if album else ""}
    return record(user, "photos.album", None, summary, ledger, batch, {"photo": ids, "album": albums})


@transaction.atomic
def trash(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    columns = {"trashed_at": timezone.now(), "trashed_by_id": user.pk}
    return _write(user, "photos.trash", _rows(photos), batch, columns)


@transaction.atomic
def restore(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    columns = {"trashed_at": None, "trashed_by_id": None}
    return _write(user, "photos.restore", _rows(photos, trashed=True), batch, columns)


@transaction.atomic
def set_recognised(
    user: User, photos: Sequence[Photo], is_recognised: bool, batch: UUID | None = None
) -> Event | None:
    """Whether anybody is to be recognised in these photos; None where all are so already."""
    verb = "photos.recognise" if is_recognised else "photos.stop_recognising"
    others = Photo.objects.filter(pk__in=[photo.pk for photo in photos], is_recognised=not is_recognised)
    return _write(user, verb, others, batch, {"is_recognised": is_recognised})


@transaction.atomic
def process(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    """Have the worker look at them again; those in the trash, or that wait already, are left."""
    ledger = Ledger()
    ids = wait_again(ledger, _rows(photos))
    return _recorded(user, "photos.retry", ledger, ids, batch)


def _rows(photos: Sequence[Photo], *, trashed: bool = False) -> QuerySet[Photo]:
    return Photo.objects.filter(pk__in=[photo.pk for photo in photos], trashed_at__isnull=not trashed)


def _write(
    user: User, verb: str, rows: QuerySet[Photo], batch: UUID | None, columns: Mapping[str, object]
) -> Event | None:
    ledger = Ledger()
    return _recorded(user, verb, ledger, ledger.update(rows, **columns), batch)


def _recorded(user: User, verb: str, ledger: Ledger, ids: list[int], batch: UUID | None) -> Event | None:
    if not ids:
        return None
    followup.after(ledger)
    rows = Photo.objects.filter(pk__in=ids, album__isnull=False).order_by()
    subjects = {"photo": ids, "album": rows.values_list("album_id", flat=True).distinct()}
    return record(user, verb, None, {"count": len(ids)}, ledger, batch, subjects)


def must_be_few(photos: Sequence[object], most: int = MOST) -> None:
    if not photos:
        raise Refused(_("Choose at least one photo."))
    if len(photos) > most:
        raise Refused(
            _("At most %(most)s photos at a time. Nothing was changed; choose fewer.") % {"most": most}
        )
