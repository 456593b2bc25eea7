"""Photos: added, put into the trash, restored, tried again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import queries, queue, quota, storage
from gallery.limits import limits
from gallery.models import Album, Event, Photo, Status, User
from gallery.models.people import clean_name, search_key
from gallery.services import followup
from gallery.services.errors import Refused
from gallery.services.history import record
from gallery.services.ledger import Ledger
from gallery.services.waiting import wait_again
from recognition.images import ImageInfo, sandbox
from recognition.types import ImageError, ImageTooLarge

EXTENSIONS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "HEIC": ".heic",
    "TIFF": ".tif",
    "GIF": ".gif",
    "BMP": ".bmp",
}


@dataclass(frozen=True, slots=True)
class Added:
    photo: Photo
    is_duplicate: bool


def add_photo(user: User | None, chunks: Iterable[bytes], name: str, album: Album | None = None) -> Added:
    """Keep a photo and queue it: when this returns, file and row are safe on the disk.

    The same file again is recognised and returned as it is, if this user may see it; else it is kept a second
    time, so that nobody learns what is in an album for others. Raises ImageError (ImageTooLarge) or Refused
    with a sentence for people, OSError on a full disk; then nothing is kept.
    """
    _must_be_within_the_hour(user)
    try:
        return _kept(user, chunks, name, album)
    except ImageError:
        if user is not None:
            quota.count_refused(user)
        raise


def _must_be_within_the_hour(user: User | None, more_bytes: int = 0) -> None:
    if user is not None and quota.is_over(user, more_bytes):
        raise Refused(quota.sentence())


def _kept(user: User | None, chunks: Iterable[bytes], name: str, album: Album | None) -> Added:
    try:
        received = storage.receive(chunks, limits().bytes)
    except storage.FileTooLong:
        raise ImageTooLarge(
            _("The file is larger than %(size)s MB.") % {"size": settings.UPLOAD_MAX_MB}
        ) from None
    found = queries.find_photo(received.sha256, user)
    if found:
        _mend(found, received)
        return Added(found, is_duplicate=True)
    copy = queries.copies(received.sha256)
    try:
        _must_be_within_the_hour(user, received.bytes)
        info = sandbox.probe(received.path, limits())
        file = received.keep(storage.photo_name(received.sha256, EXTENSIONS[info.kind], copy))
    finally:
        received.drop()
    photo = Photo(album=album, file=file, sha256=received.sha256, copy=copy, bytes=received.bytes)
    return _stored(user, _described(photo, name, info))


def _mend(photo: Photo, received: storage.Received) -> None:
    """Its file may have been lost: then the same file, sent again, takes its place."""
    if storage.path(photo.file).exists():
        received.drop()
        return
    received.keep(photo.file)
    with transaction.atomic():
        queue.enqueue(Photo.objects.filter(pk=photo.pk, work=Status.FAILED))
        queue.send("process_photo", photo.pk)


def _described(photo: Photo, name: str, info: ImageInfo) -> Photo:
    photo.name = clean_name(PurePath(name.replace("\\", "/")).name)[:255] or _("photo")
    photo.search = search_key(photo.name)[:400]
    photo.format, photo.width, photo.height = info.kind, info.width, info.height
    photo.taken_at = _moment(info.taken_at)
    return photo


def _stored(user: User | None, photo: Photo) -> Added:
    photo.uploaded_by, photo.queued_at = user, queue.now()
    try:
        with transaction.atomic():
            photo.save()
            record(user, "photo.add", photo, {"name": photo.name})
            queue.send("process_photo", photo.pk)
    except IntegrityError:  # the same file came twice at once
        found = queries.find_photo(photo.sha256, user)
        if found is None:
            raise Refused(_("This file could not be kept just now. Send it once more.")) from None
        return Added(found, is_duplicate=True)
    return Added(photo, is_duplicate=False)


def _moment(taken_at: datetime | None) -> datetime | None:
    """The camera's clock says no time zone: take the site's."""
    if taken_at is None:
        return None
    return taken_at.replace(tzinfo=ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)


@transaction.atomic
def trash_photo(user: User, photo: Photo) -> Event | None:
    """Put the photo into the trash; it can be restored."""
    ledger = Ledger()
    there = Photo.objects.filter(pk=photo.pk, trashed_at__isnull=True)
    if ledger.update(there, trashed_at=timezone.now(), trashed_by=user):
        followup.after(ledger)
        return record(user, "photo.trash", photo, {"name": photo.name}, undo=ledger)
    return None


@transaction.atomic
def restore_photo(user: User, photo: Photo) -> None:
    """Take the photo out of the trash; what was waiting goes on."""
    ledger = Ledger()
    if ledger.update(
        Photo.objects.filter(pk=photo.pk, trashed_at__isnull=False), trashed_at=None, trashed_by=None
    ):
        followup.after(ledger)
        record(user, "photo.restore", photo, {"name": photo.name}, undo=ledger)


@transaction.atomic
def set_recognised(user: User, photo: Photo, is_recognised: bool) -> Event | None:
    """Whether anybody is to be recognised in the photo: names people gave stay, the machine's go or come."""
    if photo.is_recognised == is_recognised:
        return None
    ledger = Ledger()
    ledger.set(photo, is_recognised=is_recognised)
    followup.after(ledger)
    verb = "photo.recognise" if is_recognised else "photo.stop_recognising"
    return record(user, verb, photo, {"name": photo.name}, ledger)


@transaction.atomic
def retry_photo(user: User, photo: Photo) -> Event | None:
    """Process the photo again: after a failure, or to look with a newer detector. None if it waits already."""
    ledger = Ledger()
    if wait_again(ledger, Photo.objects.filter(pk=photo.pk)):
        followup.after(ledger)
        return record(user, "photo.retry", photo, {"name": photo.name}, ledger)
    return None


@transaction.atomic
def set_taken(user: User, photo: Photo, taken_at: datetime | None) -> Event | None:
    """Say when the photo was taken, where its file says nothing or something wrong."""
    if photo.taken_at == taken_at:
        return None
    ledger = Ledger()
    ledger.set(photo, taken_at=taken_at)
    return record(user, "photo.taken", photo, {"name": photo.name}, ledger)
