"""What is answered where a view ends in one of the site's named errors, whatever page it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import reswap, retarget

from gallery.core.confirmation import let_confirmed_through
from gallery.core.erased import let_erased_return
from gallery.core.exceptions import ActionRefused, ConfirmationNeeded, NameWasErased, translate_error
from gallery.models import ErasedDigest
from gallery.web.error_pages import explain_trouble
from gallery.web.responses import is_same_site_url
from recognition.errors import RecognitionError

CONFIRMATION_FIELD = "confirmed"  # keys of what was asked about
RETURN_FIELD = "erased"  # "files", or the number of a digest that was asked about


class AnswerNamedErrors:
    """An act that is refused says why; one that needs a word first asks, by a form that sends the same once more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with (
            let_confirmed_through(lambda key: key in request.POST.getlist(CONFIRMATION_FIELD)),
            let_erased_return(partial(is_return_confirmed, request)),
        ):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, ConfirmationNeeded):
            return _ask(request, str(error), key=error.key)
        if isinstance(error, NameWasErased):
            return _ask(request, str(error), digest=error.digest)
        if isinstance(error, ActionRefused):
            seconds = getattr(error, "wait_seconds", 0)
            return explain_trouble(request, str(error), 429 if seconds else 409, seconds)
        if isinstance(error, RecognitionError):
            return explain_trouble(request, translate_error(error), 422)
        return None


def is_return_confirmed(request: HttpRequest, digest: ErasedDigest) -> bool:
    """Whether the form says that this is meant; the form is read only once something is asked."""
    said = request.POST.getlist(RETURN_FIELD)
    return str(digest.pk) in said or (digest.kind == ErasedDigest.Kind.FILE and "files" in said)


def _ask(request: HttpRequest, question: str, **context: object) -> HttpResponse:
    """A question in place of the act: `sent` is what the form sends once more, to `address`."""
    is_part = bool(getattr(request, "htmx", False))
    pairs = [(name, value) for name, values in request.POST.lists() for value in values]
    back = request.headers.get("HX-Current-URL" if is_part else "Referer", "")
    context |= {
        "question": question,
        "sent": [pair for pair in pairs if pair[0] != "csrfmiddlewaretoken"],
        "address": request.get_full_path(),
        "back": back if is_same_site_url(request, back) else reverse("home"),
        "has_files": bool(request.FILES),
    }
    response = render(request, "components/question.html", context, status=200 if is_part else 409)
    if is_part:  # the question takes the whole page's place
        response["HX-Reselect"] = "#main"
        retarget(reswap(response, "outerHTML"), "#main")
    return response
