"""The orders photos are shown in: last added first, by the moment they were taken, or by hand (photos that carry a
`place`, see album_order.py); pages and neighbours follow."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from gallery.core.pagination import KeysetPage, PageCursor, paginate_by_id, parse_id
from gallery.models import Photo
from gallery.models.photos import PhotoOrder

Photos = QuerySet[Photo, Any]
LIST_ORDERS = (PhotoOrder.LATEST, PhotoOrder.TAKEN, PhotoOrder.ADDED)  # of any list
ASCENDING = (PhotoOrder.TAKEN, PhotoOrder.HAND)


def order_photos(photos: Photos, order: str, *, is_reversed: bool = False) -> Photos:
    """In this order, or from its end; what has no date stands where it was added."""
    sign = "" if (order in ASCENDING) != is_reversed else "-"
    if order == PhotoOrder.ADDED:
        return photos.order_by(f"{sign}pk")
    if order == PhotoOrder.HAND:
        return photos.order_by(f"{sign}place", f"{sign}pk")
    # Listed photos are all outside the trash; said here, it lets both databases read an index from its begin.
    trash = "-trashed_at" if sign == "" else "trashed_at"
    rows = photos.annotate(moment=Coalesce("taken_at", "added_at"))
    return rows.order_by(trash, f"{sign}moment", f"{sign}pk")


def list_photos_beyond(photos: Photos, order: str, cursor: PageCursor, *, is_before: bool = False) -> Photos:
    """The photos that come after the cursor in this order, nearest first; or before it."""
    rows = order_photos(photos, order, is_reversed=is_before)
    beyond = "gt" if (order in ASCENDING) != is_before else "lt"
    if order == PhotoOrder.ADDED:
        return rows.filter(**{f"pk__{beyond}": cursor.pk})
    if order == PhotoOrder.HAND:
        found = photos.filter(pk=cursor.pk)
        place = found.values_list("place", flat=True).first()  # type: ignore[misc]  # annotate_places adds it
        same = Q(**{"place": place, f"pk__{beyond}": cursor.pk})
        return rows.filter(Q(**{f"place__{beyond}": place}) | same) if place is not None else rows.none()
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(cursor.value).astimezone(UTC)
        later = Q(**{f"moment__{beyond}": moment}) | Q(**{f"pk__{beyond}": cursor.pk})
        return rows.filter(later, **{f"moment__{beyond}e": moment})  # a range, which an index begins at
    return rows


def paginate_photos(photos: Photos, order: str, after: str | None, size: int) -> KeysetPage[Photo]:
    """A page of photos in this order, behind what `after` in an address says."""
    if order == PhotoOrder.ADDED:
        return paginate_by_id(photos, parse_id((after or "").partition(":")[0]), size)
    cursor = PageCursor.read(after or "")
    rows = list_photos_beyond(photos, order, cursor) if cursor else order_photos(photos, order)
    found = list(rows[: size + 1])
    following = str(get_cursor(found[size - 1])) if len(found) > size else None
    return KeysetPage(found[:size], following)


def get_cursor(photo: Photo) -> PageCursor:
    """Where the photo stands in any order."""
    moment = getattr(photo, "moment", None) or photo.taken_at or photo.added_at
    return PageCursor(photo.pk, moment.isoformat())


def get_after(photo: Photo, order: str) -> str:
    """What `after` in an address says for the photos that come after this one."""
    return str(photo.pk if order == PhotoOrder.ADDED else get_cursor(photo))


def find_neighbour_ids(photos: Photos, order: str, photo: Photo) -> tuple[int | None, int | None]:
    """Ids of the photos before and after this one."""
    before, after = (
        list_photos_beyond(photos, order, get_cursor(photo), is_before=is_before)
        for is_before in (True, False)
    )
    return before.values_list("pk", flat=True).first(), after.values_list("pk", flat=True).first()
