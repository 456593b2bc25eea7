"""The review queue, one face at a time, and groups of unknown faces that are named or ignored as a whole."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import paginate_by_id, parse_id
from gallery.core.permissions import contributor_required, curator_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.curation.review import (
    ReviewCursor,
    get_face_verdict,
    get_question,
    get_review_queue,
    list_decided_faces,
)
from gallery.faces.clusters import (
    MAX_CLUSTER_FACES,
    count_cluster_sizes,
    count_unclustered_faces,
    get_faces_like_ignored,
    get_single_faces,
    list_cluster_faces,
    list_clusters,
    suggest_person,
)
from gallery.faces.decisions import FaceGroupResult, ignore_face_group, name_face_group
from gallery.history.descriptions import describe_event
from gallery.history.messages import add_event_message
from gallery.history.undo import can_undo
from gallery.models import Album, Event, Face, Person, User
from gallery.people.references import has_automatic_references, set_automatic_references
from gallery.web.faces import apply_face_answer, get_meant_person, get_visible_face
from gallery.web.redirects import get_undo_url

MAX_WATCHED_CARDS = 100  # cards one page may ask about at once


@contributor_required
@require_safe
def review_page(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    person, album = parse_id(request.GET.get("person")), parse_id(request.GET.get("album"))
    after = ReviewCursor.read(request.GET.get("after", ""))
    context = {
        "queue": get_review_queue(user, after, person=person, album=album),
        "after": after,
        "is_automatic": has_automatic_references(),
        "person": Person.objects.filter(pk=person).first() if person else None,
        "album": Album.objects.visible_to(user).filter(pk=album).first() if album else None,
    }
    return render(request, "curation/review.html", context)


@curator_required
@require_POST
def review_setting(request: HttpRequest) -> HttpResponse:
    """Whether clear faces that people confirm become references by themselves."""
    add_event_message(request, set_automatic_references(current_user(request), "automatic" in request.POST))
    return redirect("review")


@contributor_required
@require_safe
def review_card(request: HttpRequest, pk: int) -> HttpResponse:
    """One card anew: after an undo, or when somebody else was there."""
    user = current_user(request)
    return _render_review_card(request, user, get_visible_face(user, pk))


@contributor_required
@require_safe
def review_decided_cards(request: HttpRequest) -> HttpResponse:
    """Of the asked cards those that others have dealt with meanwhile, as they are now."""
    user = current_user(request)
    ids = [pk for pk in map(parse_id, request.GET.get("ids", "").split(",")) if pk is not None]
    cards = [
        {"face": face, "said": get_face_verdict(face), "swap": True}
        for face in list_decided_faces(user, ids[:MAX_WATCHED_CARDS])
    ]
    return render(request, "curation/_review_decided.html", {"cards": cards})


@contributor_required
@require_POST
def review_answer(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    face = get_visible_face(user, pk)
    refusal, event = "", None
    try:
        event = apply_face_answer(request, user, face)
    except ActionRefused as error:
        refusal = str(error)
    if request.htmx:
        return _render_review_card(request, user, get_visible_face(user, pk), refusal, get_undo_url(event))
    if refusal:
        messages.error(request, refusal)
    return redirect(_review_url(request))


def _review_url(request: HttpRequest) -> str:
    query = request.POST.get("query", "")
    return f"{reverse('review')}?{query}" if query else reverse("review")


def _render_review_card(
    request: HttpRequest, user: User, face: Face, refusal: str = "", undo: str = ""
) -> HttpResponse:
    said = get_face_verdict(face)
    context = {
        "face": face,
        "said": said,
        "question": None if said else get_question(user, face),
        "refusal": refusal,
        "undo": undo,
        "is_alone": True,  # without the heading over it, which may say another name by now
    }
    return render(request, "curation/_review_card.html", context)


UNGROUPED_LISTS = {"single": get_single_faces, "like-ignored": get_faces_like_ignored}
UNGROUPED_PAGE_SIZE = 120


@contributor_required
@require_safe
def unknown_faces_page(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    number = parse_id(request.GET.get("page")) or 0
    sizes = count_cluster_sizes(user)
    found, has_more = list_clusters(user, sizes, number)
    done = Event.objects.filter(pk=parse_id(request.GET.get("done")) or 0, actor=user).first()
    context = {
        "found_groups": found,  # the frame of the page has a `groups` of its own
        "next": number + 1 if has_more else None,
        "rest": count_unclustered_faces(user, sizes),
        "done": done if done and can_undo(user, done) else None,
        "did": describe_event(done) if done else "",
    }
    return render(request, "curation/unknown.html", context)


@contributor_required
@require_safe
def unknown_others(request: HttpRequest, which: str) -> HttpResponse:
    """Faces outside of the groups: those like no other, and those like ignored ones."""
    if which not in UNGROUPED_LISTS:
        raise Http404
    rows = UNGROUPED_LISTS[which](current_user(request))
    page = paginate_by_id(rows, parse_id(request.GET.get("after")), UNGROUPED_PAGE_SIZE)
    return render(request, "curation/unknown_others.html", {"page": page, "which": which})


@contributor_required
@require_safe
def unknown_group(request: HttpRequest, key: int) -> HttpResponse:
    user = current_user(request)
    found = list_cluster_faces(user, key)
    if not found:
        messages.info(request, _("This group is done; somebody has dealt with its faces."))
        return redirect("unknown")
    context = {"key": key, "faces": found, "suggestion": suggest_person(found)}
    return render(request, "curation/unknown_group.html", context)


@contributor_required
@require_POST
def unknown_answer(request: HttpRequest) -> HttpResponse:
    """Name, or ignore, the ticked faces (`face`, each "id:revision") in one act."""
    user = current_user(request)
    seen = _get_ticked_faces(request, user)
    try:
        if not seen:
            raise ActionRefused(_("Tick at least one face."))
        result = _answer_ticked_faces(request, user, seen)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
        key = parse_id(request.POST.get("key"))
        return redirect("unknown_group", key) if key else redirect("unknown")
    if result.left:
        messages.warning(request, _left_out_sentence(len(result.left)))
    done = f"?done={result.event.pk}" if result.event else ""
    return redirect(f"{reverse('unknown')}{done}")


def _answer_ticked_faces(request: HttpRequest, user: User, seen: dict[int, int]) -> FaceGroupResult:
    if request.POST.get("answer") == "ignore":
        return ignore_face_group(user, list(seen), seen)
    return name_face_group(user, list(seen), get_meant_person(request, user), seen)


def _get_ticked_faces(request: HttpRequest, user: User) -> dict[int, int]:
    """Ids and revisions of the ticked faces that the user may see."""
    pairs = [entry.partition(":") for entry in request.POST.getlist("face")]
    asked = {int(pk): int(revision) for pk, _sep, revision in pairs if parse_id(pk) and revision.isdecimal()}
    ids = (
        Face.objects.visible_to(user)
        .filter(pk__in=list(asked)[:MAX_CLUSTER_FACES])
        .values_list("pk", flat=True)
    )
    return {pk: asked[pk] for pk in ids}


def _left_out_sentence(count: int) -> str:
    return ngettext(
        "%(count)s face was left out: somebody has decided on it meanwhile, or said it is not this person.",
        "%(count)s faces were left out: somebody has decided on them meanwhile, or said they are not this person.",
        count,
    ) % {"count": count}
