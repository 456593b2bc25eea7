"""The index and its builds, and the calibration of the bounds by which names are given."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import parse_id
from gallery.core.permissions import curator_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.curation.calibration import (
    get_calibration_page,
    parse_chosen_rate,
    put_calibration_in_force,
    request_measurement,
    take_calibration_out_of_force,
)
from gallery.history.messages import add_event_message
from gallery.index import selectors as index_selectors
from gallery.index.selectors import (
    UNFINISHED_STATUSES,
    can_roll_back,
    count_changes_since,
    get_build_list,
    get_build_page,
    get_serving_build,
    has_recent_build_request,
    list_build_plots,
)
from gallery.index.services import (
    VERIFY_INDEX_JOB,
    cancel_build,
    request_rebuild,
    request_roll_back,
    request_verification,
    review_name_changes,
)
from gallery.models import Build, Calibration, Photo
from gallery.models.base import get_job


@curator_required
@require_safe
def index_overview(request: HtmxHttpRequest) -> HttpResponse:
    """All of it; to htmx only what changes while one looks."""
    serving = get_serving_build()
    photos = Photo.objects.visible_to(current_user(request))
    page = get_build_list(photos, parse_id(request.GET.get("after")))
    verified = get_job(VERIFY_INDEX_JOB)
    is_building = any(build.work in UNFINISHED_STATUSES for build in page.rows)
    context = {
        "page": page,
        "is_running": is_building
        or has_recent_build_request()
        or (verified.is_waiting and not verified.is_late),
        "serving": serving,
        "can_roll_back": can_roll_back(serving),
        "changes": count_changes_since(serving),
        "verified": verified,
    }
    if request.htmx:
        return render(request, "builds/_now.html", context)
    return render(request, "builds/builds.html", {**context, "figures": list_build_plots(serving)})


@curator_required
@require_safe
def build_detail(request: HttpRequest, pk: int) -> HttpResponse:
    build = get_object_or_404(Build.objects.select_related("asked_by"), pk=pk)
    photos = Photo.objects.visible_to(current_user(request))
    page = get_build_page(build, photos, parse_id(request.GET.get("after")))
    serving = get_serving_build()
    can_roll_back = build == serving and index_selectors.can_roll_back(serving)
    return render(
        request, "builds/build.html", {"page": page, "build": build, "can_roll_back": can_roll_back}
    )


@curator_required
@require_POST
def build_request(request: HttpRequest) -> HttpResponse:
    event = request_rebuild(current_user(request))
    add_event_message(request, event, _("The index will be built anew as soon as a worker is free."))
    return redirect("builds")


@curator_required
@require_POST
def index_verify(request: HttpRequest) -> HttpResponse:
    request_verification(current_user(request))
    messages.success(request, _("The worker compares the index with the database as soon as it is free."))
    return redirect("builds")


@curator_required
@require_POST
def build_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        event = cancel_build(current_user(request), get_object_or_404(Build, pk=pk))
        add_event_message(request, event, _("The build is being stopped."))
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("builds")


@curator_required
@require_POST
def build_roll_back(request: HttpRequest) -> HttpResponse:
    serving = get_serving_build()
    try:
        event = request_roll_back(current_user(request), serving.embedder_id if serving else "")
        add_event_message(request, event, _("The build before will serve again in a moment."))
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("builds")


@curator_required
@require_POST
def build_changes_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark the changed names that were on the page as looked at."""
    build = get_object_or_404(Build, pk=pk)
    ids = [found for text in request.POST.getlist("change") if (found := parse_id(text))]
    count = review_name_changes(current_user(request), build, ids)
    said = ngettext("%(count)s change looked at.", "%(count)s changes looked at.", count) % {"count": count}
    messages.success(request, said)
    return redirect("build", pk)


@curator_required
@require_safe
def calibration_page(request: HttpRequest) -> HttpResponse:
    return render(request, "gallery/calibration.html", {"page": get_calibration_page()})


@curator_required
@require_POST
def calibration_measure(request: HttpRequest) -> HttpResponse:
    rate = parse_chosen_rate(request.POST.get("rate", ""))
    request_measurement(rate)
    messages.success(request, _("The gallery is being measured in the background."))
    return redirect("calibration")


@curator_required
@require_POST
def calibration_apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Put measured bounds into force, or with `withdraw` back out of it."""
    user, found = current_user(request), get_object_or_404(Calibration, pk=pk)
    try:
        if "withdraw" in request.POST:
            take_calibration_out_of_force(user, found)
            messages.success(request, _("Out of force. Names are being said anew."))
        else:
            put_calibration_in_force(user, found)
            messages.success(request, _("In force now. Names are being said anew; the history can undo it."))
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("calibration")
