"""Asks, whatever page it was, before an act that needs a confirmation."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from gallery.core.confirmation import let_confirmed_through
from gallery.core.exceptions import ConfirmationNeeded
from gallery.web.responses import render_question

CONFIRMATION_FIELD = "confirmed"


class AskForConfirmation:
    """Instead of the act, a page with the question, whose form sends the same once more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with let_confirmed_through(lambda key: key in request.POST.getlist(CONFIRMATION_FIELD)):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, ConfirmationNeeded):
            return None
        context: dict[str, object] = {"question": str(error), "key": error.key}
        return render_question(request, "components/question.html", context)
