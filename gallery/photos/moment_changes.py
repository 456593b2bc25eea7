"""Moments of many photos corrected at once: set, moved by days and hours, or taken from the names of the files."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import ngettext_lazy

from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.history.locking import lock_photos
from gallery.models import Event, Photo, User
from gallery.models.photos import TakenSource
from gallery.photos.membership import list_limiting_albums
from gallery.photos.moments import get_moment_columns
from recognition.images.moments import Moment, find_moment_in_name

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MomentChange:
    """One of these; with neither, the names of the files say."""

    moment: Moment | None = None
    shift: timedelta | None = None

    def find_columns(self, photo: Photo) -> dict[str, Any] | None:
        """What the photo is to keep; None where it stays as it is."""
        if self.shift is not None:
            return _shift_moment(photo, self.shift)
        moment = self.moment or find_moment_in_name(photo.name)
        if moment is None:
            return None
        columns = get_moment_columns(moment)
        return columns | {"taken_source": TakenSource.PERSON} if self.moment else columns


def _shift_moment(photo: Photo, shift: timedelta) -> dict[str, Any] | None:
    """A day is moved by whole days; a month or a year says too little to be moved."""
    if photo.taken_at is None or photo.taken_precision in ("year", "month"):
        return None
    if photo.taken_precision == "day" and shift % DAY:
        return None
    try:
        return {"taken_at": photo.taken_at + shift, "taken_source": TakenSource.PERSON}
    except OverflowError:
        return None


def preview_moments(photos: Sequence[Photo], change: MomentChange) -> list[tuple[Photo, Photo | None]]:
    """Each photo with itself as it would be; None where it would stay as it is."""
    found: list[tuple[Photo, Photo | None]] = []
    for photo in photos:
        columns, changed = change.find_columns(photo), copy(photo)
        for name, value in (columns or {}).items():
            setattr(changed, name, value)
        found.append((photo, changed if columns else None))
    return found


@transaction.atomic
def correct_moments(user: User, photos: Sequence[Photo], change: MomentChange) -> Event | None:
    lock_photos(photos)
    changes = ChangeSet()
    current = list(Photo.objects.filter(pk__in=[photo.pk for photo in photos]).order_by("pk"))
    for photo in current:
        columns = change.find_columns(photo)
        if columns and any(getattr(photo, name) != value for name, value in columns.items()):
            changes.set(photo, **columns)
    ids = sorted(changes.list_written_ids("photo"))
    if not ids:
        return None
    apply_effects(changes)
    if len(current) == 1:
        return record_event(user, "photo.taken", current[0], {"name": current[0].name}, changes)
    subjects = {"photo": ids, "album": list_limiting_albums(user, ids)}
    return record_event(user, "photos.taken", None, {"count": len(ids)}, changes, subjects=subjects)


EVENT_DESCRIPTIONS = {
    "photos.taken": ngettext_lazy(
        "said when %(count)s photo was taken", "said when %(count)s photos were taken", "count"
    ),
}
