"""What a form says of a face: the words of the buttons, and who is meant."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from gallery.browse.paging import as_id
from gallery.models import Event, Face, Person, User
from gallery.services import faces, people
from gallery.services.errors import Changed, Refused
from gallery.services.sentences import say as sentence
from gallery.visibility import visible_faces

Say = Callable[[User, Face, int | None], Event | None]
PLAIN_WORDS: dict[str, Say] = {
    "unknown": faces.leave_unknown,
    "not_a_face": faces.mark_not_a_face,
    "ignore": faces.ignore,
    "clear": faces.clear_decision,
    "reference": lambda user, face, _seen: faces.use_as_reference(user, face),
}
WORDS = {"right", "wrong", "other", *PLAIN_WORDS}


def seen_face(user: User, pk: int) -> Face:
    rows = visible_faces(user).select_related("photo", "person", "decided_by")
    return get_object_or_404(rows, pk=pk)


def meant_person(request: HttpRequest, user: User) -> Person:
    """The person chosen from a list (`person`), or typed (`name`), made if there is none of that name."""
    pk = as_id(request.POST.get("person"))
    if pk is not None:
        return get_object_or_404(Person, pk=pk)
    return people.get_or_create(user, request.POST.get("name", ""))


def say(request: HttpRequest, user: User, face: Face, person: Person | None = None) -> Event | None:
    """Do what the button `say` asks; Refused, or ImageError, where that cannot be. `person`: who is meant."""
    word, seen = request.POST.get("say", ""), as_id(request.POST.get("revision"))
    shown = as_id(request.POST.get("person"))
    if word == "reference" and shown not in (None, face.person_id):  # the machine writes without a revision
        raise Changed(_("Somebody has changed this face's name meanwhile. Look again."))
    if word in PLAIN_WORDS:
        return PLAIN_WORDS[word](user, face, seen)
    if word not in WORDS:
        raise Refused(_("Choose one of the answers."))
    person = person or meant_person(request, user)
    act = faces.reject if word == "wrong" else faces.confirm
    return act(user, face, person, seen)


def tell(request: HttpRequest, event: Event | None) -> None:
    """Say on the next page what was done, with a button that undoes it."""
    if event is not None:
        tag = f"undo-{event.pk}" if event.undo is not None else ""
        messages.success(request, _("You %(what)s.") % {"what": sentence(event)}, extra_tags=tag)


def undo_address(event: Event | None) -> str:
    return reverse("event_undo", args=(event.pk,)) if event and event.undo is not None else ""
