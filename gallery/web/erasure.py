"""Erasing for good: a page that says all that goes and asks once more, then a receipt. For administrators."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.core.downloads import as_download
from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import paginate_by_id, parse_id
from gallery.core.permissions import PageRequest, administrator_required, gives_file
from gallery.models import Erasure, Person, Photo, User
from gallery.models.people import get_name_key
from gallery.privacy.erasure import erase_person, erase_photos, erase_user
from gallery.privacy.selectors import (
    ErasurePreview,
    build_receipt_document,
    list_held_backups,
    list_receipt_lines,
    preview_person_erasure,
    preview_photos_erasure,
    preview_user_erasure,
)
from gallery.web.photos import get_chosen_photos

RECEIPTS_PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ErasureQuestion:
    """What is to be erased, the name to type, and how it is done."""

    kind: str
    row: Person | Photo | User
    name: str
    preview: ErasurePreview
    erase: Callable[[HttpRequest], Erasure]


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_erase(request: PageRequest, pk: int) -> HttpResponse:
    person, user = get_object_or_404(Person, pk=pk), request.user

    def erase(asked: HttpRequest) -> Erasure:
        is_wide, seen = "likely" in asked.POST, parse_id(asked.POST.get("revision"))
        return erase_person(user, person, with_likely=is_wide, revision=seen)

    return _confirm_erasure(
        request, ErasureQuestion("person", person, person.label, preview_person_erasure(person), erase)
    )


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def photo_erase(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo, pk=pk)

    def erase(asked: HttpRequest) -> Erasure:
        return erase_photos(request.user, [photo], with_references="references" in asked.POST)

    return _confirm_erasure(
        request, ErasureQuestion("photo", photo, photo.name, preview_photos_erasure([photo]), erase)
    )


@administrator_required
@require_POST
def photos_erase(request: PageRequest) -> HttpResponse:
    """Photos chosen in the trash (`photo`, ids): asked first, erased once their number is typed (`name`)."""
    user, refusal = request.user, ""
    try:
        photos = get_chosen_photos(request, Photo.objects.in_visible_albums(user).in_trash())
    except ActionRefused as error:
        messages.error(request, str(error))
        return redirect("trash")
    if "name" in request.POST:
        if request.POST["name"].strip() == str(len(photos)):
            is_wide = "references" in request.POST
            return redirect("erasure", erase_photos(user, photos, with_references=is_wide).receipt)
        refusal = _("That is not the number of photos. Nothing was erased.")
    preview = preview_photos_erasure(photos)
    context = {
        "photos": photos,
        "name": str(len(photos)),
        "preview": preview,
        "backups": list_held_backups(preview["backups"]),
        "refusal": refusal,
    }
    return render(request, "erasing/photos.html", context)


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def user_erase(request: PageRequest, pk: int) -> HttpResponse:
    user, by = get_object_or_404(User, pk=pk), request.user

    def erase(asked: HttpRequest) -> Erasure:
        erasure = erase_user(by, user)
        if by == user:
            logout(asked)
        return erasure

    return _confirm_erasure(
        request, ErasureQuestion("user", user, user.username, preview_user_erasure(user), erase)
    )


def _confirm_erasure(request: HttpRequest, asked: ErasureQuestion) -> HttpResponse:
    """The page that says what goes; erased only when the name is typed as it stands there."""
    refusal = ""
    if request.method == "POST":
        try:
            if get_name_key(request.POST.get("name", "")) != get_name_key(asked.name):
                raise ActionRefused(_("That is not the name. Nothing was erased."))
            return redirect("erasure", asked.erase(request).receipt)
        except ActionRefused as error:
            refusal = str(error)
    context = {
        "kind": asked.kind,
        "row": asked.row,
        "name": asked.name,
        "preview": asked.preview,
        "backups": list_held_backups(asked.preview["backups"]),
        "refusal": refusal,
    }
    return render(request, f"erasing/{asked.kind}.html", context)


@administrator_required
@require_safe
def erasure_list(request: HttpRequest) -> HttpResponse:
    page = paginate_by_id(Erasure.objects.all(), parse_id(request.GET.get("after")), RECEIPTS_PAGE_SIZE)
    return render(request, "erasing/receipts.html", {"page": page})


@administrator_required
@require_safe
def erasure_detail(request: PageRequest, receipt: uuid.UUID) -> HttpResponse:
    """The receipt; while something is left to clear, the page asks again by itself."""
    found = get_object_or_404(Erasure, receipt=receipt)
    context = {
        "erasure": found,
        "lines": list_receipt_lines(found),
        "hosts": list(found.hosts.all()),
        "backups": list_held_backups(found.backups),
    }
    is_part = request.htmx.target == "receipt"
    return render(request, "erasing/_receipt.html" if is_part else "erasing/receipt.html", context)


@gives_file
@administrator_required
@require_safe
def erasure_receipt_file(request: HttpRequest, receipt: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Erasure, receipt=receipt)
    answer = JsonResponse(build_receipt_document(found), json_dumps_params={"indent": 2})
    return as_download(answer, f"erasure-{found.receipt}.json")
