"""The site's settings with a middleware that keeps two megabytes of each request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from facesite.settings import *  # noqa: F403 -- settings are a module of names
from facesite.settings import MIDDLEWARE as USUAL

MIDDLEWARE = ["tests.faults.leaky.keep_everything", *USUAL]
_kept: list[bytes] = []


def keep_everything(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    def keep(request: HttpRequest) -> HttpResponseBase:
        _kept.append(b"x" * 2_000_000)
        return answer(request)

    return keep
