"""After a form was saved: what that did, as the history says it, each with a button that undoes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest
from django.utils.translation import gettext as _

from gallery.access import current_user
from gallery.admin.listing import Listing
from gallery.models import Event
from gallery.services.sentences import say

TOLD = "_is_told"


@contextmanager
def told(request: HttpRequest) -> Iterator[None]:
    """Every act of this user in the block is told of on the next page."""
    last = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    yield
    done = Event.objects.filter(actor=current_user(request), pk__gt=last, batch__isnull=True)
    for event in done.order_by("pk"):
        tag = f"undo-{event.pk}" if event.undo is not None else ""
        messages.success(request, _("You %(what)s.") % {"what": say(event)}, extra_tags=tag)
    if not done:
        messages.info(request, _("Nothing had to be changed."))
    setattr(request, TOLD, True)


class TellingAdmin(Listing):
    """Says what was done in place of the admin's own sentence."""

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **named: Any) -> None:
        if not getattr(request, TOLD, False):
            super().message_user(request, message, *args, **named)
