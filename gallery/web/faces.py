"""A face's panel on the photo's page, and what people answer about a face:

right, wrong, somebody else, not a face.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from gallery.core.exceptions import ActionRefused, EditConflict, translate_error
from gallery.core.pagination import parse_id
from gallery.core.permissions import contributor_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.faces.decisions import (
    clear_face_decision,
    confirm_face,
    draw_face,
    ignore_face,
    leave_face_unknown,
    mark_not_a_face,
    reject_person_of_face,
)
from gallery.faces.selectors import find_visible_face, get_face_detail, list_face_marks
from gallery.models import Event, Face, Person, Photo, User
from gallery.people.references import use_face_as_reference
from gallery.people.selectors import find_person_by_name, get_person_cards, list_people
from gallery.people.services import get_or_create_person
from gallery.web.navigation import get_photo_url
from gallery.web.photos import get_photo_context
from gallery.web.redirects import get_undo_url
from recognition.errors import ImageError

AnswerAct = Callable[[User, Face, int | None], Event | None]
PLAIN_ANSWERS: dict[str, AnswerAct] = {
    "unknown": leave_face_unknown,
    "not_a_face": mark_not_a_face,
    "ignore": ignore_face,
    "clear": clear_face_decision,
    "reference": lambda user, face, _seen: use_face_as_reference(user, face),
}
FACE_ANSWERS = {"right", "wrong", "other", *PLAIN_ANSWERS}


def get_visible_face(user: User, pk: int) -> Face:
    rows = Face.objects.visible_to(user).select_related("photo", "person", "decided_by")
    return get_object_or_404(rows, pk=pk)


def get_meant_person(request: HttpRequest, user: User) -> Person:
    """The person chosen from a list (`person`), or typed (`name`), made if there is none of that name."""
    pk = parse_id(request.POST.get("person"))
    if pk is not None:
        return get_object_or_404(Person, pk=pk)
    return get_or_create_person(user, request.POST.get("name", ""))


def apply_face_answer(
    request: HttpRequest, user: User, face: Face, person: Person | None = None
) -> Event | None:
    """Do what the button `say` asks; Refused, or ImageError, where that cannot be. `person`: who is meant."""
    word, seen = request.POST.get("answer", ""), parse_id(request.POST.get("revision"))
    shown = parse_id(request.POST.get("person"))
    if word == "reference" and shown not in (None, face.person_id):  # the machine writes without a revision
        raise EditConflict(_("Somebody has changed this face's name meanwhile. Look again."))
    if word in PLAIN_ANSWERS:
        return PLAIN_ANSWERS[word](user, face, seen)
    if word not in FACE_ANSWERS:
        raise ActionRefused(_("Choose one of the answers."))
    person = person or get_meant_person(request, user)
    act = reject_person_of_face if word == "wrong" else confirm_face
    return act(user, face, person, seen)


ANSWERS_THAT_MOVE_ON = {"right", "other", "unknown", "not_a_face", "ignore"}


def get_panel_face(user: User, pk: int) -> Face:
    face = find_visible_face(user, pk)
    if face is None:
        raise Http404
    return face


@require_safe
def face_panel(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """The panel of one face; without scripts, the photo's page with it."""
    user, key = current_user(request), request.GET.get("in", "")
    face = get_panel_face(user, pk)
    if not request.htmx:
        return redirect(get_photo_url(face.photo, key, face.pk))
    context = {"chosen": face, "photo": face.photo, "detail": get_face_detail(user, face), "walk": key}
    return render(request, "gallery/_face.html", context)


