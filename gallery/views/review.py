"""The review queue: one key a face, each word saved at once, two people at it without harm."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from gallery.access import contributor_required, curator_required, current_user
from gallery.browse import review
from gallery.browse.paging import as_id
from gallery.models import Face, Person, User
from gallery.services.errors import Refused
from gallery.services.faces import references
from gallery.views.saying import say, seen_face, tell, undo_address
from gallery.visibility import visible_albums

WATCHED = 100  # cards one page may ask about at once


@contributor_required
@require_safe
def review_queue(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    person, album = as_id(request.GET.get("person")), as_id(request.GET.get("album"))
    after = review.Place.read(request.GET.get("after", ""))
    context = {
        "queue": review.queue(user, after, person=person, album=album),
        "after": after,
        "is_automatic": references.is_automatic(),
        "person": Person.objects.filter(pk=person).first() if person else None,
        "album": visible_albums(user).filter(pk=album).first() if album else None,
    }
    return render(request, "curation/review.html", context)


@curator_required
@require_POST
def review_setting(request: HttpRequest) -> HttpResponse:
    """Whether clear faces that people confirm become references by themselves."""
    tell(request, references.set_automatic(current_user(request), "automatic" in request.POST))
    return redirect("review")


@contributor_required
@require_safe
def review_card(request: HttpRequest, pk: int) -> HttpResponse:
    """One card anew: after an undo, or when somebody else was there."""
    user = current_user(request)
    return _card(request, user, seen_face(user, pk))


@contributor_required
@require_safe
def review_decided(request: HttpRequest) -> HttpResponse:
    """Of the asked cards those that others have dealt with meanwhile, as they are now."""
    user = current_user(request)
    ids = [pk for pk in map(as_id, request.GET.get("ids", "").split(",")) if pk is not None]
    cards = [
        {"face": face, "said": review.said_of(face), "swap": True}
        for face in review.decided(user, ids[:WATCHED])
    ]
    return render(request, "curation/_review_decided.html", {"cards": cards})


@contributor_required
@require_POST
def review_say(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    face = seen_face(user, pk)
    refusal, event = "", None
    try:
        event = say(request, user, face)
    except Refused as error:
        refusal = str(error)
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return _card(request, user, seen_face(user, pk), refusal, undo_address(event))
    if refusal:
        messages.error(request, refusal)
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    query = request.POST.get("query", "")
    return f"{reverse('review')}?{query}" if query else reverse("review")


def _card(request: HttpRequest, user: User, face: Face, refusal: str = "", undo: str = "") -> HttpResponse:
    said = review.said_of(face)
    context = {
        "face": face,
        "said": said,
        "question": None if said else review.question(user, face),
        "refusal": refusal,
        "undo": undo,
        "is_alone": True,  # without the heading over it, which may say another name by now
    }
    return render(request, "curation/_review_card.html", context)
