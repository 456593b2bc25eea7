"""What is answered where a request fails: one page for all, with the true cause and what to do.

Scripts read the sentence from the header X-Sentence and show it in the page where one is (static/js/failure.js).
"""

from __future__ import annotations

import sys
from urllib.parse import quote

from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from facesite.disks import DISK_FAILING, DISK_FULL, is_disk_full
from gallery.core.exceptions import NotThere
from gallery.core.problems import is_api_request, make_problem
from gallery.models import Face, Photo
from gallery.models.storage import StorageAway
from gallery.web.responses import is_same_site_url

TRANSIENT_ERRORS = (OSError, OperationalError, InterfaceError)
RETRY_SECONDS = 30
# What PostgreSQL and SQLite call a foreign key and a unique constraint that do not hold
LOST_RACES = {"23503", "23505", "SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_UNIQUE"}
NOT_HERE = gettext_lazy("It may have been removed, or you may not be allowed to see it. Nothing was changed.")
NOT_ALLOWED = gettext_lazy(
    "Your role does not allow it. Nothing was changed. An administrator can give you another role."
)
OLD_FORM = gettext_lazy(
    "The form was too old, or cookies are switched off in your browser. Nothing was changed. Go back, reload the"
    " page and send it again."
)
SENSELESS = gettext_lazy("Nothing was changed. Go back and try again.")
BROKEN = gettext_lazy(
    "It was noted in the log. What was saved before is safe. Try again in a moment; if it stays so, tell your"
    " administrator."
)
TITLES = {
    400: gettext_lazy("This request made no sense"),
    403: gettext_lazy("You may not do this"),
    404: gettext_lazy("This page is not here"),
    409: gettext_lazy("This cannot be done"),
    422: gettext_lazy("This cannot be done"),
    500: gettext_lazy("Something broke here"),
}
OTHER_TITLE = gettext_lazy("The site cannot do this just now")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return explain_trouble(request, str(SENSELESS), 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return explain_trouble(request, str(NOT_ALLOWED), 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return explain_trouble(request, str(OLD_FORM), 403, title=_("Please try once more"))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    is_told = isinstance(exception, NotThere)
    return explain_trouble(request, str(exception) if is_told else _explain_missing(request), 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 for a database that is away or locked, 507 for a full disk, 409 for who came second, 500 for all else."""
    error = sys.exception()
    status = _error_status(error)
    if status == 500:
        return explain_trouble(request, str(BROKEN), 500)
    return explain_trouble(
        request, explain_server_error(error), status, RETRY_SECONDS if status == 503 else 0
    )


def explain_trouble(
    request: HttpRequest, sentence: str, status: int, retry_after: int = 0, title: str = ""
) -> HttpResponse:
    """A page with the sentence and the way back, or what a program or script reads; when to try again, in seconds."""
    if is_api_request(request):
        return make_problem(status, detail=sentence, retry_after=retry_after)
    response: HttpResponse
    if "application/json" in request.headers.get("Accept", ""):
        response = JsonResponse({"error": sentence}, status=status)
    elif "HX-Request" in request.headers:
        response = HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
    else:
        context = {
            "title": title or TITLES.get(status, OTHER_TITLE),
            "sentence": sentence,
            "back": "" if status == 400 else _get_page_before(request),
            "is_unsaid": status not in TITLES,
        }
        # with the request it may ask the database, which may be what is in trouble
        page = loader.get_template("trouble.html").render(context, request if 403 <= status <= 404 else None)
        response = HttpResponse(page, status=status)
    if retry_after:
        response["Retry-After"] = str(retry_after)
    response["X-Sentence"] = quote(sentence)
    return response


def _get_page_before(request: HttpRequest) -> str:
    """The page of this site from which somebody came, if any."""
    before = request.headers.get("Referer", "")
    is_other = before and before != request.build_absolute_uri()
    return before if is_other and is_same_site_url(request, before) else ""


def _explain_missing(request: HttpRequest) -> str:
    """Why something is not there, as far as whoever asks may know: somebody may just have put it into the trash."""
    match, user = request.resolver_match, getattr(request, "user", None)
    if not match or not user or not user.is_authenticated:
        return str(NOT_HERE)
    photos = Photo.objects.viewable_by(user).in_trash()
    if match.route.startswith("photos/<int:pk>/"):
        photo = photos.filter(pk=match.kwargs["pk"]).first()
    elif match.route.startswith(("faces/<int:pk>/", "review/<int:pk>/")):
        photo = photos.filter(pk__in=Face.objects.filter(pk=match.kwargs["pk"]).values("photo")).first()
    else:
        return str(NOT_HERE)
    if photo is None:
        return str(NOT_HERE)
    return _("“%(name)s” is in the trash, and can be restored from there. Nothing was changed.") % {
        "name": photo.name
    }


def _error_status(error: BaseException | None) -> int:
    if is_disk_full(error):
        return 507
    if is_lost_race(error):
        return 409
    return 503 if isinstance(error, OperationalError | InterfaceError | StorageAway) else 500


def is_lost_race(error: BaseException | None) -> bool:
    """Whether the database refused what points to a row that has just gone, or what somebody has just made."""
    cause = error.__cause__ if isinstance(error, IntegrityError) else None
    said = getattr(cause, "sqlstate", "") or getattr(cause, "sqlite_errorname", "")
    return said in LOST_RACES


def explain_server_error(error: BaseException | None) -> str:
    """What is wrong and what to do."""
    if is_disk_full(error):
        return str(DISK_FULL)
    if is_lost_race(error):
        return _("This has changed since the page was made. Nothing was changed by you; look again.")
    if isinstance(error, StorageAway):
        return _("The store of the site's files does not answer. Nothing was kept; try again in a moment.")
    if isinstance(error, OSError):
        return str(DISK_FAILING)
    return _("The database is busy or away. Try again in a moment; nothing is taken twice.")