@contributor_required
@require_POST
def face_answer(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """One act on one face: `say` is right, wrong, other, or one of PLAIN_WORDS."""
    user = current_user(request)
    face, word = get_panel_face(user, pk), request.POST.get("answer", "")
    if word not in FACE_ANSWERS:
        return HttpResponseBadRequest()
    try:
        event, sentence = _apply_panel_answer(request, user, face, word)
    except (ActionRefused, ImageError) as refusal:
        return _face_response(request, user, face, translate_error(refusal), tags="error")
    next_face = _next_open_face(user, face) if word in ANSWERS_THAT_MOVE_ON else face.pk
    return _face_response(request, user, face, sentence, event=event, show=next_face)


def _apply_panel_answer(request: HttpRequest, user: User, face: Face, word: str) -> tuple[Event | None, str]:
    if word in PLAIN_ANSWERS:
        return apply_face_answer(request, user, face), _answer_sentence(word)
    name = "" if parse_id(request.POST.get("person")) else request.POST.get("name", "")
    is_new = bool(name) and find_person_by_name(name) is None
    person = get_meant_person(request, user)
    return apply_face_answer(request, user, face, person), _answer_sentence("new" if is_new else word, person)


def _answer_sentence(word: str, person: Person | None = None) -> str:
    name = {"name": person.name if person else ""}
    return {
        "right": _("This is %(name)s.") % name,
        "other": _("This is %(name)s.") % name,
        "new": _("This is %(name)s. The site did not know them yet.") % name,
        "wrong": _("Not %(name)s; that name will not come back to this face.") % name,
        "reference": _("The face is a reference from now on."),
        "unknown": _("The face stays without a name."),
        "not_a_face": _("Not a face; the box is gone."),
        "ignore": _("This face is left alone from now on."),
        "clear": _("Taken back; the face is looked at again."),
    }[word]


def _next_open_face(user: User, face: Face) -> int:
    """The next face of the photo, from left to right and around, that waits for a word; else this one."""
    marks = list_face_marks(user, face.photo)
    here = next((place for place, mark in enumerate(marks) if mark.face.pk == face.pk), 0)
    after = marks[here + 1 :] + marks[:here]
    return next((mark.face.pk for mark in after if mark.is_open), face.pk)


def _face_response(
    request: HtmxHttpRequest,
    user: User,
    face: Face,
    sentence: str,
    *,
    event: Event | None = None,
    show: int | None = None,
    tags: str = "",
) -> HttpResponse:
    """To htmx the panel, the boxes and a message with undo; without scripts the page again."""
    shown, key = show or face.pk, request.POST.get("in", "")
    if not request.htmx:
        messages.add_message(request, messages.ERROR if tags else messages.SUCCESS, sentence)
        return redirect(get_photo_url(face.photo, key, shown))
    context = get_photo_context(user, face.photo, shown, key)
    response = render(request, "gallery/_said.html", context)
    trigger_client_event(response, "toast", {"text": sentence, "tags": tags, "undo": get_undo_url(event)})
    return trigger_client_event(response, "faces-changed", {"show": shown})


@contributor_required
@require_POST
def face_draw(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """A box that somebody drew around a missed face; `pk` is the photo's."""
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user), pk=pk)
    try:
        left, top, width, height = (
            float(request.POST.get(side, "")) for side in ("left", "top", "width", "height")
        )
        face = draw_face(user, photo, (left, top, width, height))
    except (ValueError, ActionRefused) as error:
        sentence = str(error) if isinstance(error, ActionRefused) else _("Draw the box again.")
        return HttpResponse(sentence, status=422, headers={"X-Sentence": quote(sentence)})
    return _face_response(request, user, get_panel_face(user, face.pk), _("Who is it?"))


@contributor_required
@require_safe
def people_suggest(request: HttpRequest) -> HttpResponse:
    """People whose names hold what was typed so far, and an offer to make a new person (not with `known`)."""
    user, text = current_user(request), request.GET.get("name", "").strip()
    found = get_person_cards(user, list_people(text=text)[:8]) if text else []
    meant = find_person_by_name(text) if text else None  # whom Enter takes
    is_new = bool(text) and "known" not in request.GET and meant is None
    context = {"found": found, "text": text, "meant": meant, "is_new": is_new}
    return render(request, "gallery/_suggest.html", context)
