"""A face's panel on the photo's page, and answers about a face: right, wrong, somebody else, not a face."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from gallery.core.exceptions import ActionRefused, EditConflict, translate_error
from gallery.core.pagination import find_by_id, parse_id
from gallery.core.permissions import PageRequest, contributor_required
from gallery.faces.decisions import confirm_face, decide_face, draw_face, reject_person_of_face
from gallery.faces.namesakes import find_people_called
from gallery.faces.selectors import find_visible_face, list_face_marks
from gallery.models import Decision, Event, Face, Person, Photo, User
from gallery.people.groups import find_likely_people
from gallery.people.references import use_face_as_reference
from gallery.people.selectors import get_person_cards, suggest_people
from gallery.people.services import get_or_create_person
from gallery.web.error_pages import explain_trouble
from gallery.web.navigation import get_photo_url
from gallery.web.photos import get_face_context, get_photo_context
from gallery.web.responses import add_toast, get_undo_url
from recognition.errors import ImageError

PLAIN_DECISIONS = {
    "unknown": Decision.REJECTED,
    "not_a_face": Decision.NOT_A_FACE,
    "ignore": Decision.IGNORED,
    "clear": Decision.NONE,
}
PLAIN_ANSWERS = {"reference", *PLAIN_DECISIONS}  # which name nobody
FACE_ANSWERS = {"right", "wrong", "other", *PLAIN_ANSWERS}


def get_face_or_404(user: User, pk: int) -> Face:
    face = find_visible_face(user, pk)
    if face is None:
        raise Http404
    return face


def get_meant_person(request: PageRequest) -> Person:
    """The person chosen from a list (`person`), or typed (`name`), made if there is none of that name.

    `another` says that a new person is meant, although there is one of that name.
    """
    pk = parse_id(request.POST.get("person"))
    if pk is not None:
        return get_object_or_404(Person, pk=pk)
    is_another = request.POST.get("another") == "1"
    return get_or_create_person(request.user, request.POST.get("name", ""), is_another=is_another)


def parse_ticked_faces(request: HttpRequest, field: str = "face") -> dict[int, int]:
    """Revisions of the ticked faces by their ids, as the boxes have them ("id:revision")."""
    pairs = [entry.partition(":") for entry in request.POST.getlist(field)]
    return {int(pk): int(revision) for pk, _sep, revision in pairs if parse_id(pk) and revision.isdecimal()}


def apply_face_answer(request: PageRequest, face: Face, person: Person | None = None) -> Event | None:
    """Do what `answer` asks; ActionRefused, or ImageError, where that cannot be. `person`: who is meant."""
    user, answer = request.user, request.POST.get("answer", "")
    shown, seen = parse_id(request.POST.get("person")), parse_id(request.POST.get("revision"))
    if answer == "reference":
        if shown not in (None, face.person_id):  # the machine writes without a revision
            raise EditConflict(_("Somebody has changed this face's name meanwhile. Look again."))
        return use_face_as_reference(user, face)
    if answer in PLAIN_DECISIONS:
        return decide_face(user, face, PLAIN_DECISIONS[answer], seen)
    if answer not in FACE_ANSWERS:
        raise ActionRefused(_("Choose one of the answers."))
    act = reject_person_of_face if answer == "wrong" else confirm_face
    return act(user, face, person or get_meant_person(request), seen)


ANSWERS_THAT_MOVE_ON = {"right", "other", "unknown", "not_a_face", "ignore"}


@require_safe
def face_panel(request: PageRequest, pk: int) -> HttpResponse:
    """The panel of one face; without scripts, the photo's page with it."""
    user, key = request.user, request.GET.get("in", "")
    face = get_face_or_404(user, pk)
    if not request.htmx:
        return redirect(get_photo_url(face.photo, key, face.pk))
    context = {**get_face_context(user, face), "photo": face.photo, "walk": key}
    return render(request, "gallery/_face.html", context)


@contributor_required
@require_POST
def face_answer(request: PageRequest, pk: int) -> HttpResponse:
    """One act on one face: `answer` is one of FACE_ANSWERS."""
    face, answer = get_face_or_404(request.user, pk), request.POST.get("answer", "")
    if answer not in FACE_ANSWERS:
        return HttpResponseBadRequest()
    try:
        event, sentence = _apply_panel_answer(request, face, answer)
    except (ActionRefused, ImageError) as refusal:
        return _face_response(request, face, translate_error(refusal), is_error=True)
    next_face = _next_open_face(request.user, face) if answer in ANSWERS_THAT_MOVE_ON else face.pk
    return _face_response(request, face, sentence, event=event, show=next_face)


