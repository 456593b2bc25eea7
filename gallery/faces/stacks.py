"""Stacks: photos of one burst, or nearly the same picture, which grids show as one tile.

A stack is a number that its photos share. Of those that somebody sees in a list the one with the most faces, then the
sharpest and largest, stands in front (`stack_score`). What somebody has taken apart is not stacked again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from gallery.models import Decision, Photo
from gallery.models.querysets import among_ids
from recognition.likeness import Likeness, count_different_bits, list_similar_bits

BURST_SECONDS, MAX_BURST_BITS = 5, 12  # between two photos of a burst; of 64 bits those that may differ
MAX_SAME_BITS = 2  # of nearly the same picture, whenever it was taken
MAX_ASPECT_CHANGE = 0.02
MOST_DETAILED_SIDE = 10_000  # pixels


def stack_photo(photo: Photo, seen: Likeness) -> None:
    """Note what the photo looks like and stack it with those that look like it; inside a transaction."""
    faces = photo.faces.exclude(decision=Decision.NOT_A_FACE).count()
    detail = seen.sharpness * min(1.0, max(photo.width, photo.height) / MOST_DETAILED_SIDE)
    Photo.objects.filter(pk=photo.pk).update(likeness=seen.bits, stack_score=faces + detail)
    if not seen.bits or not photo.is_stackable:
        return
    alike = [other for other in _find_candidates(photo, seen.bits) if _has_same_shape(photo, other)]
    if not alike:
        return
    joined = {stack for each in (photo, *alike) if (stack := each.stack)}
    ids = {photo.pk, *(other.pk for other in alike)}
    Photo.objects.filter(Q(pk__in=ids) | Q(stack__in=joined)).update(stack=min(ids | joined))


def _find_candidates(photo: Photo, bits: int) -> Iterator[Photo]:
    others = Photo.objects.filter(is_stackable=True).exclude(pk=photo.pk).order_by()
    others = others.only("width", "height", "stack", "likeness")
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
