"""What people do with photos, one or many at once: add, trash, restore, process again.

Each act is one event, taken back by one undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused, ConfirmationNeeded
from gallery.core.limits import get_upload_limits
from gallery.core.throttling import check_upload_quota, throttle_upload
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.history.erased import ask_before_return
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.services import requeue_rows
from gallery.models import Album, AlbumPhoto, Companion, Event, Photo, Status, User
from gallery.models.clock import get_database_time, get_site_time
from gallery.models.people import clean_name, get_search_key
from gallery.models.storage import FileTooLong, ReceivedFile, build_photo_name, receive_file
from gallery.photos.companions import find_twin, keep_twin, keep_video, keep_video_inside
from gallery.photos.file_names import keep_names
from gallery.photos.membership import (
    filter_movable_photos,
    list_limiting_albums,
    put_photos_in_album,
)
from gallery.photos.moments import find_moment, get_decided_columns, get_moment_columns
from gallery.photos.pages import add_pages
from gallery.photos.selectors import find_photo_by_sha256, get_next_copy_number
from recognition.errors import ImageTooLarge
from recognition.images.motion import find_video_inside, is_video_file
from recognition.images.names import NameTag
from recognition.images.sandbox import probe_photo

FILE_EXTENSIONS = {  # by Pillow's name of the format
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "HEIC": ".heic",
    "AVIF": ".avif",
    "JXL": ".jxl",
    "TIFF": ".tif",
    "GIF": ".gif",
    "BMP": ".bmp",
    "RAW": ".raw",
}


@dataclass(frozen=True, slots=True)
class AddedPhoto:
    photo: Photo
    is_duplicate: bool
    is_new_in_album: bool = False  # here already, and now in this album, too
    refusal: str = ""  # why it did not come into the album
    companion: Companion | None = None  # that the file became, beside the photo


def add_photo(
    user: User | None,
    chunks: Iterable[bytes],
    path: str,
    album: Album | None = None,
    *,
    file_time: datetime | None = None,
) -> AddedPhoto:
    """Keep a photo and queue it: when this returns, file and row are safe on the disk.

    ``path`` is its name, perhaps with folders before it, which may say when it was taken, as may ``file_time``.

    The same file again is recognised and returned as it is, if this user may see it; else it is kept a second
    time, so that nobody learns what is in an album for others. Raises ImageError (ImageTooLarge) or
    ActionRefused with a sentence for people, OSError on a full disk; then nothing is kept.
    """
    with throttle_upload(user):
        return _keep_upload(user, chunks, path, album, file_time)


def _keep_upload(
    user: User | None, chunks: Iterable[bytes], path: str, album: Album | None, file_time: datetime | None
) -> AddedPhoto:
    try:
        received = receive_file(chunks, get_upload_limits().bytes)
    except FileTooLong:
        raise ImageTooLarge("over_the_bytes", limit=settings.UPLOAD_MAX_MB) from None
    try:
        if found := find_photo_by_sha256(received.sha256, user, album):
            _restore_lost_file(found, received)
            return _add_known_photo(user, found, album)
        copy = get_next_copy_number(received.sha256)
        check_upload_quota(user, received.bytes)
        place = PurePath(path.replace("\\", "/"))
        shown = clean_name(place.name)[:255] or _("photo")
        folder = clean_name(str(place.parent))[:400] if place.parent.parts else ""
        ask_before_return(user, sha256s=[received.sha256], file=shown)
        if is_video_file(received.path):
            companion = keep_video(user, received, shown, folder, album, copy)
            return AddedPhoto(companion.photo, is_duplicate=False, companion=companion)
        info = probe_photo(received.path, get_upload_limits())
        inside = find_video_inside(received.path, info.kind)
        file = received.keep(build_photo_name(received.sha256, FILE_EXTENSIONS[info.kind], copy))
    finally:
        received.drop()
    photo = Photo(
        file=file,
        sha256=received.sha256,
        copy=copy,
        bytes=received.bytes,
        name=shown,
        folder=folder,
        search=get_search_key(shown)[:400],
        format=info.kind,
        width=info.width,
        height=info.height,
        **get_moment_columns(find_moment(info, path, file_time)),
        rating=info.rating,
        uploaded_by=user,
        queued_at=get_database_time(),
    )
    if twin := find_twin(user, photo, album):
        companion = keep_twin(user, photo, twin)
        return AddedPhoto(twin, is_duplicate=False, companion=companion)
    added = _save_photo(user, photo, album, info.names)
    if inside and not added.is_duplicate:
        keep_video_inside(photo, *inside)
    if info.kind == "TIFF" and info.frames > 1 and not added.is_duplicate:
        add_pages(user, photo, info.frames)
    return added


def _restore_lost_file(photo: Photo, received: ReceivedFile) -> None:
    """Its file may have been lost: then the same file, sent again, takes its place."""
    if photo.sha256 != received.sha256 or photo.file.storage.exists(str(photo.file)):
        return
    received.keep(str(photo.file))
    with transaction.atomic():
        enqueue_rows(Photo.objects.filter(pk=photo.pk, work=Status.FAILED))
        dispatch.send_task("process_photo", photo.pk)


def _add_known_photo(user: User | None, photo: Photo, album: Album | None) -> AddedPhoto:
    """The file is here: it comes into the album, unless others would see it by that, it lies in the trash, or the
    user may not put it elsewhere."""
    is_kept = user is not None and not filter_movable_photos(user, [photo])
    if album is None or photo.trashed_at is not None or is_kept:
        return AddedPhoto(photo, is_duplicate=True)
    try:
        event = put_photos_in_album(user, [photo], album)
    except ConfirmationNeeded as question:
        return AddedPhoto(photo, is_duplicate=True, refusal=str(question))
    return AddedPhoto(photo, is_duplicate=True, is_new_in_album=event is not None)


def _save_photo(user: User | None, photo: Photo, album: Album | None, names: Iterable[NameTag]) -> AddedPhoto:
    try:
        with transaction.atomic():
            photo.save()
            keep_names(photo, names)
            if album:
                AlbumPhoto.objects.create(album=album, photo=photo)
            record_event(user, "photo.add", photo, {"name": photo.name})
            dispatch.send_task("process_photo", photo.pk)
    except IntegrityError:  # the same file came twice at once
        found = find_photo_by_sha256(photo.sha256, user, album)
        if found is None:
            raise ActionRefused(_("This file could not be kept just now. Send it once more.")) from None
        return _add_known_photo(user, found, album)
    return AddedPhoto(photo, is_duplicate=False)


@transaction.atomic
def trash_photo(user: User, photo: Photo) -> Event | None:
    """Put the photo into the trash; it can be restored."""
    changes = ChangeSet()
    there = Photo.objects.outside_trash().filter(pk=photo.pk)
    changes.update(there, trashed_at=get_site_time(), trashed_by=user)
    return _record_photo_event(user, "photo.trash", photo, changes)


@transaction.atomic
def restore_photo(user: User, photo: Photo) -> None:
    """Take the photo out of the trash; what was waiting goes on."""
    changes = ChangeSet()
    changes.update(Photo.objects.in_trash().filter(pk=photo.pk), trashed_at=None, trashed_by=None)
    _record_photo_event(user, "photo.restore", photo, changes)


@transaction.atomic
def set_photo_recognition(user: User, photo: Photo, is_recognised: bool) -> Event | None:
    """Whether anybody is to be recognised in the photo: names people gave stay, the machine's go or come."""
    changes = ChangeSet()
    if photo.is_recognised != is_recognised:
        changes.set(photo, is_recognised=is_recognised)
    verb = "photo.recognise" if is_recognised else "photo.stop_recognising"
    return _record_photo_event(user, verb, photo, changes)


