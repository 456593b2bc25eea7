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
SEARCH_SOCKET_NAME = "searches.sock"  # of acts that look at no picture, and do not wait behind those that do
QUICK_ACTS = ("search_with_face", "search_with_vector")
LOOKUP_PATHS = (
    "/api/v1/identify",
    "/api/v1/compare",
    "/api/v1/faces/search",
    "/compreface/api/v1/recognition/recognize",
    "/who/",
)
# A key of `request.META`: the page's picture was looked at, and this is what is on it
FOUND = "facesite.found"
MAX_SOCKET_PATH = 100  # bytes that the system takes of one
RETRY_SECONDS = 10  # until a worker may be there


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question: an act of faces.lookup_server, for a user who may do it."""

    act: str
    user: int
    language: str
    options: Mapping[str, Any]
    pictures: tuple[IO[bytes], ...]
    is_for_page: bool  # which is asked for once more then, with FOUND

    @property
    def socket(self) -> str:
        return SEARCH_SOCKET_NAME if self.act in QUICK_ACTS else SOCKET_NAME


@dataclass(frozen=True, slots=True)
class Found:
    """What the worker answered."""

    status: int
    kind: bytes  # of the content
    content: bytes


def get_socket_path(name: str) -> str:
    path = str(settings.DATA_DIR / name)
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    return f"/proc/self/fd/{_open_folder(str(settings.DATA_DIR))}/{name}"


@cache
def _open_folder(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def ask_lookup(user: User, act: str, files: Sequence[UploadedFile[bytes]], **options: Any) -> HttpResponse:
    """For a view to return: the gate asks, and sends what is answered; this is what it sends if nobody does."""
    response = make_problem(503, "no_worker", explain_no_worker(), retry_after=RETRY_SECONDS)
    return attach_lookup(response, user, act, files, **options)


def explain_no_worker() -> str:
    return _("No worker looks at pictures at the moment. Start one, or try again soon.")


def attach_lookup(
    response: HttpResponse,
    user: User,
    act: str,
    files: Sequence[UploadedFile[bytes]],
    *,
    is_for_page: bool = False,
    **options: Any,
) -> HttpResponse:
    """Have the gate ask before it sends the response, which says that nobody answers."""
    pictures = tuple(_copy_without_name(file) for file in files)
    lookup = Lookup(act, user.pk, get_language() or "en", options, pictures, is_for_page)
    response.lookup = lookup  # type: ignore[attr-defined]
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
