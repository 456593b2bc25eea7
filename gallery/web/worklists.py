"""Gallery health: an overview, and worklists of findings for several curators at once."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.pagination import ScoreCursor, find_by_id, parse_id, parse_ids
from gallery.core.permissions import PageRequest, curator_required
from gallery.curation.findings import find_worklist_items
from gallery.curation.jobs import GALLERY_CHECK_JOB, request_gallery_check
from gallery.curation.services import ChosenTarget, resolve_worklist_item
from gallery.curation.worklists import (
    WORKLISTS,
    count_findings_in_worklists,
    get_finding_card,
    get_worklist_page,
    list_closed_cards,
    list_worklists_with_counts,
)
from gallery.history.descriptions import add_event_message
from gallery.models import Face, Person
from gallery.models.base import get_job
from gallery.web.error_pages import explain_trouble
from gallery.web.responses import get_undo_url
from recognition.errors import ImageError

MAX_WATCHED_CARDS = 100  # cards one page may ask about at once


@curator_required
@require_safe
def health_overview(request: PageRequest) -> HttpResponse:
    lists = list_worklists_with_counts(request.user)
    request.findings = count_findings_in_worklists(lists)  # type: ignore[attr-defined]  # for the side bar, too
    return render(request, "health/overview.html", {"lists": lists, "check": get_job(GALLERY_CHECK_JOB)})


@curator_required
@require_POST
def health_check_start(request: PageRequest) -> HttpResponse:
    request_gallery_check(request.user)
    return redirect("gallery_health")


@curator_required
@require_safe
def worklist_page(request: PageRequest, kind: str) -> HttpResponse:
    after = ScoreCursor.read(request.GET.get("after", ""))
    found = get_worklist_page(request.user, _get_known_kind(kind), after)
    return render(request, "health/worklist.html", {"list": found, "kind": found.kind, "after": after})


def _get_known_kind(kind: str) -> str:
    if kind not in WORKLISTS:
        raise Http404
    return kind


@curator_required
@require_safe
def worklist_card(request: PageRequest, kind: str, pk: int) -> HttpResponse:
    """One card anew: after an undo, or when somebody else was there."""
    return _render_worklist_card(request, _get_known_kind(kind), pk)


@curator_required
@require_safe
def worklist_decided_cards(request: PageRequest, kind: str) -> HttpResponse:
    """Of the asked cards those that others have dealt with meanwhile, as they are now."""
    ids = parse_ids(request.GET.get("ids", "").split(","))[:MAX_WATCHED_CARDS]
    cards = list_closed_cards(request.user, _get_known_kind(kind), ids)
    return render(request, "health/_decided.html", {"cards": cards})


@curator_required
@require_POST
def worklist_action(request: PageRequest, kind: str, pk: int) -> HttpResponse:
    user = request.user
    if not find_worklist_items(_get_known_kind(kind), [pk], user):
        sentence = _("This is no longer in question: the gallery has been checked again.")
        return explain_trouble(request, sentence, 404)
    refusal, event = "", None
    try:
        act = request.POST.get("act", "")
        event = resolve_worklist_item(user, kind, pk, act, _read_choice(request))
    except (ActionRefused, ImageError) as error:
        refusal = translate_error(error)
    if request.htmx:
        return _render_worklist_card(request, kind, pk, refusal, get_undo_url(event))
    if refusal:
        messages.error(request, refusal)
    add_event_message(request, event)
    return redirect("worklist", kind)


def _read_choice(request: PageRequest) -> ChosenTarget:
    """The person taken from a list or typed, and the face chosen."""
    person = parse_id(request.POST.get("person"))
    faces = Face.objects.visible_to(request.user).select_related("photo", "person")
    return ChosenTarget(
        name=request.POST.get("name", "").strip(),
        person=get_object_or_404(Person, pk=person) if person else None,
        face=find_by_id(faces, request.POST.get("face")),
    )


def _render_worklist_card(
    request: PageRequest, kind: str, pk: int, refusal: str = "", undo: str = ""
) -> HttpResponse:
    card = get_finding_card(request.user, kind, pk)
    if card is None:
        raise Http404
    context = {"card": card, "pk": pk, "refusal": refusal, "undo": undo}
    if not refusal and card.is_open:
        context["note"] = _("The worker looks again.") if request.POST.get("act") == "again" else ""
    return render(request, "health/_card.html", context)
