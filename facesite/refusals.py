"""Requests that are refused before their body is received: the gate says so, and Django puts it into words.

So such an answer is in the reader's language, has the headers of every other, and stands in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from gallery.web.error_pages import explain_trouble

# A key of `request.META`, whose value is of the class Refused: the answer to whoever sent the request
REFUSED = "facesite.refused"


class Refused(Exception):
    """A request is answered without its body: with this status and sentence, and a Retry-After in seconds if any."""

    def __init__(self, status: int, sentence: Any, retry_after: int = 0) -> None:
        super().__init__(status)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after


def answer_refusals(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Any:
    """Middleware that answers what the gate has refused, before a view is looked for."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        refused = request.META.get(REFUSED)
        return say_refused(request, refused) if refused else get_response(request)

    return answer


def say_refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    return explain_trouble(request, str(refused.sentence), refused.status, refused.retry_after)


def too_large() -> Refused:
    return Refused(413, _("This is more than the site takes in one piece."))


def too_slow() -> Refused:
    return Refused(408, _("Nothing came for too long. Look at your connection, then try again."))
