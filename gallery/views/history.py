"""Who did what, and taking it back."""

from __future__ import annotations

import json

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.access import contributor_required, current_user
from gallery.browse import story
from gallery.browse.paging import as_id
from gallery.models import Event, Person, User
from gallery.services import history
from gallery.services.errors import Refused
from gallery.services.sentences import say
from gallery.views.theme import back
from gallery.visibility import visible_photos

TOLD = 500  # faces named to the page that asked for an undo


@contributor_required
@require_safe
def history_page(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    wanted = {name: as_id(request.GET.get(name)) for name in ("actor", "person", "photo")}
    entries, page = story.page(user, story.events(user, **wanted), as_id(request.GET.get("after")))
    context = {
        "entries": entries,
        "page": page,
        "actor": User.objects.filter(pk=wanted["actor"]).first() if wanted["actor"] else None,
        "person": Person.objects.filter(pk=wanted["person"]).first() if wanted["person"] else None,
        "photo": visible_photos(user).filter(pk=wanted["photo"]).first() if wanted["photo"] else None,
        "actors": User.objects.filter(Exists(Event.objects.filter(actor=OuterRef("pk")))).order_by(
            "username"
        ),
    }
    return render(request, "curation/history.html", context)


@contributor_required
@require_POST
def event_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one act back; to htmx a message and the faces concerned, without scripts the page again."""
    user = current_user(request)
    event = get_object_or_404(story.visible_events(user), pk=pk)
    refusal = ""
    try:
        if not (user.is_curator or event.actor_id == user.pk):
            raise Refused(_("Only curators undo what somebody else did."))
        history.undo(user, event)
        sentence = _("Undone: %(what)s.") % {"what": say(event)}
    except Refused as error:
        refusal = sentence = str(error)
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return _told(event, sentence, is_refused=bool(refusal))
    messages.add_message(request, messages.ERROR if refusal else messages.SUCCESS, sentence)
    return redirect(back(request))


def _told(event: Event, sentence: str, *, is_refused: bool) -> HttpResponse:
    faces = list(event.subjects.filter(object_type="face").values_list("object_id", flat=True)[:TOLD])
    toast = {"text": sentence, "tags": "error" if is_refused else ""}
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"toast": toast, "event-undone": {"event": event.pk, "faces": faces}})
    return response
