"""All photos with a face: the faces of all photos that look like one, and what can be done to them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.core.exceptions import ActionRefused
from gallery.core.lookups import FOUND, RETRY_SECONDS, Found, attach_lookup, explain_no_worker
from gallery.core.pagination import parse_id
from gallery.core.permissions import PageRequest, contributor_required, role_required
from gallery.faces.decisions import name_face_group, reject_person_of_group
from gallery.faces.labels import get_face_label
from gallery.faces.selectors import AlikeGroup, read_alike_groups
from gallery.faces.splits import split_face_group
from gallery.history.audit import VERB_SEARCHED, write_audit_event
from gallery.history.descriptions import add_event_message
from gallery.history.switches import are_face_lookups_on
from gallery.models import Face, Person, Role
from gallery.web.faces import get_face_or_404, get_meant_person, parse_ticked_faces
from gallery.web.responses import get_next_url
from gallery.web.review import describe_changed_faces, describe_left_out_faces

MAX_VECTOR_TEXT = 8_000  # characters of a vector in base64


@dataclass(frozen=True, slots=True)
class FaceSearchPage:
    groups: list[AlikeGroup]
    next: str | None
    vector: str  # of a face of a picture, which the following part is asked for with
    embedder: str


@role_required(Role.VIEWER)
@require_safe
def alike_faces(request: PageRequest, pk: int) -> HttpResponse:
    """The gate asks the index, and then for this page once more, with what was found."""
    face, cursor = get_face_or_404(request.user, pk), request.GET.get("after", "")
    if not are_face_lookups_on():
        return _render_search(request, face, 403, sentence=_("Searching with a face is switched off here."))
    found: Found | None = request.META.get(FOUND)
    if found is not None:
        return _render_found(request, face, found)
    response = _render_search(request, face, 503, sentence=explain_no_worker())
    response["Retry-After"] = str(RETRY_SECONDS)
    attach_lookup(response, request.user, "search_with_face", (), is_for_page=True, face=pk, cursor=cursor)
    if not cursor:
        write_audit_event(request.user, VERB_SEARCHED, face)
    return response


@role_required(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def alike_to_picture(request: PageRequest) -> HttpResponse:
    """The same for a face of a picture that has been looked at and is not kept: its vector comes with the form."""
    if not are_face_lookups_on():
        return _render_search(request, None, 403, sentence=_("Searching with a face is switched off here."))
    found: Found | None = request.META.get(FOUND)
    if found is not None:
        return _render_found(request, None, found)
    if request.method != "POST":
        return redirect("who")
    values = {name: request.POST.get(name, "")[:MAX_VECTOR_TEXT] for name in ("vector", "cursor")}
    values["embedder_id"] = request.POST.get("embedder", "")[:40]
    response = _render_search(request, None, 503, sentence=explain_no_worker())
    response["Retry-After"] = str(RETRY_SECONDS)
    attach_lookup(response, request.user, "search_with_vector", (), is_for_page=True, **values)
    if not values["cursor"]:
        write_audit_event(request.user, VERB_SEARCHED)
    return response


def _render_found(request: PageRequest, face: Face | None, found: Found) -> HttpResponse:
    answer = json.loads(found.content)
    if found.status != 200:
        return _render_search(request, face, found.status, sentence=answer["detail"])
    groups = read_alike_groups(request.user, answer["faces"])
    page = FaceSearchPage(groups, answer["next"], answer.get("vector", ""), answer.get("embedder", ""))
    return _render_search(request, face, 200, page=page)


def _render_search(request: PageRequest, face: Face | None, status: int, **context: object) -> HttpResponse:
    context |= {"face": face, "label": get_face_label(face) if face else None}
    response = render(request, "lookups/alike.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


@contributor_required
@require_POST
def alike_faces_answer(request: PageRequest) -> HttpResponse:
    """Name the ticked faces (`face`, each "id:revision"), or say that they are not `not_person`, or not the unknown
    face that was searched for (`like`)."""
    user, seen = request.user, parse_ticked_faces(request)
    ids = list(Face.objects.visible_to(user).filter(pk__in=seen).values_list("pk", flat=True))
    describe = describe_left_out_faces
    try:
        if not ids:
            raise ActionRefused(_("Tick at least one face."))
        if request.POST.get("answer") == "not":
            person = get_object_or_404(Person, pk=parse_id(request.POST.get("not_person")))
            result = reject_person_of_group(user, ids, person, seen)
        elif request.POST.get("answer") == "split":
            face = get_face_or_404(user, parse_id(request.POST.get("like")) or 0)
            result, describe = split_face_group(user, ids, [face.pk], seen), describe_changed_faces
        else:
            result = name_face_group(user, ids, get_meant_person(request), seen)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
    else:
        add_event_message(request, result.event)
        if result.left:
            messages.warning(request, describe(len(result.left)))
    return redirect(get_next_url(request))
