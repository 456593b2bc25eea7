"""Upload handlers: who may send files and how much, checked before a byte is written to disk."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

from gallery.models import User


class UploadGatekeeper(FileUploadHandler):
    """The first upload handler: passes chunks on to the next ones, or stops the request."""

    request: HttpRequest

    def handle_raw_input(self, *given: Any, **named: Any) -> None:
        _stream, _meta, content_length, *_rest = given  # as Django calls it
        if content_length > settings.UPLOAD_REQUEST_MAX_MB * 1_000_000:
            raise RequestDataTooBig(f"A request may have {settings.UPLOAD_REQUEST_MAX_MB} MB.")

    def new_file(self, *args: Any, **options: Any) -> None:
        user = getattr(self.request, "user", None)
        if not (isinstance(user, User) and user.is_contributor):
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> UploadedFile[bytes] | None:
        return None


class LockedTemporaryFileHandler(TemporaryFileUploadHandler):
    """Django's, but locks the file while it is open, which tells it from what a killed process has left."""

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        fcntl.flock(self.file.fileno(), fcntl.LOCK_EX)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:  # a full disk: free the space at once, not when the object is collected
            with suppress(OSError):
                self.file.close()
            raise
