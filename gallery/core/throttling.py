"""Lockout after too many failed sign-ins, and the number of uploads a user may make in an hour."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.models import ApiKey, Companion, Event, Photo, Reference, User
from gallery.models.clock import get_site_time
from recognition.errors import ImageError


def get_client_address(request: HttpRequest) -> str:
    """The client's address, behind as many proxies as the owner has configured.

    Each proxy appends the address that a request came from, so only the last ones in the header can be trusted;
    whatever a client writes itself stands further left.
    """
    nearest: str = request.META.get("REMOTE_ADDR", "")
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    is_told = 0 < settings.PROXIES <= len(told)
    return get_client_network(told[-settings.PROXIES] if is_told else nearest)


def get_client_network(address: str) -> str:
    """What one client has: an IPv4 address, or all addresses of IPv6 that begin with the same 64 bits."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> 64 << 64))


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Counts one account from one address, as axes does, and also each of the two by itself."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        if super().is_locked(request, credentials):
            return True
        name = get_client_username(request, credentials)
        if name and _count_failures(request, username=name) >= settings.ACCOUNT_FAILURE_LIMIT:
            return True
        return (
            _count_failures(request, ip_address=get_client_address(request)) >= settings.ADDRESS_FAILURE_LIMIT
        )


def _count_failures(request: HttpRequest, **whose: str) -> int:
    recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request), **whose)
    count: int | None = recent.aggregate(sum=Sum("failures_since_start"))["sum"]
    return count or 0


def render_lockout(
    request: HttpRequest, response: HttpResponse | None, credentials: Any = None
) -> HttpResponse:
    """The page for somebody who has tried too often; the same whether or not there is such an account."""
    minutes = round(settings.AXES_COOLOFF_TIME * 60)
    answer = render(request, "accounts/locked.html", {"minutes": minutes}, status=429)
    answer["Retry-After"] = str(minutes * 60)
    return answer


class UploadQuotaReached(ActionRefused):
    """The user has sent as much as an hour allows; says when there is room again."""

    code = "upload_quota"
    sentence = gettext_lazy(
        "You have uploaded as much as one hour allows. What is here is safe; go on in an hour."
    )

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(str(self.sentence))
        self.wait_seconds = wait_seconds


class CallLimitReached(ActionRefused):
    """The key, or the user on a page, has made as many calls as a minute allows."""

    code = "too_many_calls"
    sentence = gettext_lazy("This key has made as many calls as one minute allows. Go on in the next.")

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(str(self.sentence))
        self.wait_seconds = wait_seconds


class LookupLimitReached(CallLimitReached):
    sentence = gettext_lazy("You have asked as often as one minute allows. Go on in the next.")


def count_api_call(key: ApiKey, more: int = 1) -> None:
    """CallLimitReached past the minute's limit of this key, in this process; with `more=0` it only looks."""
    _count_call(f"api-calls-{key.pk}", more, CallLimitReached)


def count_page_lookup(user: User) -> None:
    """LookupLimitReached past the minute's limit, for pictures on "Who is this?"."""
    _count_call(f"page-lookups-{user.pk}", 1, LookupLimitReached)


def _count_call(name: str, more: int, refusal: type[CallLimitReached]) -> None:
    minute, second = divmod(int(time.time()), 60)
    name = f"{name}-{minute}"
    cache.add(name, 0, timeout=120)
    if cache.incr(name, more) > settings.API_CALLS_PER_MINUTE - (not more):
        raise refusal(60 - second)


VERB_UPLOAD_REFUSED = "upload.refused"
QUOTA_PERIOD = timedelta(hours=1)
MIN_WAIT_SECONDS = 60


@contextmanager
def throttle_upload(user: User | None, more_bytes: int = 0) -> Iterator[None]:
    """Refuse an upload past the hour's limit; a file that turns out to be no photo counts as well."""
    check_upload_quota(user, more_bytes)
    try:
        yield
    except ImageError:
        if user is not None:
            Event.objects.create(actor=user, verb=VERB_UPLOAD_REFUSED)
        raise


def check_upload_quota(user: User | None, more_bytes: int = 0) -> None:
    """UploadQuotaReached if the user has sent as many files, or bytes with these, as an hour allows."""
    if user is None:
        return
    now = get_site_time()
    since = now - QUOTA_PERIOD
    kept = Photo.objects.filter(uploaded_by=user, added_at__gt=since).aggregate(
        files=Count("pk"), bytes=Sum("bytes"), first=Min("added_at")
    )
    beside = Companion.objects.filter(uploaded_by=user, added_at__gt=since).aggregate(
        files=Count("pk"), bytes=Sum("bytes")
    )
    references = Reference.objects.filter(added_by=user, created_at__gt=since).count()
    refused = Event.objects.filter(actor=user, verb=VERB_UPLOAD_REFUSED, at__gt=since).count()
    is_full = kept["files"] + beside["files"] + references + refused >= settings.UPLOADS_PER_HOUR
    if (
        is_full
        or (kept["bytes"] or 0) + (beside["bytes"] or 0) + more_bytes
        > settings.UPLOAD_GB_PER_HOUR * 1_000_000_000
    ):
        first_leaves = (kept["first"] or now) + QUOTA_PERIOD - now
        raise UploadQuotaReached(max(MIN_WAIT_SECONDS, round(first_leaves.total_seconds())))
