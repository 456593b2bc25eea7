"""Gallery health: an overview, and worklists of findings for several curators at once."""

from __future__ import annotations

from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.pagination import parse_id
from gallery.core.permissions import curator_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.curation.findings import find_worklist_items
from gallery.curation.jobs import GALLERY_CHECK_JOB, request_gallery_check
from gallery.curation.services import ChosenTarget, resolve_worklist_item
from gallery.curation.worklists import (
    WORKLISTS,
    WorklistCursor,
    count_findings_in_worklists,
    get_worklist_card,
    get_worklist_page,
    list_closed_cards,
    list_worklists_with_counts,
)
from gallery.history.messages import add_event_message
from gallery.models import Face, Person, User
from gallery.models.base import get_job
from gallery.web.redirects import get_undo_url
from recognition.errors import ImageError

MAX_WATCHED_CARDS = 100  # cards one page may ask about at once


@curator_required
@require_safe
def health_overview(request: HttpRequest) -> HttpResponse:
    lists = list_worklists_with_counts(current_user(request))
    request.findings = count_findings_in_worklists(lists)  # type: ignore[attr-defined]  # for the side bar, too
    context = {
        "lists": lists,
        "check": get_job(GALLERY_CHECK_JOB),
    }
    return render(request, "health/overview.html", context)


@curator_required
@require_POST
def health_check_start(request: HttpRequest) -> HttpResponse:
    request_gallery_check(current_user(request))
    return redirect("gallery_health")


@curator_required
@require_safe
def worklist_page(request: HttpRequest, kind: str) -> HttpResponse:
    after = WorklistCursor.read(request.GET.get("after", ""))
    found = get_worklist_page(current_user(request), _get_known_kind(kind), after)
    return render(request, "health/worklist.html", {"list": found, "kind": found.kind, "after": after})


def _get_known_kind(kind: str) -> str:
    if kind not in WORKLISTS:
        raise Http404
    return kind


@curator_required
@require_safe
def worklist_card(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """One card anew: after an undo, or when somebody else was there."""
    return _render_worklist_card(request, current_user(request), _get_known_kind(kind), pk)


@curator_required
@require_safe
def worklist_decided_cards(request: HttpRequest, kind: str) -> HttpResponse:
    """Of the asked cards those that others have dealt with meanwhile, as they are now."""
    ids = [pk for pk in map(parse_id, request.GET.get("ids", "").split(",")) if pk is not None]
    cases = list_closed_cards(current_user(request), _get_known_kind(kind), ids[:MAX_WATCHED_CARDS])
    return render(request, "health/_decided.html", {"cases": cases})


@curator_required
@require_POST
def worklist_action(request: HtmxHttpRequest, kind: str, pk: int) -> HttpResponse:
    user = current_user(request)
    if not find_worklist_items(_get_known_kind(kind), [pk], user):
        sentence = _("This is no longer in question: the gallery has been checked again.")
        return HttpResponse(sentence, status=404, headers={"X-Sentence": quote(sentence)})
    refusal, event = "", None
    try:
        event = resolve_worklist_item(
            user, kind, pk, request.POST.get("act", ""), _read_choice(request, user)
        )
    except (ActionRefused, ImageError) as error:
        refusal = translate_error(error)
    if request.htmx:
        return _render_worklist_card(request, user, kind, pk, refusal, get_undo_url(event))
    if refusal:
        messages.error(request, refusal)
    add_event_message(request, event)
    return redirect(reverse("worklist", args=(kind,)))


def _read_choice(request: HttpRequest, user: User) -> ChosenTarget:
    """The person taken from a list or typed, and the face chosen."""
    person, face = parse_id(request.POST.get("person")), parse_id(request.POST.get("face"))
    return ChosenTarget(
        name=request.POST.get("name", "").strip(),
        person=get_object_or_404(Person, pk=person) if person else None,
        face=Face.objects.visible_to(user).select_related("photo", "person").filter(pk=face).first()
        if face
        else None,
    )


def _render_worklist_card(
    request: HttpRequest, user: User, kind: str, pk: int, refusal: str = "", undo: str = ""
) -> HttpResponse:
    case = get_worklist_card(user, kind, pk)
    if case is None:
        raise Http404
    context = {"case": case, "pk": pk, "refusal": refusal, "undo": undo}
    if not refusal and case.is_open:
        context["note"] = _("The worker looks again.") if request.POST.get("act") == "again" else ""
    return render(request, "health/_case.html", context)
