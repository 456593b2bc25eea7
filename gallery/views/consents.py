"""Consents: a worklist of those that run out, and one person's."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from gallery.access import curator_required, current_user
from gallery.browse import consents
from gallery.browse.paging import Mark
from gallery.forms import ConsentForm
from gallery.models import Person
from gallery.services import people
from gallery.services.errors import Refused
from gallery.views.saying import tell


@curator_required
@require_safe
def consents_page(request: HttpRequest) -> HttpResponse:
    """Those that have run out, and those that soon will (`show=soon`)."""
    user = current_user(request)
    is_soon = request.GET.get("show") == "soon"
    rows = consents.soon_people() if is_soon else consents.expired_people()
    portraits, after = consents.page(user, rows, Mark.read(request.GET.get("after", "")))
    context = {
        "counts": consents.counts(),
        "portraits": portraits,
        "next": after,
        "is_soon": is_soon,
        "days": consents.SOON_DAYS,
    }
    return render(request, "privacy/consents.html", context)


@curator_required
@require_http_methods(["GET", "HEAD", "POST"])
@transaction.atomic
def person_consent(request: HttpRequest, pk: int) -> HttpResponse:
    """What the person agreed to and until when; comes back to the worklist where it was asked from there."""
    person = get_object_or_404(Person, pk=pk)
    form = ConsentForm(request.POST or None, instance=Person.objects.get(pk=pk))
    back = _back(request, person)
    if request.method == "POST" and form.is_valid():
        try:
            event = people.set_consent(
                current_user(request),
                person,
                form.cleaned_data["consent_note"],
                form.cleaned_data["consent_until"],
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            tell(request, event)
            return redirect(back)
    return render(request, "privacy/consent.html", {"person": person, "form": form, "back": back})


def _back(request: HttpRequest, person: Person) -> str:
    """Only to places of ours: the address is made here, never taken from the request."""
    values = request.POST if request.method == "POST" else request.GET
    if values.get("from") == "consents":
        return reverse("consents")
    return reverse("person", args=(person.pk,))
