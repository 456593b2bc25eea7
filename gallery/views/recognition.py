"""Switching recognition off and on: for a person, a photo, an album. What goes is said first, all can be undone.

With scripts the question opens in a dialog of the page; without, it is a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from gallery.access import contributor_required, curator_required, current_user
from gallery.browse import consents
from gallery.browse.consents import Losses
from gallery.browse.paging import as_id
from gallery.models import Event, Person
from gallery.services import albums, people, photos
from gallery.services.errors import Refused
from gallery.views.albums import may_change
from gallery.views.saying import tell
from gallery.visibility import visible_albums, visible_photos

Act = Callable[[bool], Event | None]


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_recognition(request: HttpRequest, pk: int) -> HttpResponse:
    user, person = current_user(request), get_object_or_404(Person, pk=pk)

    def act(is_on: bool) -> Event | None:
        return people.set_recognised(user, person, is_on, as_id(request.POST.get("revision")))

    context = {"kind": "person", "name": person.name, "is_on": person.is_recognised, "person": person}
    back = reverse("consents") if _is_from_consents(request) else reverse("person", args=(pk,))
    return _answer(request, context, consents.person_losses(user, person), back, act)


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def photo_recognition(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user).select_related("album"), pk=pk)
    context = {"kind": "photo", "name": photo.name, "is_on": photo.is_recognised}
    back = reverse("photo", args=(pk,))
    return _answer(
        request,
        context,
        consents.photo_losses(user, photo),
        back,
        lambda is_on: photos.set_recognised(user, photo, is_on),
    )


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def album_recognition(request: HttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    album = get_object_or_404(visible_albums(user), pk=pk)
    if not may_change(user, album):
        raise PermissionDenied
    context = {"kind": "album", "name": album.name, "is_on": album.is_recognised}
    back = reverse("album", args=(pk,))
    return _answer(
        request,
        context,
        consents.album_losses(user, album),
        back,
        lambda is_on: albums.set_recognised(user, album, is_on),
    )


def _is_from_consents(request: HttpRequest) -> bool:
    return "consents" in (request.POST.get("from"), request.GET.get("from"))


def _answer(
    request: HttpRequest, context: dict[str, object], losses: Losses, back: str, act: Act
) -> HttpResponse:
    """Ask, or do what was asked for (`on`: 0 or 1)."""
    is_dialog = request.htmx  # type: ignore[attr-defined]  # set by django_htmx's middleware
    context |= {"losses": losses, "back": back, "is_from_consents": _is_from_consents(request)}
    if request.method == "POST":
        try:
            tell(request, act(request.POST.get("on") == "1"))
        except Refused as refusal:
            context["refusal"] = refusal
        else:
            return HttpResponseClientRedirect(back) if is_dialog else redirect(back)
    return render(request, "privacy/_recognition.html" if is_dialog else "privacy/recognition.html", context)
