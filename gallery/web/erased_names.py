"""Asks, whatever page it was, before a name comes back that belonged to somebody who was erased."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from gallery.core.erased import let_erased_return
from gallery.core.exceptions import NameWasErased
from gallery.models import ErasedDigest
from gallery.web.responses import render_question

CONFIRMATION_FIELD = "erased"  # "files", or the number of a digest that was asked about


def is_confirmed(request: HttpRequest, digest: ErasedDigest) -> bool:
    """Whether the form says that this is meant; the form is read only once something is asked."""
    said = request.POST.getlist(CONFIRMATION_FIELD)
    return str(digest.pk) in said or (digest.kind == ErasedDigest.Kind.FILE and "files" in said)


class AskAboutErasedNames:
    """Instead of the act, a page with the question, whose form sends the same once more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with let_erased_return(partial(is_confirmed, request)):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, NameWasErased):
            return None
        context = {"question": str(error), "digest": error.digest, "has_files": bool(request.FILES)}
        return render_question(request, "erasing/returned.html", context)
