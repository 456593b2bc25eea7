"""What people say of a face, on the photo's page."""

from __future__ import annotations

import json
from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.access import contributor_required, current_user
from gallery.browse import onephoto, people, walks
from gallery.browse.paging import as_id
from gallery.models import Event, Face, Person, User
from gallery.refusals import in_words
from gallery.services import faces
from gallery.services import people as people_acts
from gallery.services.errors import Refused
from gallery.views import saying
from gallery.views.photo import photo_context
from gallery.visibility import visible_photos
from recognition.types import ImageError

MOVES_ON = {"right", "other", "unknown", "not_a_face", "ignore"}


def seen_face(user: User, pk: int) -> Face:
    face = onephoto.one_face(user, pk)
    if face is None:
        raise Http404
    return face


@require_safe
def face_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel of one face; without scripts, the photo's page with it."""
    user, key = current_user(request), request.GET.get("in", "")
    face = seen_face(user, pk)
    if not request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return redirect(walks.address_of(face.photo, key, face.pk))
    context = {"chosen": face, "photo": face.photo, "detail": onephoto.detail(user, face), "walk": key}
    return render(request, "gallery/_face.html", context)


@contributor_required
@require_POST
def face_say(request: HttpRequest, pk: int) -> HttpResponse:
    """One act on one face: `say` is right, wrong, other, or one of PLAIN_WORDS."""
    user = current_user(request)
    face, word = seen_face(user, pk), request.POST.get("say", "")
    if word not in saying.WORDS:
        return HttpResponseBadRequest()
    try:
        event, sentence = _say(request, user, face, word)
    except (Refused, ImageError) as refusal:
        return _answer(request, user, face, in_words(refusal), tags="error")
    next_face = _next_open(user, face) if word in MOVES_ON else face.pk
    return _answer(request, user, face, sentence, event=event, show=next_face)


def _say(request: HttpRequest, user: User, face: Face, word: str) -> tuple[Event | None, str]:
    if word in saying.PLAIN_WORDS:
        return saying.say(request, user, face), _sentence(word)
    name = "" if as_id(request.POST.get("person")) else request.POST.get("name", "")
    is_new = bool(name) and people_acts.find(name) is None
    person = saying.meant_person(request, user)
    return saying.say(request, user, face, person), _sentence("new" if is_new else word, person)


def _sentence(word: str, person: Person | None = None) -> str:
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


def _next_open(user: User, face: Face) -> int:
    """The next face of the photo, from left to right and around, that waits for a word; else this one."""
    marks = onephoto.marks(user, face.photo)
    here = next((place for place, mark in enumerate(marks) if mark.face.pk == face.pk), 0)
    after = marks[here + 1 :] + marks[:here]
    return next((mark.face.pk for mark in after if mark.is_open), face.pk)


def _answer(
    request: HttpRequest,
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
    if not request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        messages.add_message(request, messages.ERROR if tags else messages.SUCCESS, sentence)
        return redirect(walks.address_of(face.photo, key, shown))
    context = photo_context(user, face.photo, shown, key)
    response = render(request, "gallery/_said.html", context)
    toast = {"text": sentence, "tags": tags, "undo": saying.undo_address(event)}
    response["HX-Trigger"] = json.dumps({"toast": toast, "faces-changed": {"show": shown}})
    return response


@contributor_required
@require_POST
def face_draw(request: HttpRequest, pk: int) -> HttpResponse:
    """A box that somebody drew around a missed face; `pk` is the photo's."""
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user), pk=pk)
    try:
        left, top, width, height = (
            float(request.POST.get(side, "")) for side in ("left", "top", "width", "height")
        )
        face = faces.draw_face(user, photo, (left, top, width, height))
    except (ValueError, Refused) as error:
        said = str(error) if isinstance(error, Refused) else _("Draw the box again.")
        return HttpResponse(said, status=422, headers={"X-Sentence": quote(said)})
    return _answer(request, user, seen_face(user, face.pk), _("Who is it?"))


@contributor_required
@require_safe
def people_suggest(request: HttpRequest) -> HttpResponse:
    """People whose names hold what was typed so far, and an offer to make a new person (not with `known`)."""
    user, text = current_user(request), request.GET.get("name", "").strip()
    found = people.portraits(user, people.people(text=text)[:8]) if text else []
    meant = people_acts.find(text) if text else None  # whom Enter takes
    is_new = bool(text) and "known" not in request.GET and meant is None
    context = {"found": found, "text": text, "meant": meant, "is_new": is_new}
    return render(request, "gallery/_suggest.html", context)
