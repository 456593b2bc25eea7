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

from gallery import queries, queue, storage
from gallery.models import Album, Photo, User
from gallery.models.people import clean_name, search_key
from gallery.services.history import record
from recognition.images import Limits, sandbox
from recognition.types import ImageTooLarge

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


def limits() -> Limits:
    """The one table of limits for files, as set by the owner."""
    return Limits(bytes=settings.UPLOAD_MAX_MB * 1_000_000, pixels=settings.UPLOAD_MAX_MEGAPIXELS * 1_000_000)


def add_photo(user: User | None, chunks: Iterable[bytes], name: str, album: Album | None = None) -> Added:
    """Keep a photo and queue it: when this returns, file and row are safe on the disk.

    The same file again is recognised and returned as it is. Raises ImageError (ImageTooLarge) with a sentence
    for people, OSError on a full disk; then nothing is kept.
    """
    try:
        received = storage.receive(chunks, limits().bytes)
    except storage.FileTooLong:
        raise ImageTooLarge(
            _("The file is larger than %(size)s MB.") % {"size": settings.UPLOAD_MAX_MB}
        ) from None
    found = queries.find_photo(received.sha256)
    if found:
        received.drop()
        return Added(found, is_duplicate=True)
    try:
        info = sandbox.probe(received.path, limits())
        file = received.keep(storage.photo_name(received.sha256, EXTENSIONS[info.kind]))
    finally:
        received.drop()
    shown = clean_name(PurePath(name.replace("\\", "/")).name)[:255] or _("photo")
    photo = Photo(
        album=album,
        file=file,
        name=shown,
        search=search_key(shown)[:400],
        sha256=received.sha256,
        bytes=received.bytes,
        format=info.kind,
        width=info.width,
        height=info.height,
        taken_at=_moment(info.taken_at),
        uploaded_by=user,
        queued_at=timezone.now(),
    )
    return _stored(user, photo)


def _stored(user: User | None, photo: Photo) -> Added:
    try:
        with transaction.atomic():
            photo.save()
            record(user, "photo.add", photo, {"name": photo.name})
            queue.send("process_photo", photo.pk)
    except IntegrityError:  # the same file came twice at once
        found = queries.find_photo(photo.sha256)
        if found is None:
            raise
        return Added(found, is_duplicate=True)
    return Added(photo, is_duplicate=False)


def _moment(taken_at: datetime | None) -> datetime | None:
    """The camera's clock says no time zone: take the site's."""
    if taken_at is None:
        return None
    return taken_at.replace(tzinfo=ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)


@transaction.atomic
def trash_photo(user: User, photo: Photo) -> None:
    """Put the photo into the trash; it can be restored."""
    changed = Photo.objects.filter(pk=photo.pk, trashed_at__isnull=True)
    if changed.update(trashed_at=timezone.now(), trashed_by=user):
        record(user, "photo.trash", photo, {"name": photo.name}, undo={})


@transaction.atomic
def restore_photo(user: User, photo: Photo) -> None:
    """Take the photo out of the trash; what was waiting goes on."""
    changed = Photo.objects.filter(pk=photo.pk, trashed_at__isnull=False)
    if changed.update(trashed_at=None, trashed_by=None):
        record(user, "photo.restore", photo, {"name": photo.name}, undo={})
        queue.send("process_photo", photo.pk)


@transaction.atomic
def retry_photo(user: User, photo: Photo) -> None:
    """Process the photo again: after a failure, or to look with a newer detector."""
    if queue.enqueue(Photo.objects.filter(pk=photo.pk)):
        record(user, "photo.retry", photo, {"name": photo.name})
        queue.send("process_photo", photo.pk)
