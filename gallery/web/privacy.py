"""Consents, switching recognition off and on, and the export of all that is known about a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from gallery.core.downloads import as_download
from gallery.core.exceptions import ActionRefused, NotThere
from gallery.core.pagination import PageCursor, parse_id
from gallery.core.permissions import (
    PageRequest,
    administrator_required,
    contributor_required,
    curator_required,
    gives_file,
)
from gallery.history.audit import VERB_DOWNLOADED, write_audit_event
from gallery.history.descriptions import add_event_message
from gallery.history.locking import OptimisticLockForm
from gallery.models import Event, Person, PersonExport, Photo
from gallery.models.storage import EXPORT_AREA, get_storage
from gallery.people.services import set_person_consent, set_person_recognised
from gallery.photos.albums import set_album_recognition
from gallery.photos.services import set_photo_recognition
from gallery.privacy.person_export import UNFINISHED, delete_export, has_export_file, request_export
from gallery.privacy.selectors import (
    EXPIRING_SOON_DAYS,
    count_recognition_losses,
    get_consent_page,
    get_people_with_ended_consent,
    get_people_with_ending_consent,
)
from gallery.web.albums import get_changeable_album
from gallery.web.responses import refusals_as_errors


@curator_required
@require_safe
def consent_list(request: PageRequest) -> HttpResponse:
    """Those that have run out, and those that soon will (`show=soon`)."""
    is_soon = request.GET.get("show") == "soon"
    expired, soon = get_people_with_ended_consent(), get_people_with_ending_consent()
    after = PageCursor.read(request.GET.get("after", ""))
    portraits, following = get_consent_page(request.user, soon if is_soon else expired, after)
    context = {
        "counts": {"expired": expired.count(), "soon": soon.count()},
        "portraits": portraits,
        "next": following,
        "is_soon": is_soon,
        "days": EXPIRING_SOON_DAYS,
    }
    return render(request, "privacy/consents.html", context)


class ConsentForm(OptimisticLockForm):
    class Meta:
        model = Person
        fields: ClassVar = ["consent_note", "consent_until"]

    consent_note = forms.CharField(
        label=gettext_lazy("What was agreed"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "To what, when, how, and where the paper is: “Signed form of 3 May, folder 12”."
        ),
    )
    consent_until = forms.DateField(
        label=gettext_lazy("Last day it is valid"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: it has no end."),
    )


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
@transaction.atomic
def person_consent(request: PageRequest, pk: int) -> HttpResponse:
    """What the person agreed to and until when; comes back to the worklist where it was asked from there."""
    person = get_object_or_404(Person, pk=pk)
    form = ConsentForm(request.POST or None, instance=Person.objects.get(pk=pk))
    back = reverse("consents") if _is_from_consents(request) else reverse("person", args=(pk,))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        with refusals_as_errors(form):
            event = set_person_consent(request.user, person, given["consent_note"], given["consent_until"])
            add_event_message(request, event)
            return redirect(back)
    return render(request, "privacy/consent.html", {"person": person, "form": form, "back": back})


def _is_from_consents(request: HttpRequest) -> bool:
    return "consents" in (request.POST.get("from"), request.GET.get("from"))


SwitchRecognition = Callable[[bool], Event | None]


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_recognition(request: PageRequest, pk: int) -> HttpResponse:
    user, person = request.user, get_object_or_404(Person, pk=pk)

    def act(is_on: bool) -> Event | None:
        return set_person_recognised(user, person, is_on, parse_id(request.POST.get("revision")))

    context = {"kind": "person", "name": person.label, "is_on": person.is_recognised, "person": person}
    back = reverse("consents") if _is_from_consents(request) else reverse("person", args=(pk,))
    return _ask_or_switch_recognition(
        request, context, count_recognition_losses(user, person=person), back, act
    )


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def photo_recognition(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    context = {"kind": "photo", "name": photo.name, "is_on": photo.is_recognised}
    back = reverse("photo", args=(pk,))
    return _ask_or_switch_recognition(
        request,
        context,
        count_recognition_losses(request.user, photo=photo),
        back,
        lambda is_on: set_photo_recognition(request.user, photo, is_on),
    )


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
def album_recognition(request: PageRequest, pk: int) -> HttpResponse:
    user, album = request.user, get_changeable_album(request.user, pk)
    context = {"kind": "album", "name": album.name, "is_on": album.is_recognised}
    back = reverse("album", args=(pk,))
    return _ask_or_switch_recognition(
        request,
        context,
        count_recognition_losses(user, photo__albums=album),
        back,
        lambda is_on: set_album_recognition(user, album, is_on),
    )


def _ask_or_switch_recognition(
    request: PageRequest,
    context: dict[str, object],
    losses: dict[str, int],
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
def person_export_page(request: PageRequest, pk: int) -> HttpResponse:
    """Say what such a file holds, make one, list those that are there."""
    person = get_object_or_404(Person, pk=pk)
    if request.method == "POST":
        request_export(request.user, person, get_language() or "en")
        return redirect("person_export", pk)
    exports = list(PersonExport.objects.filter(person=person).select_related("asked_by")[:20])
    rows = [(export, has_export_file(export)) for export in exports]
    is_waiting = any(export.work in UNFINISHED for export in exports)
    context = {"person": person, "rows": rows, "is_waiting": is_waiting, "days": settings.EXPORT_DAYS}
    return render(request, "privacy/export.html", context)


@gives_file
@administrator_required
@require_safe
def person_export_file(request: PageRequest, pk: int, export: int) -> HttpResponseBase:
    found = _get_person_export(pk, export)
    if not has_export_file(found):
        raise NotThere(
            _("This file is gone, as such files are kept for a few days only. Have a new one made.")
        )
    write_audit_event(request.user, VERB_DOWNLOADED, found.person, export=found.pk)
    name = f"{found.person.label} {found.created_at:%Y-%m-%d}.zip"
    file = get_storage(EXPORT_AREA).open(found.file)
    return as_download(FileResponse(file, content_type="application/zip"), name)


@administrator_required
@require_POST
def person_export_remove(request: HttpRequest, pk: int, export: int) -> HttpResponse:
    delete_export(_get_person_export(pk, export))
    messages.success(request, _("The file is gone."))
    return redirect("person_export", pk)


def _get_person_export(pk: int, export: int) -> PersonExport:
    return get_object_or_404(PersonExport.objects.select_related("person"), pk=export, person=pk)
