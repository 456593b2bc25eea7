"""Erasing for good: asked once more, with all that goes; then a receipt that can be looked at and taken away.

What can never be undone is for administrators.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.access import administrator_required, current_user
from gallery.browse import receipts
from gallery.browse.paging import as_id, page_of
from gallery.models import Erasure, Person, Photo, User
from gallery.models.people import name_key
from gallery.services import erasing
from gallery.services.errors import Refused
from gallery.views.many import chosen_photos
from gallery.visibility import visible_photos

PAGE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be erased, the name to type, and how it is done."""

    kind: str
    row: Person | Photo | User
    name: str
    preview: Any
    erase: Callable[[HttpRequest], Erasure]


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_erase(request: HttpRequest, pk: int) -> HttpResponse:
    person, user = get_object_or_404(Person, pk=pk), current_user(request)

    def erase(asked: HttpRequest) -> Erasure:
        is_wide, seen = "likely" in asked.POST, as_id(asked.POST.get("revision"))
        return erasing.erase_person(user, person, with_likely=is_wide, revision=seen)

    return _ask(request, Asked("person", person, person.name, erasing.preview_person(person), erase))


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def photo_erase(request: HttpRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.select_related("album"), pk=pk)
    user = current_user(request)

    def erase(asked: HttpRequest) -> Erasure:
        return erasing.erase_photo(user, photo, with_references="references" in asked.POST)

    return _ask(request, Asked("photo", photo, photo.name, erasing.preview_photo(photo), erase))


@administrator_required
@require_POST
def photos_erase(request: HttpRequest) -> HttpResponse:
    """Photos chosen in the trash (`photo`, ids): asked first, erased once their number is typed (`name`)."""
    user, refusal = current_user(request), ""
    try:
        photos = chosen_photos(request, visible_photos(user, trashed=True))
    except Refused as error:
        messages.error(request, str(error))
        return redirect("trash")
    if "name" in request.POST:
        if request.POST["name"].strip() == str(len(photos)):
            is_wide = "references" in request.POST
            return redirect("erasure", erasing.erase_photos(user, photos, with_references=is_wide).receipt)
        refusal = _("That is not the number of photos. Nothing was erased.")
    preview = erasing.preview_photos(photos)
    context = {
        "photos": photos,
        "name": str(len(photos)),
        "preview": preview,
        "backups": receipts.held_backups(preview.backups),
        "refusal": refusal,
    }
    return render(request, "erasing/photos.html", context)


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def user_erase(request: HttpRequest, pk: int) -> HttpResponse:
    user, by = get_object_or_404(User, pk=pk), current_user(request)

    def erase(asked: HttpRequest) -> Erasure:
        erasure = erasing.erase_user(by, user)
        if by == user:
            logout(asked)
        return erasure

    return _ask(request, Asked("user", user, user.username, erasing.preview_user(user), erase))


def _ask(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The page that says what goes; erased only when the name is typed as it stands there."""
    refusal = ""
    if request.method == "POST":
        try:
            if name_key(request.POST.get("name", "")) != name_key(asked.name):
                raise Refused(_("That is not the name. Nothing was erased."))
            return redirect("erasure", asked.erase(request).receipt)
        except Refused as error:
            refusal = str(error)
    context = {
        "kind": asked.kind,
        "row": asked.row,
        "name": asked.name,
        "preview": asked.preview,
        "backups": receipts.held_backups(asked.preview.backups),
        "refusal": refusal,
    }
    return render(request, f"erasing/{asked.kind}.html", context)


@administrator_required
@require_safe
def erasures(request: HttpRequest) -> HttpResponse:
    page = page_of(Erasure.objects.all(), as_id(request.GET.get("after")), PAGE)
    return render(request, "erasing/receipts.html", {"page": page})


@administrator_required
@require_safe
def erasure(request: HttpRequest, receipt: uuid.UUID) -> HttpResponse:
    """The receipt; while something is left to clear, the page asks again by itself."""
    found = get_object_or_404(Erasure, receipt=receipt)
    context = {
        "erasure": found,
        "lines": receipts.lines(found),
        "backups": receipts.held_backups(found.backups),
    }
    is_part = request.headers.get("HX-Target") == "receipt"
    return render(request, "erasing/_receipt.html" if is_part else "erasing/receipt.html", context)


@administrator_required
@require_safe
def erasure_file(request: HttpRequest, receipt: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Erasure, receipt=receipt)
    answer = JsonResponse(receipts.document(found), json_dumps_params={"indent": 2})
    answer["Content-Disposition"] = f'attachment; filename="erasure-{found.receipt}.json"'
    return answer
