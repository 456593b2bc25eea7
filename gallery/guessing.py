"""Guessing passwords: who tried how often, and what they are told."""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def client_address(request: HttpRequest) -> str:
    """The asker's address, past as many proxies as the owner says there are.

    Each proxy appends the address it was asked from, so only the last ones in the header can be believed;
    whatever a client writes itself stands further left.
    """
    nearest: str = request.META.get("REMOTE_ADDR", "")
    if not settings.PROXIES:
        return nearest
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return told[-settings.PROXIES] if len(told) >= settings.PROXIES else nearest


class Handler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Counts one account from one address, as axes does, and also each of the two by itself."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        if super().is_locked(request, credentials):
            return True
        name = get_client_username(request, credentials)
        if name and _failures(request, username=name) >= settings.ACCOUNT_FAILURE_LIMIT:
            return True
        return _failures(request, ip_address=client_address(request)) >= settings.ADDRESS_FAILURE_LIMIT


def _failures(request: HttpRequest, **whose: str) -> int:
    recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request), **whose)
    count: int | None = recent.aggregate(sum=Sum("failures_since_start"))["sum"]
    return count or 0


def locked(request: HttpRequest, response: HttpResponse | None, credentials: Any = None) -> HttpResponse:
    """What is said to who has tried too often; the same whether or not there is such an account."""
    minutes = round(settings.AXES_COOLOFF_TIME * 60)
    answer = render(request, "accounts/locked.html", {"minutes": minutes}, status=429)
    answer["Retry-After"] = str(minutes * 60)
    return answer
