"""Messages about acts with a button that undoes them, and where to go next."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from gallery.history.descriptions import describe_event as sentence
from gallery.models import Event


def add_event_message(request: HttpRequest, event: Event | None) -> None:
    """Say on the next page what was done, with a button that undoes it."""
    if event is not None:
        tag = f"undo-{event.pk}" if event.undo is not None else ""
        messages.success(request, _("You %(what)s.") % {"what": sentence(event)}, extra_tags=tag)


def get_undo_url(event: Event | None) -> str:
    return reverse("event_undo", args=(event.pk,)) if event and event.undo is not None else ""


def get_next_url(request: HttpRequest) -> str:
    """The address in `next`, if it is one of this site; else home."""
    asked = request.POST.get("next", "")
    return asked if is_same_site_url(request, asked) else reverse("home")


def is_same_site_url(request: HttpRequest, address: str) -> bool:
    """Whether an address that a request carries leads to this site."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
