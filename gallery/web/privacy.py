"""Consents, switching recognition off and on, and the export of all that is known about a person."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import PageCursor, parse_id
from gallery.core.permissions import (
    administrator_required,
    contributor_required,
    curator_required,
    current_user,
)
from gallery.core.requests import HtmxHttpRequest
from gallery.history.messages import add_event_message
from gallery.models import Album, Event, Person, PersonExport, Photo
from gallery.people.services import set_person_consent, set_person_recognised
from gallery.photos.albums import set_album_recognition
from gallery.photos.services import set_photo_recognition
from gallery.privacy.person_export import (
    delete_export,
    get_export_path,
    is_export_waiting,
    record_export_download,
    request_export,
)
from gallery.privacy.selectors import (
    EXPIRING_SOON_DAYS,
    RecognitionLosses,
    count_album_losses,
    count_consents,
    count_person_losses,
    count_photo_losses,
    get_consent_page,
    get_people_with_expired_consent,
    get_people_with_expiring_consent,
)
from gallery.web.albums import can_change_album
from gallery.web.forms import ConsentForm


@curator_required
@require_safe
def consent_list(request: HttpRequest) -> HttpResponse:
    """Those that have run out, and those that soon will (`show=soon`)."""
    user = current_user(request)
    is_soon = request.GET.get("show") == "soon"
    rows = get_people_with_expiring_consent() if is_soon else get_people_with_expired_consent()
    portraits, after = get_consent_page(user, rows, PageCursor.read(request.GET.get("after", "")))
    context = {
        "counts": count_consents(),
        "portraits": portraits,
        "next": after,
        "is_soon": is_soon,
        "days": EXPIRING_SOON_DAYS,
    }
    return render(request, "privacy/consents.html", context)


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
@transaction.atomic
def person_consent(request: HttpRequest, pk: int) -> HttpResponse:
    """What the person agreed to and until when; comes back to the worklist where it was asked from there."""
    person = get_object_or_404(Person, pk=pk)
    form = ConsentForm(request.POST or None, instance=Person.objects.get(pk=pk))
    back = _consent_return_url(request, person)
    if request.method == "POST" and form.is_valid():
        try:
            event = set_person_consent(
                current_user(request),
                person,
                form.cleaned_data["consent_note"],
                form.cleaned_data["consent_until"],
            )
        except ActionRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            add_event_message(request, event)
            return redirect(back)
    return render(request, "privacy/consent.html", {"person": person, "form": form, "back": back})


def _consent_return_url(request: HttpRequest, person: Person) -> str:
    """Only to places of ours: the address is made here, never taken from the request."""
    values = request.POST if request.method == "POST" else request.GET
    if values.get("from") == "consents":
        return reverse("consents")
    return reverse("person", args=(person.pk,))


SwitchRecognition = Callable[[bool], Event | None]


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_recognition(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    user, person = current_user(request), get_object_or_404(Person, pk=pk)

    def act(is_on: bool) -> Event | None:
        return set_person_recognised(user, person, is_on, parse_id(request.POST.get("revision")))

    context = {"kind": "person", "name": person.name, "is_on": person.is_recognised, "person": person}
    back = reverse("consents") if _is_from_consents(request) else reverse("person", args=(pk,))
    return _ask_or_switch_recognition(request, context, count_person_losses(user, person), back, act)


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def photo_recognition(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user).select_related("album"), pk=pk)
    context = {"kind": "photo", "name": photo.name, "is_on": photo.is_recognised}
    back = reverse("photo", args=(pk,))
    return _ask_or_switch_recognition(
        request,
        context,
        count_photo_losses(user, photo),
        back,
        lambda is_on: set_photo_recognition(user, photo, is_on),
    )


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def album_recognition(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    user = current_user(request)
    album = get_object_or_404(Album.objects.visible_to(user), pk=pk)
    if not can_change_album(user, album):
        raise PermissionDenied
    context = {"kind": "album", "name": album.name, "is_on": album.is_recognised}
    back = reverse("album", args=(pk,))
    return _ask_or_switch_recognition(
        request,
        context,
        count_album_losses(user, album),
        back,
        lambda is_on: set_album_recognition(user, album, is_on),
    )


def _is_from_consents(request: HttpRequest) -> bool:
    return "consents" in (request.POST.get("from"), request.GET.get("from"))


def _ask_or_switch_recognition(
    request: HtmxHttpRequest,
    context: dict[str, object],
    losses: RecognitionLosses,
    back: str,
    act: SwitchRecognition,
) -> HttpResponse:
    """Ask, or do what was asked for (`on`: 0 or 1)."""
    is_dialog = request.htmx
    context |= {"losses": losses, "back": back, "is_from_consents": _is_from_consents(request)}
    if request.method == "POST":
        try:
            add_event_message(request, act(request.POST.get("on") == "1"))
        except ActionRefused as refusal:
            context["refusal"] = refusal
        else:
            return HttpResponseClientRedirect(back) if is_dialog else redirect(back)
    return render(request, "privacy/_recognition.html" if is_dialog else "privacy/recognition.html", context)


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_export_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what such a file holds, make one, list those that are there."""
    person = get_object_or_404(Person, pk=pk)
    if request.method == "POST":
        request_export(current_user(request), person, get_language() or "en")
        return redirect("person_export", pk)
    exports = list(PersonExport.objects.filter(person=person).select_related("asked_by")[:20])
    rows = [(export, get_export_path(export) is not None) for export in exports]
    is_waiting = any(is_export_waiting(export) for export in exports)
    context = {"person": person, "rows": rows, "is_waiting": is_waiting, "days": settings.EXPORT_DAYS}
    return render(request, "privacy/export.html", context)


@administrator_required
@require_safe
def person_export_file(request: HttpRequest, pk: int, export: int) -> HttpResponseBase:
    found = _get_person_export(pk, export)
    path = get_export_path(found)
    if path is None:
        raise Http404
    record_export_download(current_user(request), found)
    response = FileResponse(path.open("rb"), content_type="application/zip")
    name = f"{found.person.name} {found.created_at:%Y-%m-%d}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@administrator_required
@require_POST
def person_export_remove(request: HttpRequest, pk: int, export: int) -> HttpResponse:
    delete_export(_get_person_export(pk, export))
    messages.success(request, _("The file is gone."))
    return redirect("person_export", pk)


def _get_person_export(pk: int, export: int) -> PersonExport:
    return get_object_or_404(PersonExport.objects.select_related("person"), pk=export, person=pk)
