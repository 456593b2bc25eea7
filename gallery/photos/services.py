"""What people do with photos, one or many at once: add, put into albums, trash, restore, process again.

Each act is one event, taken back by one undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.core.limits import get_upload_limits
from gallery.core.throttling import get_quota_message, is_over_upload_quota, record_refused_upload
from gallery.history.changeset import ChangeSet, record_event
from gallery.history.effects import apply_effects
from gallery.jobs import dispatch, leases
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.services import requeue_rows
from gallery.models import Album, Event, Photo, Status, User
from gallery.models.people import clean_name, get_search_key
from gallery.models.storage import FileTooLong, ReceivedFile, build_photo_name, receive_file
from gallery.photos.albums import make_unsaved_album
from gallery.photos.selectors import find_photo_by_sha256, get_next_copy_number
from recognition.errors import ImageError, ImageTooLarge
from recognition.images import ImageInfo
from recognition.images.sandbox import probe_photo

FILE_EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "HEIC": ".heic",
    "TIFF": ".tif",
    "GIF": ".gif",
    "BMP": ".bmp",
}


@dataclass(frozen=True, slots=True)
class AddedPhoto:
    photo: Photo
    is_duplicate: bool


def add_photo(
    user: User | None, chunks: Iterable[bytes], name: str, album: Album | None = None
) -> AddedPhoto:
    """Keep a photo and queue it: when this returns, file and row are safe on the disk.

    The same file again is recognised and returned as it is, if this user may see it; else it is kept a second
    time, so that nobody learns what is in an album for others. Raises ImageError (ImageTooLarge) or Refused
    with a sentence for people, OSError on a full disk; then nothing is kept.
    """
    _check_upload_quota(user)
    try:
        return _keep_upload(user, chunks, name, album)
    except ImageError:
        if user is not None:
            record_refused_upload(user)
        raise


def _check_upload_quota(user: User | None, more_bytes: int = 0) -> None:
    if user is not None and is_over_upload_quota(user, more_bytes):
        raise ActionRefused(get_quota_message())


def _keep_upload(user: User | None, chunks: Iterable[bytes], name: str, album: Album | None) -> AddedPhoto:
    try:
        received = receive_file(chunks, get_upload_limits().bytes)
    except FileTooLong:
        raise ImageTooLarge("over_the_bytes", limit=settings.UPLOAD_MAX_MB) from None
    found = find_photo_by_sha256(received.sha256, user)
    if found:
        _restore_lost_file(found, received)
        return AddedPhoto(found, is_duplicate=True)
    copy = get_next_copy_number(received.sha256)
    try:
        _check_upload_quota(user, received.bytes)
        info = probe_photo(received.path, get_upload_limits())
        file = received.keep(build_photo_name(received.sha256, FILE_EXTENSIONS[info.kind], copy))
    finally:
        received.drop()
    photo = Photo(album=album, file=file, sha256=received.sha256, copy=copy, bytes=received.bytes)
    return _save_photo(user, _fill_in_photo(photo, name, info))


def _restore_lost_file(photo: Photo, received: ReceivedFile) -> None:
    """Its file may have been lost: then the same file, sent again, takes its place."""
    if photo.file.storage.exists(str(photo.file)):
        received.drop()
        return
    received.keep(str(photo.file))
    with transaction.atomic():
        enqueue_rows(Photo.objects.filter(pk=photo.pk, work=Status.FAILED))
        dispatch.send_task("process_photo", photo.pk)


def _fill_in_photo(photo: Photo, name: str, info: ImageInfo) -> Photo:
    photo.name = clean_name(PurePath(name.replace("\\", "/")).name)[:255] or _("photo")
    photo.search = get_search_key(photo.name)[:400]
    photo.format, photo.width, photo.height = info.kind, info.width, info.height
    photo.taken_at = _taken_at_in_utc(info.taken_at)
    return photo


def _save_photo(user: User | None, photo: Photo) -> AddedPhoto:
    photo.uploaded_by, photo.queued_at = user, leases.get_database_time()
    try:
        with transaction.atomic():
            photo.save()
            record_event(user, "photo.add", photo, {"name": photo.name})
            dispatch.send_task("process_photo", photo.pk)
    except IntegrityError:  # the same file came twice at once
        found = find_photo_by_sha256(photo.sha256, user)
        if found is None:
            raise ActionRefused(_("This file could not be kept just now. Send it once more.")) from None
        return AddedPhoto(found, is_duplicate=True)
    return AddedPhoto(photo, is_duplicate=False)


def _taken_at_in_utc(taken_at: datetime | None) -> datetime | None:
    """The camera's clock says no time zone: take the site's."""
    if taken_at is None:
        return None
    return taken_at.replace(tzinfo=ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)


@transaction.atomic
def trash_photo(user: User, photo: Photo) -> Event | None:
    """Put the photo into the trash; it can be restored."""
    ledger = ChangeSet()
    there = Photo.objects.outside_trash().filter(pk=photo.pk)
    if ledger.update(there, trashed_at=timezone.now(), trashed_by=user):
        apply_effects(ledger)
        return record_event(user, "photo.trash", photo, {"name": photo.name}, undo=ledger)
    return None


@transaction.atomic
def restore_photo(user: User, photo: Photo) -> None:
    """Take the photo out of the trash; what was waiting goes on."""
    ledger = ChangeSet()
    if ledger.update(Photo.objects.in_trash().filter(pk=photo.pk), trashed_at=None, trashed_by=None):
        apply_effects(ledger)
        record_event(user, "photo.restore", photo, {"name": photo.name}, undo=ledger)


@transaction.atomic
def set_photo_recognition(user: User, photo: Photo, is_recognised: bool) -> Event | None:
    """Whether anybody is to be recognised in the photo: names people gave stay, the machine's go or come."""
    if photo.is_recognised == is_recognised:
        return None
    ledger = ChangeSet()
    ledger.set(photo, is_recognised=is_recognised)
    apply_effects(ledger)
    verb = "photo.recognise" if is_recognised else "photo.stop_recognising"
    return record_event(user, verb, photo, {"name": photo.name}, ledger)


