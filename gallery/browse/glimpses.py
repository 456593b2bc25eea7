"""What a tile of the grid says of the faces on a photo: who is there, and how many wait for somebody's word.

The photos of a page have hundreds of faces; so these are read as plain values, by one query, and not as rows of a
model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from gallery.compiled import given_ids, rows
from gallery.models import Decision, Face, Photo


@dataclass(frozen=True, slots=True)
class Glimpse:
    names: str  # of the people on the photo, from left to right, each once
    open: int  # faces that are unsure or unknown, and not decided


def glimpsed(photos: Iterable[Photo]) -> list[Photo]:
    """These photos, each with its `glimpse`; one query."""
    found = list(photos)
    if not found:
        return found
    names: dict[int, dict[str, None]] = defaultdict(dict)
    waiting: dict[int, int] = defaultdict(int)
    for photo, state, decision, name in rows("glimpses", _faces, ids=[photo.pk for photo in found]):
        if name is not None and _is_named(state, decision):
            names[photo][name] = None
        waiting[photo] += decision == Decision.NONE and state != Face.State.KNOWN
    for photo_row in found:
        said = Glimpse(", ".join(names[photo_row.pk]), waiting[photo_row.pk])
        photo_row.glimpse = said  # type: ignore[attr-defined]  # as an annotation would
    return found


def _faces() -> QuerySet[Face, Any]:
    faces = Face.objects.filter(photo__in=given_ids()).order_by("left", "pk")
    return faces.values_list("photo", "state", "decision", "person__name")


def _is_named(state: str, decision: str) -> bool:
    """As `standing` has it: confirmed by somebody, or recognised and left so."""
    return decision == Decision.CONFIRMED or (decision == Decision.NONE and state == Face.State.KNOWN)


def glimpse(photo: Photo) -> Glimpse:
    """Of a photo that came from a list, or by itself."""
    found: Glimpse | None = getattr(photo, "glimpse", None)
    return found or glimpse(*glimpsed([photo]))
