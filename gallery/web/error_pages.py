"""The error page for a full disk or a database that is away: what is wrong and what to do."""

from __future__ import annotations

import errno
import shutil
import sys
from contextlib import suppress

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _

TRANSIENT_ERRORS = (OSError, OperationalError, InterfaceError)
DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
RETRY_SECONDS = 30
LOW_DISK_BYTES = 1_000_000  # bytes
MAX_DRAINED_BYTES = 256_000_000  # bytes


def server_error(request: HttpRequest) -> HttpResponse:
    """503 for a database that is away or locked, 507 for a full disk, 500 for all else."""
    error = sys.exception()
    status = _error_status(error)
    _drain_request(request)
    if status == 500:
        return HttpResponse(loader.get_template("500.html").render(), status=500)
    explanation = explain_server_error(error)
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else {}
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": explanation}, status=status, headers=headers)
    template = loader.get_template("trouble.html")
    page = template.render({"sentence": explanation})  # without the request, which would ask the database
    return HttpResponse(page, status=status, headers=headers)


def _drain_request(request: HttpRequest) -> None:
    """Take the rest of what is being sent: who is still sending does not listen to an answer."""
    stream = request.environ.get("wsgi.input") if isinstance(request, WSGIRequest) else None
    left = MAX_DRAINED_BYTES
    with suppress(OSError):
        while stream and left > 0 and (part := stream.read(1 << 16)):
            left -= len(part)


def _error_status(error: BaseException | None) -> int:
    if is_disk_full(error):
        return 507
    return 503 if isinstance(error, OperationalError | InterfaceError) else 500


def is_disk_full(error: BaseException | None) -> bool:
    if isinstance(error, OSError):
        return error.errno in DISK_FULL_ERRNOS
    if not isinstance(error, OperationalError):
        return False
    if "disk I/O error" in str(error):  # SQLite's words where it cannot make the file beside the database
        return shutil.disk_usage(settings.DATA_DIR).free < LOW_DISK_BYTES
    return "disk is full" in str(error) or "No space left" in str(error)


def explain_server_error(error: BaseException | None) -> str:
    """What is wrong and what to do."""
    if is_disk_full(error):
        return _("The disk is full. Tell your administrator, then try again.")
    if isinstance(error, OSError):
        return _("The site cannot write to its disk. Tell your administrator, then try again.")
    return _("The database is busy or away. Try again in a moment; nothing is taken twice.")
