"""Stacks: photos of one burst, or nearly the same picture, which grids show as one tile.

A stack is a number that its photos share. Of those that somebody sees in a list the one with the most faces, then the
sharpest and largest, stands in front (`stack_score`). What somebody has taken apart is not stacked again. Photos are
stacked only with those that the same people see: none brings two others together for who may not know of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from gallery.history.locking import hold_words
from gallery.models import AlbumPhoto, Decision, Photo
from gallery.models.querysets import PhotoQuerySet, among_ids, hidden_photo_q
from recognition.likeness import Likeness, count_different_bits, list_similar_bits

BURST_SECONDS, MAX_BURST_BITS = 5, 12  # between two photos of a burst; of 64 bits those that may differ
MAX_SAME_BITS = 2  # of nearly the same picture, whenever it was taken
MAX_ASPECT_CHANGE = 0.02
MOST_DETAILED_SIDE = 10_000  # pixels


def stack_photo(photo: Photo, seen: Likeness) -> None:
    """Note what the photo looks like and stack it with those that look like it.

    Inside a transaction that has locked the photo. One at a time, so that each sees what those before it have noted.
    Photos that others have locked are left out: they may be waiting for this, and find this photo in their turn.
    """
    hold_words("stacks")
    faces = photo.faces.exclude(decision=Decision.NOT_A_FACE).count()
    detail = seen.sharpness * min(1.0, max(photo.width, photo.height) / MOST_DETAILED_SIDE)
    Photo.objects.filter(pk=photo.pk).update(likeness=seen.bits, stack_score=faces + detail)
    photo = Photo.objects.get(pk=photo.pk)
    if not seen.bits or not photo.is_stackable or photo.trashed_at:
        return
    fellows = _list_photos_with_same_audience(photo).filter(is_stackable=True)
    others = fellows.exclude(pk=photo.pk).only("width", "height", "stack", "likeness")
    alike = [other for other in _find_candidates(others, photo, seen.bits) if _has_same_shape(photo, other)]
    if not alike:
        return
    joined = {stack for each in (photo, *alike) if (stack := each.stack)}
    ids = {photo.pk, *(other.pk for other in alike)}
    rows = fellows.filter(Q(pk__in=ids) | Q(stack__in=joined))
    held = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list("pk", flat=True)
    Photo.objects.filter(pk__in=among_ids(list(held))).update(stack=min(ids | joined))


def _list_photos_with_same_audience(photo: Photo) -> PhotoQuerySet:
    """Those outside the trash that are for everybody, as this one is, or that the same albums keep from others."""
    photos = Photo.objects.outside_trash().order_by()
    if not Photo.objects.limited().filter(pk=photo.pk).exists():
        return photos.exclude(hidden_photo_q(None))
    albums = list(AlbumPhoto.objects.filter(photo=photo).values_list("album_id", flat=True))
    if not albums:
        return photos.filter(albums=None, limited_by=photo.limited_by_id)
    for album in albums:
        photos = photos.filter(pk__in=AlbumPhoto.objects.filter(album=album).values("photo"))
    return photos.exclude(pk__in=AlbumPhoto.objects.exclude(album__in=albums).values("photo"))


def _find_candidates(others: PhotoQuerySet, photo: Photo, bits: int) -> Iterator[Photo]:
    yield from others.filter(likeness__in=among_ids(list_similar_bits(bits, MAX_SAME_BITS)))
    if photo.taken_at is None or photo.taken_precision != "second":
        return
    around = timedelta(seconds=BURST_SECONDS)
    near = others.filter(
        taken_precision="second", taken_at__range=(photo.taken_at - around, photo.taken_at + around)
    )
    for other in near.exclude(likeness=0):
        if other.likeness and count_different_bits(bits, other.likeness) <= MAX_BURST_BITS:
            yield other


def _has_same_shape(photo: Photo, other: Photo) -> bool:
    one, two = photo.width * other.height, other.width * photo.height
    return abs(one - two) <= MAX_ASPECT_CHANGE * max(one, two)
