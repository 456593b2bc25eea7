"""Headers that every answer carries, and one line of log for each request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

Respond = Callable[[HttpRequest], HttpResponseBase]

log = logging.getLogger("facesite.request")

# What pages of this site never need: browsers refuse it even to a script that slipped in.
REFUSED = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
)
PERMISSIONS = ", ".join(f"{feature}=()" for feature in REFUSED)


def headers(get_response: Respond) -> Respond:
    """Permissions-Policy, and pages that no shared cache keeps."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
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
            "status": response.status_code,
            "user": user.pk if user is not None else None,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        }
        log.info("request", extra={"fields": fields})
        return response

    return answer
