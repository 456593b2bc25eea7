"""Albums with their covers and counts, and who is in one."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Max, Q, QuerySet

from gallery.browse.paging import Mark
from gallery.browse.people import most_often
from gallery.models import Album, Face, Person, Photo, User
from gallery.visibility import visible_albums, visible_photos

PAGE = 60


@dataclass(frozen=True, slots=True)
class Cover:
    """An album as a card shows it."""

    album: Album
    photo: Photo | None
    photos: int


def albums(user: User) -> QuerySet[Album]:
    """The albums a user sees, the newest event first; those without a date last."""
    return visible_albums(user).order_by(F("date").desc(nulls_last=True), "-pk")


def page(rows: QuerySet[Album], after: Mark | None) -> tuple[list[Album], Mark | None]:
    """Albums in the order of `albums`, from behind a mark on; and the mark of the next page."""
    found = list(_behind(rows, after)[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return found[:PAGE], Mark(last.pk, last.date.isoformat() if last.date else "") if last else None


def _behind(rows: QuerySet[Album], after: Mark | None) -> QuerySet[Album]:
    if after is None:
        return rows
    if not after.value:
        return rows.filter(date__isnull=True, pk__lt=after.pk)
    try:
        date = datetime.date.fromisoformat(after.value)
    except ValueError:
        return rows
    return rows.filter(Q(date__lt=date) | Q(date=date, pk__lt=after.pk) | Q(date__isnull=True))


def covers(rows: Iterable[Album]) -> list[Cover]:
    """Cards for albums: the chosen cover, else the newest photo; two queries, however many they are."""
    found = list(rows)
    there = Photo.objects.filter(trashed_at__isnull=True)
    counted = there.filter(album__in=[album.pk for album in found]).order_by().values_list("album")
    counts = {album: (newest, photos) for album, newest, photos in counted.annotate(Max("pk"), Count("pk"))}
    wanted = {album.cover_id for album in found} | {newest for newest, _photos in counts.values()}
    photos = there.only("sha256").in_bulk([pk for pk in wanted if pk])
    covers = []
    for album in found:
        newest, number = counts.get(album.pk, (0, 0))
        covers.append(Cover(album, photos.get(album.cover_id or 0) or photos.get(newest), number))
    return covers


def people_in(user: User, album: Album, limit: int = 12) -> list[Person]:
    """Who is in an album, most often first, with `times`."""
    in_album = visible_photos(user).filter(album=album)
    return most_often(Face.objects.filter(photo__in=in_album.values("pk")), limit)
