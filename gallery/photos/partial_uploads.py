"""Large files arrive in parts, so that a connection that breaks costs one part and not the file.

The browser names a file by its name, size and time, and is told how much of it is here; it sends the next part with
its offset and checksum. What has arrived stays for some days, for the same user on whatever device.
"""

from __future__ import annotations

import os
import shutil
import zlib
from datetime import timedelta

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from facesite.disks import DISK_FULL
from gallery.core.exceptions import ActionRefused
from gallery.core.throttling import check_upload_quota
from gallery.models import PartialUpload, User
from gallery.models.clock import get_site_time
from gallery.models.people import clean_name

MAX_PART = 8_000_000  # bytes
KEPT_FOR = timedelta(days=3)
KEPT_OF_A_USER = 50
COPIES = 2  # of a file while it is taken: what arrived, and the photo made of it


class PartRefused(ActionRefused):
    """A part does not go on where the file has come to, or was damaged on its way: send from `arrived` on."""

    code = "part_refused"

    def __init__(self, arrived: int) -> None:
        super().__init__(_("A part of this file was lost on its way. Send it from where it stopped."))
        self.arrived = arrived


def begin_upload(user: User, name: str, size: int, modified: int) -> PartialUpload:
    """The upload of this file, which may have begun earlier.

    Raises ActionRefused where the file is empty or larger than the site takes, the hour's limit is reached, or the
    disk has no room.
    """
    if not 0 < size <= settings.UPLOAD_REQUEST_MAX_MB * 1_000_000:
        raise ActionRefused(
            _("This is more than the site takes in one piece: %(limit)s MB.")
            % {"limit": settings.UPLOAD_REQUEST_MAX_MB}
        )
    check_upload_quota(user, size)
    upload, _is_new = PartialUpload.objects.get_or_create(
        user=user,
        name=clean_name(name)[:255],
        size=size,
        modified=modified,
        defaults={"touched_at": get_site_time()},
    )
    upload.path.parent.mkdir(exist_ok=True)
    if (size - upload.arrived) + size * (COPIES - 1) > shutil.disk_usage(upload.path.parent).free:
        raise ActionRefused(DISK_FULL)
    for oldest in list_partial_uploads(user)[KEPT_OF_A_USER:]:
        discard_upload(oldest)
    return upload


def append_part(upload: PartialUpload, offset: int, checksum: int, part: File[bytes]) -> int:
    """Add a part whose CRC-32 is `checksum`; returns the bytes that have arrived. Raises PartRefused, OSError."""
    content = part.read(MAX_PART + 1)
    with transaction.atomic():
        held = PartialUpload.objects.select_for_update().filter(pk=upload.pk).first()
        if held is None:  # given up meanwhile
            raise PartRefused(0)
        upload = held
        if not upload.path.exists():  # at the start; or it is gone from the disk
            upload.arrived = 0
        is_fitting = len(content) <= min(MAX_PART, upload.size - upload.arrived)
        if offset != upload.arrived or not is_fitting or zlib.crc32(content) != checksum:
            raise PartRefused(upload.arrived)
        upload.path.parent.mkdir(exist_ok=True)
        with upload.path.open("r+b" if offset else "wb") as file:
            file.truncate(offset)  # what a killed process has left
            file.seek(offset)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        upload.arrived, upload.touched_at = offset + len(content), get_site_time()
        upload.save(update_fields=["arrived", "touched_at"])
    return upload.arrived


def open_upload(upload: PartialUpload) -> File[bytes]:
    """The whole file. Raises PartRefused where not all of it is here."""
    is_there = upload.path.exists()
    if not is_there or upload.arrived < upload.size:
        raise PartRefused(upload.arrived if is_there else 0)
    return File(upload.path.open("rb"), upload.name)


def list_partial_uploads(user: User) -> QuerySet[PartialUpload]:
    """The user's, the latest first."""
    return PartialUpload.objects.filter(user=user).order_by("-touched_at")


def discard_upload(upload: PartialUpload) -> None:
    upload.path.unlink(missing_ok=True)
    upload.delete()


def forget_partial_uploads() -> int:
    """Discard what nobody has gone on with, and files whose row is gone with its user; returns their number."""
    old = list(PartialUpload.objects.filter(touched_at__lt=get_site_time() - KEPT_FOR))
    for upload in old:
        discard_upload(upload)
    files = list(PartialUpload().path.parent.glob("*"))  # before the rows, which are made first
    kept = {str(pk) for pk in PartialUpload.objects.values_list("pk", flat=True)}
    orphans = [path for path in files if path.name not in kept]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(old) + len(orphans)
