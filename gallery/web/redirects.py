"""Addresses that an answer leads to: of the undo of an act, and where to go next."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from gallery.models import Event


def get_undo_url(event: Event | None) -> str:
    return reverse("event_undo", args=(event.pk,)) if event and event.undo is not None else ""


def get_next_url(request: HttpRequest) -> str:
    """The address in `next`, if it is one of this site; else home."""
    asked = request.POST.get("next", "")
    return asked if is_same_site_url(request, asked) else reverse("home")


def is_same_site_url(request: HttpRequest, address: str) -> bool:
    """Whether an address that a request carries leads to this site."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
