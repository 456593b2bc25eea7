"""The error page for a full disk or a database that is away: what is wrong and what to do."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _

from facesite.disks import DISK_FAILING, DISK_FULL, is_disk_full
from gallery.core.problems import is_api_request, make_problem

TRANSIENT_ERRORS = (OSError, OperationalError, InterfaceError)
RETRY_SECONDS = 30


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
    if is_api_request(request):
        return make_problem(status, detail=sentence, retry_after=retry_after)
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


def explain_server_error(error: BaseException | None) -> str:
    """What is wrong and what to do."""
    if is_disk_full(error):
        return str(DISK_FULL)
    if isinstance(error, OSError):
        return str(DISK_FAILING)
    return _("The database is busy or away. Try again in a moment; nothing is taken twice.")