def _apply_panel_answer(request: PageRequest, face: Face, answer: str) -> tuple[Event | None, str]:
    """What was done, and a sentence about it."""
    if answer in PLAIN_ANSWERS:
        return apply_face_answer(request, face), str(ANSWER_SENTENCES[answer])
    name = "" if parse_id(request.POST.get("person")) else request.POST.get("name", "")
    is_new = bool(name) and ("another" in request.POST or not find_people_called(name, request.user))
    person = get_meant_person(request)
    event = apply_face_answer(request, face, person)
    return event, ANSWER_SENTENCES["new" if is_new else answer] % {"name": person.label}


ANSWER_SENTENCES = {
    "right": gettext_lazy("This is %(name)s."),
    "other": gettext_lazy("This is %(name)s."),
    "new": gettext_lazy("This is %(name)s. The site did not know them yet."),
    "wrong": gettext_lazy("Not %(name)s; that name will not come back to this face."),
    "reference": gettext_lazy("The face is a reference from now on."),
    "unknown": gettext_lazy("The face stays without a name."),
    "not_a_face": gettext_lazy("Not a face; the box is gone."),
    "ignore": gettext_lazy("This face is left alone from now on."),
    "clear": gettext_lazy("Taken back; the face is looked at again."),
}


def _next_open_face(user: User, face: Face) -> int:
    """The next face of the photo, from left to right and around, that waits for a decision; else this one."""
    marks = list_face_marks(user, face.photo)
    here = next((place for place, mark in enumerate(marks) if mark.face.pk == face.pk), 0)
    after = marks[here + 1 :] + marks[:here]
    return next((mark.face.pk for mark in after if mark.is_open), face.pk)


def _face_response(
    request: PageRequest,
    face: Face,
    sentence: str,
    *,
    event: Event | None = None,
    show: int | None = None,
    is_error: bool = False,
) -> HttpResponse:
    """To htmx the panel, the boxes and a message with undo; without scripts the page again."""
    shown, key = show or face.pk, request.POST.get("in", "")
    if not request.htmx:
        messages.add_message(request, messages.ERROR if is_error else messages.SUCCESS, sentence)
        return redirect(get_photo_url(face.photo, key, shown))
    response = render(
        request, "gallery/_face_answered.html", get_photo_context(request.user, face.photo, shown, key)
    )
    add_toast(response, sentence, is_error=is_error, undo=get_undo_url(event))
    return trigger_client_event(response, "faces-changed", {"show": shown})


@contributor_required
@require_POST
def face_draw(request: PageRequest, pk: int) -> HttpResponse:
    """A box that somebody drew around a missed face; `pk` is the photo's."""
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    try:
        left, top, width, height = (
            float(request.POST.get(side, "")) for side in ("left", "top", "width", "height")
        )
        if request.POST.get("turn", str(photo.turn)) != str(photo.turn):
            raise ActionRefused(_("Somebody has just turned this photo. Load the page again."))
        face = draw_face(request.user, photo, (left, top, width, height))
    except (ValueError, ActionRefused) as error:
        sentence = str(error) if isinstance(error, ActionRefused) else _("Draw the box again.")
        return explain_trouble(request, sentence, 422)
    return _face_response(request, get_face_or_404(request.user, face.pk), _("Who is it?"))


@contributor_required
@require_safe
def people_suggest(request: PageRequest) -> HttpResponse:
    """People whose names hold what was typed so far, and an offer to make a new person (not with `known`)."""
    user, text = request.user, request.GET.get("name", "").strip()
    photo = find_by_id(Photo.objects.visible_to(user), request.GET.get("photo"))
    likely = {person.pk: group for person, group in find_likely_people(user, photo)} if photo and text else {}
    people = suggest_people(user, text, likely) if text else []
    cards = get_person_cards(user, people, text=text)
    found = [replace(card, group=likely.get(card.person.pk, "")) for card in cards]
    called = find_people_called(text, user) if text else []
    context = {
        "found": found,
        "text": text,
        "meant": called[0] if len(called) == 1 else None,  # whom Enter takes
        "has_namesake": bool(called),
        "may_be_new": bool(text) and "known" not in request.GET,
    }
    return render(request, "gallery/_suggest.html", context)
