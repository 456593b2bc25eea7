"""Albums with their covers and counts, and who is in one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from gallery.browse.people import most_often
from gallery.models import Album, Face, Person, Photo, User
from gallery.visibility import visible_albums, visible_photos


@dataclass(frozen=True, slots=True)
class Cover:
    """An album as a card shows it."""

    album: Album
    photo: Photo | None
    photos: int


def albums(user: User, text: str = "") -> QuerySet[Album]:
    """The albums a user sees, the newest event first, with `photo_count` and `cover_id_or_first`."""
    in_album = Photo.objects.filter(album=OuterRef("pk"), trashed_at__isnull=True)
    return visible_albums(user).annotate(
        photo_count=Count("photos", filter=Q(photos__trashed_at__isnull=True)),
        first_photo=Subquery(in_album.order_by("-pk").values("pk")[:1]),
    )


def covers(rows: Iterable[Album]) -> list[Cover]:
    """Cards for albums that came from `albums`: the chosen cover, else the newest photo."""
    found = list(rows)
    wanted = {album.cover_id or getattr(album, "first_photo", None) for album in found}
    wanted |= {getattr(album, "first_photo", None) for album in found}
    photos = Photo.objects.filter(trashed_at__isnull=True).in_bulk([pk for pk in wanted if pk])
    return [
        Cover(
            album,
            photos.get(album.cover_id or 0) or photos.get(getattr(album, "first_photo", None) or 0),
            getattr(album, "photo_count", 0),
        )
        for album in found
    ]


def people_in(user: User, album: Album, limit: int = 12) -> list[Person]:
    """Who is in an album, most often first, with `times`."""
    in_album = visible_photos(user).filter(album=album)
    return most_often(Face.objects.filter(photo__in=in_album.values("pk")), limit)
