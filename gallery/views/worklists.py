"""Gallery health: an overview, and lists worked off by keyboard, by several curators at once."""

from __future__ import annotations

from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery import chores
from gallery.access import curator_required, current_user
from gallery.browse import worklists
from gallery.browse.paging import as_id
from gallery.health import find
from gallery.models import Person, User
from gallery.services import health
from gallery.services.errors import Refused
from gallery.views.saying import tell, undo_address
from gallery.visibility import visible_faces
from recognition.types import ImageError

WATCHED = 100  # cards one page may ask about at once


@curator_required
@require_safe
def gallery_health(request: HttpRequest) -> HttpResponse:
    lists = worklists.overview(current_user(request))
    request.findings = worklists.found_in(lists)  # type: ignore[attr-defined]  # for the side bar, too
    context = {
        "lists": lists,
        "check": chores.state(health.CHECK),
    }
    return render(request, "health/overview.html", context)


@curator_required
@require_POST
def gallery_check(request: HttpRequest) -> HttpResponse:
    health.check_now(current_user(request))
    return redirect("gallery_health")


@curator_required
@require_safe
def worklist(request: HttpRequest, kind: str) -> HttpResponse:
    after = worklists.Place.read(request.GET.get("after", ""))
    found = worklists.worklist(current_user(request), _known(kind), after)
    return render(request, "health/worklist.html", {"list": found, "kind": found.kind, "after": after})


def _known(kind: str) -> str:
    if kind not in worklists.LISTS:
        raise Http404
    return kind


@curator_required
@require_safe
def worklist_card(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """One card anew: after an undo, or when somebody else was there."""
    return _card(request, current_user(request), _known(kind), pk)


@curator_required
@require_safe
def worklist_decided(request: HttpRequest, kind: str) -> HttpResponse:
    """Of the asked cards those that others have dealt with meanwhile, as they are now."""
    ids = [pk for pk in map(as_id, request.GET.get("ids", "").split(",")) if pk is not None]
    cases = worklists.decided(current_user(request), _known(kind), ids[:WATCHED])
    return render(request, "health/_decided.html", {"cases": cases})


@curator_required
@require_POST
def worklist_act(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    user = current_user(request)
    if not find(_known(kind), [pk], user):
        said = _("This is no longer in question: the gallery has been checked again.")
        return HttpResponse(said, status=404, headers={"X-Sentence": quote(said)})
    refusal, event = "", None
    try:
        event = health.mend(user, kind, pk, request.POST.get("act", ""), _chosen(request, user))
    except (Refused, ImageError) as error:
        refusal = str(error)
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return _card(request, user, kind, pk, refusal, undo_address(event))
    if refusal:
        messages.error(request, refusal)
    tell(request, event)
    return redirect(reverse("worklist", args=(kind,)))


def _chosen(request: HttpRequest, user: User) -> health.Chosen:
    """The person taken from a list or typed, and the face chosen."""
    person, face = as_id(request.POST.get("person")), as_id(request.POST.get("face"))
    return health.Chosen(
        name=request.POST.get("name", "").strip(),
        person=get_object_or_404(Person, pk=person) if person else None,
        face=visible_faces(user).select_related("photo", "person").filter(pk=face).first() if face else None,
    )


def _card(
    request: HttpRequest, user: User, kind: str, pk: int, refusal: str = "", undo: str = ""
) -> HttpResponse:
    case = worklists.one(user, kind, pk)
    if case is None:
        raise Http404
    context = {"case": case, "pk": pk, "refusal": refusal, "undo": undo}
    if not refusal and case.is_open:
        context["note"] = _("The worker looks again.") if request.POST.get("act") == "again" else ""
    return render(request, "health/_case.html", context)
