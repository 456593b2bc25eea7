"""The review queue, one face at a time, and groups of unknown faces that are named or ignored as a whole."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import ScoreCursor, find_by_id, paginate_by_id, parse_id, parse_ids
from gallery.core.permissions import PageRequest, contributor_required, curator_required
from gallery.curation.review import (
    get_face_verdict,
    get_question,
    get_review_queue,
    list_decided_faces,
)
from gallery.faces.decisions import ignore_face_group, name_face_group
from gallery.faces.selectors import (
    MAX_CLUSTER_FACES,
    count_cluster_sizes,
    count_unclustered_faces,
    get_faces_like_ignored,
    get_single_faces,
    list_cluster_faces,
    list_clusters,
    suggest_person,
)
from gallery.faces.services import get_newest_grouping, request_grouping, stop_grouping
from gallery.faces.splits import split_face_group
from gallery.history.descriptions import add_event_message, describe_event
from gallery.history.switches import AUTOMATIC_REFERENCES, turn_site_switch
from gallery.history.undo import can_undo
from gallery.models import Album, Event, Face, Person, User
from gallery.web.faces import apply_face_answer, get_face_or_404, get_meant_person, parse_ticked_faces
from gallery.web.responses import get_undo_url, refusals_as_messages

MAX_WATCHED_CARDS = 100  # cards one page may ask about at once


@contributor_required
@require_safe
def review_page(request: PageRequest) -> HttpResponse:
    person = parse_id(request.GET.get("person"))
    album = find_by_id(Album.objects.visible_to(request.user), request.GET.get("album"))
    after = ScoreCursor.read(request.GET.get("after", ""))
    context = {
        "queue": get_review_queue(request.user, after, person=person, album=album),
        "after": after,
        "is_automatic": AUTOMATIC_REFERENCES.is_on(),
        "person": find_by_id(Person.objects.all(), request.GET.get("person")),
        "album": album,
    }
    return render(request, "curation/review.html", context)


@curator_required
@require_POST
def review_setting(request: PageRequest) -> HttpResponse:
    """Whether clear faces that people confirm become references by themselves."""
    event = turn_site_switch(request.user, AUTOMATIC_REFERENCES, "automatic" in request.POST)
    add_event_message(request, event)
    return redirect("review")


@contributor_required
@require_safe
def review_card(request: PageRequest, pk: int) -> HttpResponse:
    """One card anew: after an undo, or when somebody else was there."""
    return _render_review_card(request, pk)


@contributor_required
@require_safe
def review_decided_cards(request: PageRequest) -> HttpResponse:
    """Of the asked cards those that others have dealt with meanwhile, as they are now."""
    ids = parse_ids(request.GET.get("ids", "").split(","))[:MAX_WATCHED_CARDS]
    cards = [
        {"face": face, "verdict": get_face_verdict(face), "swap": True}
        for face in list_decided_faces(request.user, ids)
    ]
    return render(request, "curation/_review_decided.html", {"cards": cards})


@contributor_required
@require_POST
def review_answer(request: PageRequest, pk: int) -> HttpResponse:
    face = get_face_or_404(request.user, pk)
    refusal, event = "", None
    try:
        event = apply_face_answer(request, face)
    except ActionRefused as error:
        refusal = str(error)
    if request.htmx:
        return _render_review_card(request, pk, refusal, get_undo_url(event))
    if refusal:
        messages.error(request, refusal)
    query = request.POST.get("query", "")
    return redirect(f"{reverse('review')}?{query}" if query else "review")


def _render_review_card(request: PageRequest, pk: int, refusal: str = "", undo: str = "") -> HttpResponse:
    face = get_face_or_404(request.user, pk)
    verdict = get_face_verdict(face)
    context = {
        "face": face,
        "verdict": verdict,
        "question": None if verdict else get_question(request.user, face),
        "refusal": refusal,
        "undo": undo,
        "is_alone": True,  # without the heading over it, which may say another name by now
    }
    return render(request, "curation/_review_card.html", context)


UNGROUPED_LISTS = {"single": get_single_faces, "like-ignored": get_faces_like_ignored}
UNGROUPED_PAGE_SIZE = 120


@contributor_required
@require_safe
def unknown_faces_page(request: PageRequest) -> HttpResponse:
    user = request.user
    number = parse_id(request.GET.get("page")) or 0
    sizes = count_cluster_sizes(user)
    found, has_more = list_clusters(user, sizes, number)
    done = find_by_id(Event.objects.filter(actor=user), request.GET.get("done"))
    context = {
        "waiting": sum(size for key, size in sizes.items() if key is None or key > 0),
        "found_groups": found,  # the frame of the page has a `groups` of its own
        "next": number + 1 if has_more else None,
        "rest": count_unclustered_faces(user, sizes),
        "done": done if done and can_undo(user, done) else None,
        "did": describe_event(done) if done else "",
        "grouping": get_newest_grouping() if user.is_curator else None,
    }
    return render(request, "curation/unknown.html", context)


@curator_required
@require_POST
def unknown_regroup(request: PageRequest) -> HttpResponse:
    """Have all unknown faces grouped anew, or with `stop` no longer."""
    act = stop_grouping if "stop" in request.POST else request_grouping
    with refusals_as_messages(request):
        add_event_message(request, act(request.user))
    return redirect("unknown")


@contributor_required
@require_safe
def unknown_others(request: PageRequest, which: str) -> HttpResponse:
    """Faces outside of the groups: those like no other, and those like ignored ones."""
    if which not in UNGROUPED_LISTS:
        raise Http404
    rows = UNGROUPED_LISTS[which](request.user)
    page = paginate_by_id(rows, parse_id(request.GET.get("after")), UNGROUPED_PAGE_SIZE)
    return render(request, "curation/unknown_others.html", {"page": page, "which": which})


@contributor_required
@require_safe
def unknown_group(request: PageRequest, key: int) -> HttpResponse:
    found = list_cluster_faces(request.user, key)
    if not found:
        messages.info(request, _("This group is done; somebody has dealt with its faces."))
        return redirect("unknown")
    context = {"key": key, "faces": found, "suggestion": suggest_person(found)}
    return render(request, "curation/unknown_group.html", context)


@contributor_required
@require_POST
def unknown_answer(request: PageRequest) -> HttpResponse:
    """Name, or ignore, the ticked faces (`face`, each "id:revision") in one act; or say that those of the faces
    `shown` that are not ticked are somebody else."""
    user, seen = request.user, parse_ticked_faces(request)
    ids = _list_visible_ids(user, seen)
    try:
        if not ids:
            raise ActionRefused(_("Tick at least one face."))
        if request.POST.get("answer") == "split":
            return _split_group(request, ids)
        if request.POST.get("answer") == "ignore":
            result = ignore_face_group(user, ids, seen)
        else:
            result = name_face_group(user, ids, get_meant_person(request), seen)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
        key = parse_id(request.POST.get("key"))
        return redirect("unknown_group", key) if key else redirect("unknown")
    if result.left:
        messages.warning(request, describe_left_out_faces(len(result.left)))
    done = f"?done={result.event.pk}" if result.event else ""
    return redirect(f"{reverse('unknown')}{done}")


def _list_visible_ids(user: User, faces: Collection[int]) -> list[int]:
    shown = Face.objects.visible_to(user).filter(pk__in=list(faces)[:MAX_CLUSTER_FACES])
    return list(shown.values_list("pk", flat=True))


def _split_group(request: PageRequest, ticked: Collection[int]) -> HttpResponse:
    shown = parse_ticked_faces(request, "shown")
    apart = set(_list_visible_ids(request.user, shown)).difference(ticked)
    if not apart:
        raise ActionRefused(_("Untick the faces of somebody else first."))
    result = split_face_group(request.user, apart, ticked, shown)
    add_event_message(request, result.event)
    if result.left:
        messages.warning(request, describe_changed_faces(len(result.left)))
    key = parse_id(request.POST.get("key"))
    return redirect("unknown_group", key) if key else redirect("unknown")


def describe_changed_faces(count: int) -> str:
    return ngettext(
        "%(count)s face was left out: it has a name by now, or somebody has decided on it.",
        "%(count)s faces were left out: they have a name by now, or somebody has decided on them.",
        count,
    ) % {"count": count}


def describe_left_out_faces(count: int) -> str:
    return ngettext(
        "%(count)s face was left out: somebody has decided on it meanwhile, or said it is not this person.",
        "%(count)s faces were left out: somebody has decided on them meanwhile, or said they are not this person.",
        count,
    ) % {"count": count}
