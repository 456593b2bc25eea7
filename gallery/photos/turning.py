"""Turns photos by quarters: the files stay as they are, boxes and what is cut from them turn along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.core.exceptions import ActionRefused, CannotUndo
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.history.locking import lock_photos
from gallery.jobs.services import requeue_rows
from gallery.models import Event, Face, NameInFile, Photo, Reference, Status, User
from gallery.models.photos import TURNED_ONCE
from gallery.models.querysets import among_ids
from gallery.photos.membership import list_limiting_albums
from recognition.images.orientation import turn_box
from recognition.types import Box

RIGHT, LEFT = 1, 3  # quarters clockwise


@transaction.atomic
def turn_photos(user: User, photos: Sequence[Photo], quarters: int) -> Event:
    """ActionRefused where none can be: what an earlier version turned wrongly is to be read again first."""
    ids = _turn_held_photos(photos, quarters)
    if not ids:
        raise ActionRefused(_("These photos are to be read again first. Try again in a few minutes."))
    undo = {"photos": ids, "quarters": -quarters % 4}
    subjects = {"photo": ids, "album": list_limiting_albums(user, ids)}
    if len(photos) == 1:
        summary = {"name": photos[0].name, "quarters": quarters}
        return record_event(user, "photo.turn", photos[0], summary, undo, subjects=subjects)
    summary = {"count": len(ids), "quarters": quarters}
    return record_event(user, "photos.turn", None, summary, undo, subjects=subjects)


def undo_turn(user: User, event: Event) -> dict[str, Any]:
    """Turn the photos back, with all that is on them by now."""
    undo = event.undo or {}
    photos = Photo.objects.filter(pk__in=among_ids(undo["photos"]))
    if photos.count() != photos.in_visible_albums(user).count():
        raise CannotUndo(_("What this changed is no longer there, so it cannot be undone."))
    ids = _turn_held_photos(list(photos), undo["quarters"])
    if not ids:
        raise CannotUndo(_("What this changed is no longer there, so it cannot be undone."))
    return {"photos": ids, "quarters": -undo["quarters"] % 4}


def _turn_held_photos(photos: Sequence[Photo], quarters: int) -> list[int]:
    """Turn the photos and their boxes, and have the worker look at them again: it finds faces best where they stand.

    References cut from them are cut again before they are next embedded.
    """
    held = lock_photos(photos)
    rows = list(Photo.objects.filter(pk__in=among_ids(held), reading__gte=TURNED_ONCE).order_by("pk"))
    ids = [photo.pk for photo in rows]
    faces = list(Face.objects.filter(photo__in=among_ids(ids)).order_by("pk").select_for_update(no_key=True))
    sizes = {photo.pk: (photo.width, photo.height) for photo in rows}
    for face in faces:
        _turn_face(face, *sizes[face.photo_id], quarters)
    Face.objects.bulk_update(faces, ("left", "top", "width", "height", "landmarks"), batch_size=500)
    names = list(NameInFile.objects.filter(photo__in=among_ids(ids), left__isnull=False))
    for name in names:
        if name.box:
            box = turn_box(name.box, *sizes[name.photo_id], quarters)
            name.left, name.top, name.width, name.height = box.left, box.top, box.width, box.height
    NameInFile.objects.bulk_update(names, ("left", "top", "width", "height"), batch_size=500)
    for photo in rows:
        photo.turn = (photo.turn + quarters) % 4
        if quarters % 2:
            photo.width, photo.height = photo.height, photo.width
    Photo.objects.bulk_update(rows, ("turn", "width", "height"), batch_size=500)
    Photo.objects.filter(pk__in=among_ids(ids)).update(revision=F("revision") + 1)
    changes = ChangeSet()
    cut = Reference.objects.filter(source_face__photo__in=among_ids(ids))
    for found in (Photo.objects.filter(pk__in=among_ids(ids)), cut):
        requeue_rows(changes, found.exclude(work=Status.CANCELLED))
    apply_effects(changes)
    return ids


def _turn_face(face: Face, width: int, height: int, quarters: int) -> None:
    box = turn_box(face.box, width, height, quarters)
    face.left, face.top, face.width, face.height = box.left, box.top, box.width, box.height
    if face.landmarks:
        points = [
            turn_box(Box(across, down, 0, 0), width, height, quarters) for across, down in face.landmarks
        ]
        face.landmarks = [[point.left, point.top] for point in points]


def _describe_turn(summary: Mapping[str, Any]) -> str:
    is_right = summary["quarters"] == RIGHT
    return (_("turned “%(name)s” to the right") if is_right else _("turned “%(name)s” to the left")) % summary


def _describe_turns(summary: Mapping[str, Any]) -> str:
    count = int(summary["count"])
    if summary["quarters"] == RIGHT:
        text = ngettext("turned %(count)s photo to the right", "turned %(count)s photos to the right", count)
    else:
        text = ngettext("turned %(count)s photo to the left", "turned %(count)s photos to the left", count)
    return text % summary


EVENT_DESCRIPTIONS = {"photo.turn": _describe_turn, "photos.turn": _describe_turns}
