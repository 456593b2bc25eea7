"""Reads files again that an earlier version read differently, and puts right what hangs on them.

`Photo.reading` says which version read the file. Boxes, and references cut from them, move with the picture, so that
decisions stay with their faces; then the photo is looked at again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from gallery.core.limits import get_upload_limits
from gallery.faces.stacks import stack_photo
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.models import Event, Face, Photo, Reference
from gallery.models.photos import NAMES_READ, READING, TURNED_ONCE
from gallery.models.storage import get_media_path, remove_file
from gallery.people.crops import cut_reference_again
from gallery.photos.companions import keep_video_inside
from gallery.photos.file_names import keep_names
from gallery.photos.moments import find_moment, get_decided_columns, get_moment_columns
from gallery.photos.pages import add_pages
from recognition.errors import ImageError
from recognition.images import ImageInfo
from recognition.images.motion import find_video_inside
from recognition.images.orientation import get_stored_box
from recognition.images.sandbox import probe_photo, read_photo
from recognition.likeness import SHARPNESS_SIDE, measure_likeness
from recognition.types import Box

log = logging.getLogger(__name__)
SECONDS_AT_ONCE = 15.0  # the next part comes a minute after the one before began


def reread_files() -> None:
    """A part of the files that are still to be read, the newest first; none are left at last."""
    until = time.monotonic() + SECONDS_AT_ONCE
    due = Photo.objects.filter(reading__lt=READING).order_by("-pk")
    photo = due.first()
    while photo is not None and time.monotonic() < until:
        try:
            _reread_file(photo)
        except Exception:  # of one photo; the others do not wait for it
            log.exception("photo %d could not be read again", photo.pk)
        photo = due.filter(pk__lt=photo.pk).first()


def _reread_file(photo: Photo) -> None:
    try:
        info = probe_photo(photo.picture, get_upload_limits())
        inside = find_video_inside(get_media_path(str(photo.file)), info.kind)
        picture = read_photo(photo.picture, get_upload_limits(), max_side=SHARPNESS_SIDE)
    except ImageError as error:
        if error.code != "unreadable":  # as while its disk is away
            log.warning("photo %d could not be read again: %s", photo.pk, error)
            Photo.objects.filter(pk=photo.pk).update(reading=READING)
        return
    with transaction.atomic():
        rows = Photo.objects.select_for_update().filter(pk=photo.pk, reading=photo.reading, turn=photo.turn)
        current = rows.first()
        if current is None:
            return
        columns = {"format": info.kind, "width": info.width, "height": info.height}
        if not current.taken_source:
            columns |= _find_moment_columns(current, info)
        if (
            photo.reading < TURNED_ONCE
            and photo.format == "TIFF"
            and (info.orientation != 1 or info.kind == "RAW")
        ):
            _move_faces(current, info)
            enqueue_rows(Photo.objects.filter(pk=photo.pk))
            dispatch.send_task("process_photo", photo.pk)
        if current.rating is None:
            columns["rating"] = info.rating
        if photo.reading < NAMES_READ:
            keep_names(current, info.names)
        rows.update(reading=READING, **columns)
        if inside:
            keep_video_inside(photo, *inside)
        if photo.format == "TIFF" and info.frames > 1 and photo.page_of is None:
            add_pages(None, current, info.frames)
        stack_photo(Photo.objects.get(pk=photo.pk), measure_likeness(picture.pixels))


def _find_moment_columns(photo: Photo, info: ImageInfo) -> dict[str, Any]:
    """What says when it was taken, unless somebody has said it."""
    said = Event.objects.filter(verb="photo.taken", object_type="photo", object_id=photo.pk, undone_at=None)
    if said.exists():
        return get_decided_columns(photo.taken_at)
    return get_moment_columns(find_moment(info, photo.name))


def _move_faces(photo: Photo, info: ImageInfo) -> None:
    """TIFFs were turned twice, and of a raw file only its thumbnail was seen."""
    width, height = photo.width or info.width, photo.height or info.height
    moved = get_stored_box(Box(0, 0, width, height), width, height, info.orientation)
    across, down = info.width / moved.width, info.height / moved.height

    def move(box: Box) -> Box:
        turned = get_stored_box(box, width, height, info.orientation)
        return Box(turned.left * across, turned.top * down, turned.width * across, turned.height * down)

    for face in Face.objects.select_for_update().filter(photo=photo):
        _move_face(face, move)
        if face.landmarks:
            for reference in Reference.objects.filter(source_face=face):
                _cut_again(reference, face)


def _move_face(face: Face, move: Callable[[Box], Box]) -> None:
    box = move(face.box)
    face.left, face.top, face.width, face.height = box.left, box.top, box.width, box.height
    if face.landmarks:
        points = [move(Box(across, down, 0, 0)) for across, down in face.landmarks]
        face.landmarks = [[point.left, point.top] for point in points]
    face.save(update_fields=["left", "top", "width", "height", "landmarks"])


def _cut_again(reference: Reference, face: Face) -> None:
    """Its vector stays until the new crop is embedded; the old file goes when that is sure to be kept."""
    try:
        crop = cut_reference_again(reference, face)
    except ImageError as error:
        log.warning("reference %d could not be cut again: %s", reference.pk, error)
        return
    old = str(reference.image)
    Reference.objects.filter(pk=reference.pk).update(**crop.store())
    enqueue_rows(Reference.objects.filter(pk=reference.pk))
    dispatch.send_task("embed_reference", reference.pk)
    transaction.on_commit(lambda: remove_file(old))
