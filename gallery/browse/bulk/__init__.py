"""What an act on many rows will change: counted before it is done, as far as the user may know of it."""

from __future__ import annotations

from gallery.browse.bulk import counting, photos
from gallery.browse.bulk.preview import Preview
from gallery.models import BulkAct, User
from gallery.models.bulk import OF_PHOTOS

Kind = BulkAct.Kind

__all__ = ["Preview", "preview"]


def preview(user: User, act: BulkAct) -> Preview:
    if act.kind in (Kind.HIDE, Kind.SHOW):
        return counting.of_people(user, act)
    if act.kind == Kind.MERGE:
        return counting.of_merge(user, act)
    if act.kind == Kind.EMBED:
        return counting.of_embedding(user, act)
    if act.kind in OF_PHOTOS:
        return photos.of_photos(user, act)
    return counting.of_references(user, act)