@transaction.atomic
def retry_photo(user: User, photo: Photo) -> Event | None:
    """Process the photo again: after a failure, or to look with a newer detector. None if it waits already."""
    changes = ChangeSet()
    requeue_rows(changes, Photo.objects.filter(pk=photo.pk))
    return _record_photo_event(user, "photo.retry", photo, changes)


@transaction.atomic
def set_taken_at(user: User, photo: Photo, taken_at: datetime | None) -> Event | None:
    """Say when the photo was taken, where its file says nothing or something wrong."""
    changes = ChangeSet()
    if photo.taken_at != taken_at:
        changes.set(photo, **get_decided_columns(taken_at))
    return _record_photo_event(user, "photo.taken", photo, changes)


def _record_photo_event(user: User, verb: str, photo: Photo, changes: ChangeSet) -> Event | None:
    if not changes.groups:
        return None
    apply_effects(changes)
    return record_event(user, verb, photo, {"name": photo.name}, changes)


MAX_CHOSEN_PHOTOS = 500  # photos in one act
MAX_ZIP_PHOTOS = 100  # in one ZIP, for which each photo is read and written anew


@transaction.atomic
def trash_photos(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    columns = {"trashed_at": get_site_time(), "trashed_by_id": user.pk}
    return _write_photos(user, "photos.trash", _chosen_photos(photos), batch, columns)


@transaction.atomic
def restore_photos(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    columns = {"trashed_at": None, "trashed_by_id": None}
    return _write_photos(user, "photos.restore", _chosen_photos(photos, trashed=True), batch, columns)


@transaction.atomic
def set_photos_recognition(
    user: User, photos: Sequence[Photo], is_recognised: bool, batch: UUID | None = None
) -> Event | None:
    """Whether anybody is to be recognised in these photos; None where all are so already."""
    verb = "photos.recognise" if is_recognised else "photos.stop_recognising"
    others = Photo.objects.filter(pk__in=[photo.pk for photo in photos], is_recognised=not is_recognised)
    return _write_photos(user, verb, others, batch, {"is_recognised": is_recognised})


@transaction.atomic
def retry_photos(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    """Have the worker look at them again; those in the trash, or that wait already, are left."""
    changes = ChangeSet()
    ids = requeue_rows(changes, _chosen_photos(photos))
    return _record_photos_event(user, "photos.retry", changes, ids, batch)


def _chosen_photos(photos: Sequence[Photo], *, trashed: bool = False) -> QuerySet[Photo]:
    return Photo.objects.filter(pk__in=[photo.pk for photo in photos], trashed_at__isnull=not trashed)


def _write_photos(
    user: User, verb: str, rows: QuerySet[Photo], batch: UUID | None, columns: Mapping[str, object]
) -> Event | None:
    changes = ChangeSet()
    return _record_photos_event(user, verb, changes, changes.update(rows, **columns), batch)


def _record_photos_event(
    user: User, verb: str, changes: ChangeSet, ids: list[int], batch: UUID | None
) -> Event | None:
    if not ids:
        return None
    apply_effects(changes)
    subjects = {"photo": ids, "album": list_limiting_albums(user, ids)}
    return record_event(user, verb, None, {"count": len(ids)}, changes, batch, subjects)


def check_photo_count(photos: Sequence[object], most: int = MAX_CHOSEN_PHOTOS) -> None:
    if not photos:
        raise ActionRefused(_("Choose at least one photo."))
    if len(photos) > most:
        raise ActionRefused(
            _("At most %(most)s photos at a time. Nothing was changed; choose fewer.") % {"most": most}
        )


EVENT_DESCRIPTIONS = {
    "photo.add": gettext_lazy("added “%(name)s”"),
    "photo.trash": gettext_lazy("put “%(name)s” into the trash"),
    "photo.restore": gettext_lazy("took “%(name)s” out of the trash"),
    "photo.retry": gettext_lazy("had “%(name)s” looked at again"),
    "photo.recognise": gettext_lazy("let faces be recognised in “%(name)s” again"),
    "photo.stop_recognising": gettext_lazy("stopped recognising faces in “%(name)s”"),
    "photo.taken": gettext_lazy("said when “%(name)s” was taken"),
    "photos.trash": ngettext_lazy(
        "put %(count)s photo into the trash", "put %(count)s photos into the trash", "count"
    ),
    "photos.restore": ngettext_lazy(
        "took %(count)s photo out of the trash", "took %(count)s photos out of the trash", "count"
    ),
    "photos.retry": ngettext_lazy(
        "had %(count)s photo looked at again", "had %(count)s photos looked at again", "count"
    ),
    "photos.recognise": ngettext_lazy(
        "let faces be recognised in %(count)s photo again",
        "let faces be recognised in %(count)s photos again",
        "count",
    ),
    "photos.stop_recognising": ngettext_lazy(
        "stopped recognising faces in %(count)s photo",
        "stopped recognising faces in %(count)s photos",
        "count",
    ),
}
