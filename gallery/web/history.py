"""The history of acts with undo, and the audit trail for administrators."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import find_by_id, paginate_by_id, parse_id
from gallery.core.permissions import PageRequest, administrator_required, contributor_required
from gallery.history.descriptions import describe_event
from gallery.history.selectors import (
    AUDIT_PAGE_SIZE,
    describe_audit_details,
    describe_audit_event,
    get_history_page,
    list_audit_events,
    list_history_events,
    visible_events,
)
from gallery.history.undo import undo_event_as_shown
from gallery.models import Event, Person, Photo, User
from gallery.web.responses import add_toast, get_next_url

MAX_UNDONE_FACES = 500  # faces named to the page that asked for an undo


@contributor_required
@require_safe
def history_page(request: PageRequest) -> HttpResponse:
    wanted = {name: parse_id(request.GET.get(name)) for name in ("actor", "person", "photo")}
    entries, page = get_history_page(
        request.user, list_history_events(request.user, **wanted), parse_id(request.GET.get("after"))
    )
    did_something = Exists(Event.objects.filter(actor=OuterRef("pk")))
    context = {
        "entries": entries,
        "page": page,
        "actor": find_by_id(User.objects.all(), request.GET.get("actor")),
        "person": find_by_id(Person.objects.all(), request.GET.get("person")),
        "photo": find_by_id(Photo.objects.visible_to(request.user), request.GET.get("photo")),
        "actors": User.objects.filter(did_something).order_by("username"),
    }
    return render(request, "curation/history.html", context)


@contributor_required
@require_POST
def event_undo(request: PageRequest, pk: int) -> HttpResponse:
    """Take one act back; to htmx a message and the faces concerned, without scripts the page again."""
    user = request.user
    event = get_object_or_404(visible_events(user), pk=pk)
    is_error = False
    try:
        undo_event_as_shown(user, event)
        sentence = _("Undone: %(what)s.") % {"what": describe_event(event)}
    except ActionRefused as refusal:
        sentence, is_error = str(refusal), True
    if not request.htmx:
        messages.add_message(request, messages.ERROR if is_error else messages.SUCCESS, sentence)
        return redirect(get_next_url(request))
    subjects = event.subjects.filter(object_type="face").values_list("object_id", flat=True)
    response = add_toast(HttpResponse(status=204), sentence, is_error=is_error)
    faces = list(subjects[:MAX_UNDONE_FACES])
    return trigger_client_event(response, "event-undone", {"event": event.pk, "faces": faces})


AUDIT_KINDS = (
    ("", gettext_lazy("Everything")),
    ("access", gettext_lazy("Signed in and out")),
    ("failed", gettext_lazy("Failed attempts")),
    ("seen", gettext_lazy("Seen")),
    ("taken", gettext_lazy("Downloaded and exported")),
    ("changed", gettext_lazy("Changed")),
    ("erased", gettext_lazy("Erased")),
    ("users", gettext_lazy("Users")),
)
AUDIT_OBJECT_TYPES = (
    ("photo", gettext_lazy("Photo")),
    ("person", gettext_lazy("Person")),
    ("reference", gettext_lazy("Reference")),
    ("face", gettext_lazy("Face")),
    ("album", gettext_lazy("Album")),
    ("user", gettext_lazy("User")),
    ("sharelink", gettext_lazy("Share link")),
    ("build", gettext_lazy("Build")),
)


@administrator_required
@require_safe
def audit_page(request: HttpRequest) -> HttpResponse:
    asked = request.GET
    wanted: dict[str, Any] = {
        "actor": parse_id(asked.get("actor")),
        "kind": asked.get("kind", ""),
        "object_type": asked["type"] if asked.get("type") in dict(AUDIT_OBJECT_TYPES) else "",
        "object_id": parse_id(asked.get("id")),
        "since": _read_date(asked.get("since", "")),
        "until": _read_date(asked.get("until", "")),
    }
    page = paginate_by_id(list_audit_events(**wanted), parse_id(asked.get("after")), AUDIT_PAGE_SIZE)
    context = {
        "page": page,
        "rows": [_audit_row(event) for event in page.rows],
        "wanted": wanted,
        "kinds": AUDIT_KINDS,
        "types": AUDIT_OBJECT_TYPES,
        "users": User.objects.order_by("username"),
        "days": settings.AUDIT_DAYS,
    }
    return render(request, "audit/trail.html", context)


def _audit_row(event: Event) -> tuple[Event, str, str, str]:
    """The event, what was done, to what, and what else is known of it."""
    words = describe_audit_event(event)
    kind = dict(AUDIT_OBJECT_TYPES).get(event.object_type, event.object_type)
    about = f"{kind} {event.object_id}" if event.object_id else ""
    return event, words, about, describe_audit_details(event, words)


def _read_date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
