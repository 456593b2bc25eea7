"""What the answers of many pages have in common: where they lead, messages about refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import trigger_client_event

from gallery.core.exceptions import ActionRefused
from gallery.models import Event


def get_undo_url(event: Event | None) -> str:
    return reverse("event_undo", args=(event.pk,)) if event and event.undo is not None else ""


def get_next_url(request: HttpRequest) -> str:
    """The address in `next`, if it is one of this site; else home."""
    asked = request.POST.get("next", "")  # without a slash, `redirect` would take it for the name of a view
    return asked if asked.startswith("/") and is_same_site_url(request, asked) else reverse("home")


def is_same_site_url(request: HttpRequest, address: str) -> bool:
    """Whether an address that a request carries leads to this site."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


@contextmanager
def refusals_as_messages(request: HttpRequest) -> Iterator[None]:
    """An act that is refused here ends, and the next page says why."""
    try:
        yield
    except ActionRefused as refusal:
        messages.error(request, str(refusal))


@contextmanager
def refusals_as_errors(form: BaseForm, field: str | None = None) -> Iterator[None]:
    """An act that is refused here ends, and the form says why."""
    try:
        yield
    except ActionRefused as refusal:
        form.add_error(field, str(refusal))


def add_toast(response: HttpResponse, text: str, *, is_error: bool = False, undo: str = "") -> HttpResponse:
    """Have the page that asked by a script show a message, with a button that posts to `undo`."""
    toast = {"text": text, "tags": "error" if is_error else "", "undo": undo}
    return trigger_client_event(response, "toast", toast)
