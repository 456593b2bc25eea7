"""Questions about pictures that are not kept: the page asks them, and a worker that waits for nothing else answers.

Between the two a picture is in a file without a name and on a socket, and so is gone whatever ends either of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gallery.core.limits import get_upload_limits
from gallery.core.problems import make_problem
from gallery.models import User
from recognition.errors import ImageTooLarge

SOCKET_NAME = "lookups.sock"  # in the data directory
LOOKUP_PATHS = ("/api/v1/identify", "/api/v1/compare", "/compreface/api/v1/recognition/recognize")
MAX_SOCKET_PATH = 100  # bytes that the system takes of one


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question: an act of faces.lookup_server, for a user who may do it."""

    act: str
    user: int
    language: str
    options: Mapping[str, Any]
    pictures: tuple[IO[bytes], ...]


def get_socket_path() -> str:
    path = str(settings.DATA_DIR / SOCKET_NAME)
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    return f"/proc/self/fd/{_open_folder(str(settings.DATA_DIR))}/{SOCKET_NAME}"


@cache
def _open_folder(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def ask_lookup(user: User, act: str, files: Sequence[UploadedFile[bytes]], **options: Any) -> HttpResponse:
    """For a view to return: the gate asks, and sends what is answered; this is what it sends if nobody does."""
    sentence = _("No worker looks at pictures at the moment. Start one, or try again soon.")
    response = make_problem(503, "no_worker", sentence, retry_after=10)
    pictures = tuple(_copy_without_name(file) for file in files)
    response.lookup = Lookup(act, user.pk, get_language() or "en", options, pictures)  # type: ignore[attr-defined]
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log an error that is none yet
    return response


def _copy_without_name(file: UploadedFile[bytes]) -> IO[bytes]:
    if (file.size or 0) > get_upload_limits().bytes:
        raise ImageTooLarge("over_the_bytes", limit=settings.UPLOAD_MAX_MB)
    copy: IO[bytes] = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115 -- the gate closes it
    for chunk in file.chunks():
        copy.write(chunk)
    return copy


def get_lookup(response: object) -> Lookup | None:
    """What the response waits for."""
    found: Lookup | None = getattr(response, "lookup", None)
    return found
