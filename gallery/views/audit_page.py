"""The audit trail, for administrators."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from gallery.access import administrator_required
from gallery.browse import trail
from gallery.browse.paging import as_id, page_of
from gallery.models import Event, User
from gallery.services.retention import audit_days

KINDS = (
    ("", _("Everything")),
    ("access", _("Signed in and out")),
    ("failed", _("Failed attempts")),
    ("seen", _("Seen")),
    ("taken", _("Downloaded and exported")),
    ("changed", _("Changed")),
    ("erased", _("Erased")),
    ("users", _("Users")),
)
TYPES = (
    ("photo", _("Photo")),
    ("person", _("Person")),
    ("reference", _("Reference")),
    ("face", _("Face")),
    ("album", _("Album")),
    ("user", _("User")),
    ("sharelink", _("Share link")),
    ("build", _("Build")),
)


@administrator_required
@require_safe
def audit_page(request: HttpRequest) -> HttpResponse:
    asked = request.GET
    wanted = trail.Wanted(
        actor=as_id(asked.get("actor")),
        kind=asked.get("kind", ""),
        object_type=asked["type"] if asked.get("type") in dict(TYPES) else "",
        object_id=as_id(asked.get("id")),
        since=_date(asked.get("since", "")),
        until=_date(asked.get("until", "")),
    )
    page = page_of(trail.events(wanted), as_id(asked.get("after")), trail.PAGE)
    context = {
        "page": page,
        "rows": [_row(event) for event in page.rows],
        "wanted": wanted,
        "kinds": KINDS,
        "types": TYPES,
        "users": User.objects.order_by("username"),
        "days": audit_days(),
    }
    return render(request, "audit/trail.html", context)


def _row(event: Event) -> tuple[Event, str, str, str]:
    """The event, what was done, to what, and what else is known of it."""
    words, kind = trail.words(event), dict(TYPES).get(event.object_type, event.object_type)
    about = f"{kind} {event.object_id}" if event.object_id else ""
    return event, words, about, trail.more(event, words)


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
