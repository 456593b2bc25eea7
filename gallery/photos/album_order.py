"""Albums in an order of one's own: photos put at a place by hand.

The place of a photo is a number on its row in the album. Until somebody moves one it is the row's id, so that what
comes later stands at the end; a photo between two others gets a number between theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor

from django.db import transaction
from django.db.models import FloatField, OuterRef, Subquery
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext_lazy

from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.models import Album, AlbumPhoto, Event, Photo, User
from gallery.models.photos import PhotoOrder
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.ordering import order_photos

_PLACE = Coalesce("position", Cast("pk", FloatField()))


@dataclass(frozen=True, slots=True)
class PlacedPhoto:
    row: int  # of the album
    photo: int
    place: float


def annotate_places(photos: PhotoQuerySet, album: Album) -> PhotoQuerySet:
    """The album's photos, each with its `place` where they are in an order of one's own."""
    if album.order != PhotoOrder.HAND:
        return photos
    rows = AlbumPhoto.objects.filter(album=album, photo=OuterRef("pk")).annotate(place=_PLACE)
    return photos.annotate(place=Subquery(rows.values("place")))


@transaction.atomic
def place_photos(user: User, album: Album, photos: Sequence[Photo], after: Photo | None) -> Event | None:
    """Put photos of the album behind another one, or first, in the album's order; None where they stand there.

    From then on the album is in this order, whatever its order was; it begins with that.
    """
    held = Album.objects.select_for_update().get(pk=album.pk)
    changes = ChangeSet()
    if held.order != PhotoOrder.HAND:
        number_photos(held)
        changes.set(held, order=PhotoOrder.HAND)
    moved = {photo.pk for photo in photos}
    before = _list_places(held)
    staying = [placed for placed in before if placed.photo not in moved]
    moving = [placed for placed in before if placed.photo in moved]
    index = next((i + 1 for i, placed in enumerate(staying) if after and placed.photo == after.pk), 0)
    wished = [*staying[:index], *moving, *staying[index:]]
    if wished != before:
        places = _find_places_between(staying, index, len(moving))
        if not all(one < other for one, other in pairwise(places)):  # no numbers are left between the two
            number_photos(held)
            staying = [placed for placed in _list_places(held) if placed.photo not in moved]
            places = _find_places_between(staying, index, len(moving))
        for placed, place in zip(moving, places[1:-1], strict=True):
            changes.update(AlbumPhoto.objects.filter(pk=placed.row), position=place)
    if not changes.groups:
        return None
    apply_effects(changes)
    return record_event(user, "album.order", album, {"name": album.name}, changes)


def number_photos(album: Album) -> None:
    """Make the order that the album has the one that photos are moved in. Nobody sees a difference."""
    order = {pk: number for number, pk in enumerate(_list_photo_ids(album), 1)}
    rows = list(AlbumPhoto.objects.filter(album=album))
    for row in rows:
        row.position = order[row.photo_id]
    AlbumPhoto.objects.bulk_update(rows, ["position"], batch_size=500)


def _list_photo_ids(album: Album) -> list[int]:
    photos = annotate_places(Photo.objects.filter(albums=album), album)
    return list(order_photos(photos, album.order).values_list("pk", flat=True))


def _list_places(album: Album) -> list[PlacedPhoto]:
    rows = AlbumPhoto.objects.filter(album=album).annotate(place=_PLACE).order_by("place", "photo")
    return [PlacedPhoto(*row) for row in rows.values_list("pk", "photo_id", "place")]


def _find_places_between(staying: Sequence[PlacedPhoto], index: int, count: int) -> list[float]:
    """Numbers for photos before the one at this index, with those on either side of them.

    At the end they stay below the next whole number: the id of a photo that comes later is not among them.
    """
    low = staying[index - 1].place if index else None
    high = staying[index].place if index < len(staying) else None
    if low is None:
        low = (high or 0) - 1
    if high is None:
        high = floor(low) + 1.0
    return [low + (high - low) * part / (count + 1) for part in range(count + 2)]


EVENT_DESCRIPTIONS = {"album.order": gettext_lazy("put photos of the album “%(name)s” in another order")}
