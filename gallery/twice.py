"""Marks faces whose name stands on another face of the same photo. For a look: mirrors and screens do that."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Q

from gallery.models import Decision, Face

NAMED = Q(person__isnull=False) & ~Q(decision__in=(Decision.IGNORED, Decision.NOT_A_FACE))


def mark(faces: Collection[int]) -> None:
    """Say it anew for all faces of these faces' photos; at most a few hundred ids."""
    photos = Face.objects.filter(pk__in=faces).values("photo_id")
    of_photos = Face.objects.filter(photo_id__in=photos)
    twice = (
        of_photos.filter(NAMED)
        .order_by()
        .values("photo_id", "person_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
        .values_list("photo_id", "person_id")
    )
    doubled = Q(pk__in=[])
    for photo, person in twice:
        doubled |= Q(photo_id=photo, person_id=person)
    of_photos.filter(is_twice=True).exclude(NAMED & doubled).update(is_twice=False)
    of_photos.filter(NAMED & doubled, is_twice=False).update(is_twice=True)
