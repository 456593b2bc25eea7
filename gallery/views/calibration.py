"""How far names can be trusted: what was measured, and which bounds are in force."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.access import curator_required, current_user
from gallery.browse import calibration as browse
from gallery.models import Calibration
from gallery.services import calibration as acts
from gallery.services.errors import Refused


@curator_required
@require_safe
def calibration_page(request: HttpRequest) -> HttpResponse:
    return render(request, "gallery/calibration.html", {"page": browse.page()})


@curator_required
@require_POST
def calibration_measure(request: HttpRequest) -> HttpResponse:
    rate = browse.chosen_rate(request.POST.get("rate", ""))
    acts.ask(rate)
    messages.success(request, _("The gallery is being measured in the background."))
    return redirect("calibration")


@curator_required
@require_POST
def calibration_apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Put measured bounds into force, or with `withdraw` back out of it."""
    user, found = current_user(request), get_object_or_404(Calibration, pk=pk)
    try:
        if "withdraw" in request.POST:
            acts.withdraw(user, found)
            messages.success(request, _("Out of force. Names are being said anew."))
        else:
            acts.apply(user, found)
            messages.success(request, _("In force now. Names are being said anew; the history can undo it."))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("calibration")