@transaction.atomic
def retry_photo(user: User, photo: Photo) -> Event | None:
    """Process the photo again: after a failure, or to look with a newer detector. None if it waits already."""
    ledger = ChangeSet()
    if requeue_rows(ledger, Photo.objects.filter(pk=photo.pk)):
        apply_effects(ledger)
        return record_event(user, "photo.retry", photo, {"name": photo.name}, ledger)
    return None


@transaction.atomic
def set_taken_at(user: User, photo: Photo, taken_at: datetime | None) -> Event | None:
    """Say when the photo was taken, where its file says nothing or something wrong."""
    if photo.taken_at == taken_at:
        return None
    ledger = ChangeSet()
    ledger.set(photo, taken_at=taken_at)
    return record_event(user, "photo.taken", photo, {"name": photo.name}, ledger)


MAX_CHOSEN_PHOTOS = 500  # photos in one act
MAX_ZIP_PHOTOS = 100  # in one ZIP, for which each photo is read and written anew


@transaction.atomic
def put_photos_in_album(
    user: User, photos: Sequence[Photo], album: Album | str | None, batch: UUID | None = None
) -> Event | None:
    """Put photos into an album, into a new one of this name, or into none; None where all are there."""
    ledger = ChangeSet()
    if isinstance(album, str):
        album = make_unsaved_album(user, album)
        ledger.create(album)
    target = album.pk if album else None
    ids = [photo.pk for photo in photos if photo.album_id != target]
    if not ids:
        return None
    ledger.update(Album.objects.filter(cover__in=ids).exclude(pk=target or 0), cover=None)
    ledger.update(Photo.objects.filter(pk__in=ids), album_id=target)
    apply_effects(ledger)
    albums = {photo.album_id for photo in photos if photo.album_id} | ({target} if target else set())
    summary = {"count": len(ids), "album": album.name if album else ""}
    return record_event(user, "photos.album", None, summary, ledger, batch, {"photo": ids, "album": albums})


@transaction.atomic
def trash_photos(user: User, photos: Sequence[Photo], batch: UUID | None = None) -> Event | None:
    columns = {"trashed_at": timezone.now(), "trashed_by_id": user.pk}
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
    ledger = ChangeSet()
    ids = requeue_rows(ledger, _chosen_photos(photos))
    return _record_photos_event(user, "photos.retry", ledger, ids, batch)


def _chosen_photos(photos: Sequence[Photo], *, trashed: bool = False) -> QuerySet[Photo]:
    return Photo.objects.filter(pk__in=[photo.pk for photo in photos], trashed_at__isnull=not trashed)


def _write_photos(
    user: User, verb: str, rows: QuerySet[Photo], batch: UUID | None, columns: Mapping[str, object]
) -> Event | None:
    ledger = ChangeSet()
    return _record_photos_event(user, verb, ledger, ledger.update(rows, **columns), batch)


def _record_photos_event(
    user: User, verb: str, ledger: ChangeSet, ids: list[int], batch: UUID | None
) -> Event | None:
    if not ids:
        return None
    apply_effects(ledger)
    rows = Photo.objects.filter(pk__in=ids, album__isnull=False).order_by()
    subjects = {"photo": ids, "album": rows.values_list("album_id", flat=True).distinct()}
    return record_event(user, verb, None, {"count": len(ids)}, ledger, batch, subjects)


def check_photo_count(photos: Sequence[object], most: int = MAX_CHOSEN_PHOTOS) -> None:
    if not photos:
        raise ActionRefused(_("Choose at least one photo."))
    if len(photos) > most:
        raise ActionRefused(
            _("At most %(most)s photos at a time. Nothing was changed; choose fewer.") % {"most": most}
        )
