"""The error page for a full disk or a database that is away: what is wrong and what to do."""

from __future__ import annotations

import errno
import shutil
import sys

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

TRANSIENT_ERRORS = (OSError, OperationalError, InterfaceError)
DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
RETRY_SECONDS = 30
LOW_DISK_BYTES = 1_000_000  # bytes
DISK_FULL = gettext_lazy("The disk is full. Tell your administrator, then try again.")


def server_error(request: HttpRequest) -> HttpResponse:
    """503 for a database that is away or locked, 507 for a full disk, 500 for all else."""
    error = sys.exception()
    status = _error_status(error)
    if status == 500:
        return HttpResponse(loader.get_template("500.html").render(), status=500)
    return explain_trouble(
        request, explain_server_error(error), status, RETRY_SECONDS if status == 503 else 0
    )


def explain_trouble(request: HttpRequest, sentence: str, status: int, retry_after: int = 0) -> HttpResponse:
    """A page with the sentence, or JSON for who asks for it; when to try again, in seconds."""
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": sentence}, status=status, headers=headers)
    template = loader.get_template("trouble.html")
    page = template.render({"sentence": sentence})  # without the request, which would ask the database
    return HttpResponse(page, status=status, headers=headers)


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
        return str(DISK_FULL)
    if isinstance(error, OSError):
        return _("The site cannot write to its disk. Tell your administrator, then try again.")
    return _("The database is busy or away. Try again in a moment; nothing is taken twice.")
