"""Messages on the next page about what somebody did, with a button that undoes it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from gallery.history.descriptions import describe_event
from gallery.models import Event


def describe_own_event(event: Event) -> str:
    """A sentence to whoever did it."""
    return _("You %(what)s.") % {"what": describe_event(event)}


def add_event_message(request: HttpRequest, event: Event | None, text: str = "") -> None:
    """The text, or what was done, with a button that undoes it while it can be undone."""
    if event is not None:
        tag = f"undo-{event.pk}" if event.undo is not None and event.undone_at is None else ""
        messages.success(request, text or describe_own_event(event), extra_tags=tag)
