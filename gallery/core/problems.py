"""Errors of the HTTP API, as problem details (RFC 9457): a code for programs, a sentence for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _

PROBLEM_TYPE = "application/problem+json"
# By status, where nothing more is known: the code and the sentence.
PLAIN_PROBLEMS = {
    400: ("bad_request", _("The request cannot be understood.")),
    401: ("key_needed", _("Send a valid key: “Authorization: Bearer KEY”.")),
    403: ("not_allowed", _("The key, or its user, may not do this.")),
    404: ("not_found", _("There is nothing here, or nothing that you may see.")),
    405: ("method_not_allowed", _("This address does not take this method.")),
    408: ("too_slow", _("Nothing came for too long. Look at your connection, then try again.")),
    409: ("conflict", _("As things are now, this cannot be done. Look again.")),
    413: ("too_large", _("This is more than the site takes in one piece.")),
    422: ("invalid", _("Something in the request is missing or not as it should be.")),
    429: ("too_many", _("Too much at once. Try again later.")),
    500: ("failed", _("Something went wrong here. The log of the server says more.")),
    503: ("unavailable", _("The site cannot do this at the moment. Try again soon.")),
    507: ("disk_full", _("The disk of the server has no room for this.")),
}


def is_api_request(request: HttpRequest) -> bool:
    return request.path_info.startswith(("/api/", "/compreface/"))


def make_problem(
    status: int, code: str = "", detail: str = "", *, retry_after: int = 0, **members: Any
) -> JsonResponse:
    """The answer to a call that did not do what it should; `retry_after` in seconds."""
    plain = PLAIN_PROBLEMS.get(status, PLAIN_PROBLEMS[400 if status < 500 else 500])
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code or plain[0],
        "detail": detail or str(plain[1]),
        **members,
    }
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JsonResponse(document, status=status, content_type=PROBLEM_TYPE, headers=headers)
