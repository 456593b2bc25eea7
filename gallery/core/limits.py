"""Uploaded files: who may send them and how large, and what killed processes have left half-written."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

from gallery.core.permissions import may_send_files
from gallery.models import User
from gallery.models.storage import get_storage
from recognition.images import Limits

# A key of `request.META`: a body was not let in, and this is the answer to those who may open the page. Others are
# told to sign in, or that they may not.
WITHHELD = "facesite.withheld"


def get_upload_limits() -> Limits:
    return Limits(bytes=settings.UPLOAD_MAX_MB * 1_000_000, pixels=settings.UPLOAD_MAX_MEGAPIXELS * 1_000_000)


class UploadGatekeeper(FileUploadHandler):
    """The first upload handler: passes chunks on to the next ones, or stops the request."""

    request: HttpRequest

    def handle_raw_input(self, *given: Any, **named: Any) -> None:
        _stream, _meta, content_length, *_rest = given  # as Django calls it
        if content_length > settings.UPLOAD_REQUEST_MAX_MB * 1_000_000:
            raise RequestDataTooBig(f"A request may have {settings.UPLOAD_REQUEST_MAX_MB} MB.")

    def new_file(self, *args: Any, **options: Any) -> None:
        user = getattr(self.request, "user", None)
        is_let_in = getattr(self.request, "takes_files", False)  # by a call of the API, whose key may make it
        view = self.request.resolver_match.func if self.request.resolver_match else None
        if not (is_let_in or (isinstance(user, User) and may_send_files(user, view))):
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> UploadedFile[bytes] | None:
        return None


class NamelessFileHandler(TemporaryFileUploadHandler):
    """Django's, but takes the file's name away at once, so that it is gone with the process, however that ends."""

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        with suppress(OSError):  # of a disk that does not let go of open files
            Path(self.file.temporary_file_path()).unlink()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:  # a full disk: free the space at once, not when the object is collected
            with suppress(OSError):
                self.file.close()
            raise


STALE_AFTER_SECONDS = 3600.0


def remove_stale_files(seconds: float = STALE_AFTER_SECONDS) -> int:
    """Remove half-written files that nobody has touched for so long; returns their number."""
    from facesite import broker  # brings kombu, which those who only need the limits do without

    gone = sum(_remove_unless_locked(path, path, seconds) for path in _find_partial_uploads())
    gone += sum(
        _remove_unless_locked(path, path.parent / ".lock", seconds) for path in _find_partial_renditions()
    )
    return gone + broker.tidy(Path(settings.BROKER_DIR) / "queue", seconds)


def _find_partial_uploads() -> Iterator[Path]:
    """Uploads on their way in; each is locked while it is being written."""
    yield from get_storage().incoming.glob("part-*")
    yield from Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*")


def _find_partial_renditions() -> Iterator[Path]:
    """Pictures for showing; the folder is locked while one is being made."""
    yield from Path(settings.CACHE_ROOT).rglob(".new-*")


def _remove_unless_locked(path: Path, lock: Path, seconds: float) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
        if -60 <= age < seconds:  # one from the future was dated by a clock that has jumped
            return False
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:  # gone meanwhile, or somebody holds it
        return False
    return True
