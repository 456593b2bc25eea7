"""Headers that every answer carries, one line of log for each request, and the way to the login page."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from facesite.refusals import say_refused
from gallery.core.limits import WITHHELD
from gallery.core.lookups import get_lookup
from gallery.core.permissions import PageRequest, current_user
from gallery.core.problems import PROBLEM_TYPE, is_api_request, make_problem
from gallery.web.error_pages import permission_denied

Respond = Callable[[HttpRequest], HttpResponseBase]

log = logging.getLogger("facesite.request")


def headers(get_response: Respond) -> Respond:
    """Only this site may show what it sends, and no shared cache keeps it."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return answer


def request_log(get_response: Respond) -> Respond:
    """Who asked for what kind of page, and how it went: ids and the address's name, never its text.

    Addresses can hold tokens, names that were searched for and file names, so they are not logged.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        user = getattr(request, "user", None)
        fields = {
            "method": request.method,
            "view": match.view_name if match else None,
            "status": None if get_lookup(response) else response.status_code,  # facesite.lookups logs it
            "user": user.pk if user is not None else None,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        }
        log.info("request", extra={"fields": fields})
        return response

    return answer


def api_problems(get_response: Respond) -> Respond:
    """What goes wrong with a call of the API is told as a program reads it, whatever part of the site tells it."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_told = response.headers.get("Content-Type") in (PROBLEM_TYPE, "application/json")
        if response.status_code < 400 or is_told or not is_api_request(request):
            return response
        problem = make_problem(response.status_code)
        if "Allow" in response.headers:
            problem["Allow"] = response["Allow"]
        return problem

    return answer


class SignInFirst(LoginRequiredMiddleware):
    """The login page, and from there back to the page one was on.

    Where a script has asked for a part of a page, the whole page goes to the login: it would else be shown inside of
    it. Where a form was sent or a file asked for, the way back is the page that it stands on.

    Whoever may not open a page learns it here, before the token of a form is looked for in the body.
    """

    def process_view(  # type: ignore[override]  # the stubs know of no htmx
        self, request: PageRequest, view_func: Any, *given: Any
    ) -> HttpResponseBase | None:
        if is_api_request(request):  # which takes keys, and neither sessions nor forms: see gallery.api.base
            return None
        answer = super().process_view(request, view_func, *given)
        if answer:
            return answer
        role = getattr(view_func, "least_role", None)
        if role and not current_user(request).has_role(role):
            # not by raising: Django's handler of that would look for the token, and so read the body
            return permission_denied(request)
        withheld = request.META.get(WITHHELD)
        return say_refused(request, withheld) if withheld else None

    def handle_no_permission(  # type: ignore[override]  # the stubs know of plain redirects only
        self, request: PageRequest, view_func: Respond
    ) -> HttpResponseBase:
        is_part = bool(request.htmx)
        if not is_part and "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"error": _("Sign in first.")}, status=401)
        back = request.get_full_path()
        is_page = request.method in ("GET", "HEAD") and not hasattr(view_func, "gives_file")
        if is_part or not is_page:
            back = _same_site(request, request.htmx.current_url or request.headers.get("Referer", ""))
        if request.method not in ("GET", "HEAD"):
            said = _("You were signed out meanwhile. What you sent was not taken: sign in and send it again.")
            messages.warning(request, said)
        answer = redirect_to_login(back, settings.LOGIN_URL)
        return HttpResponseClientRedirect(answer.url) if is_part else answer


def _same_site(request: HttpRequest, address: str) -> str:
    """The path of an address of this site; of any other, the start page's."""
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}):
        return reverse("home")
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or reverse("home")
