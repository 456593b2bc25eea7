"""The index and its builds, and the calibration of the bounds by which names are given."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.core.pagination import parse_id, parse_ids
from gallery.core.permissions import PageRequest, curator_required
from gallery.curation.calibration import (
    drop_trial,
    get_calibration_page,
    get_embedder_id_in_use,
    parse_bounds_form,
    parse_chosen_rate,
    put_calibration_in_force,
    request_measurement,
    take_calibration_out_of_force,
    try_bounds,
)
from gallery.history.descriptions import add_event_message
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
from gallery.index.switch import choose_embedder, consent_to_switch, get_embedder_state
from gallery.models import Build, Calibration, Photo
from gallery.models.base import get_job
from gallery.web.responses import refusals_as_messages
from recognition.published import PUBLISHED_BOUNDS


@curator_required
@require_safe
def index_overview(request: PageRequest) -> HttpResponse:
    """All of it; to htmx only what changes while one looks."""
    serving = get_serving_build()
    photos = Photo.objects.visible_to(request.user)
    page = get_build_list(photos, parse_id(request.GET.get("after")))
    verified = get_job(VERIFY_INDEX_JOB)
    embedder = get_embedder_state(has_offers=True)
    is_building = any(build.work in UNFINISHED_STATUSES for build in page.rows)
    context = {
        "page": page,
        "is_running": is_building
        or (embedder.is_under_way and not embedder.is_waiting)
        or has_recent_build_request()
        or (verified.is_waiting and not verified.is_late),
        "serving": serving,
        "embedder": embedder,
        "can_roll_back": can_roll_back(serving),
        "changes": count_changes_since(serving),
        "verified": verified,
    }
    if request.htmx:
        return render(request, "builds/_now.html", context)
    return render(request, "builds/builds.html", {**context, "figures": list_build_plots(serving)})


@curator_required
@require_safe
def build_detail(request: PageRequest, pk: int) -> HttpResponse:
    build = get_object_or_404(Build.objects.select_related("asked_by"), pk=pk)
    photos = Photo.objects.visible_to(request.user)
    serving = get_serving_build()
    context = {
        "page": get_build_page(build, photos, parse_id(request.GET.get("after"))),
        "build": build,
        "serving": serving,
        "can_roll_back": build == serving and can_roll_back(serving),
    }
    return render(request, "builds/build.html", context)


@curator_required
@require_POST
def build_request(request: PageRequest) -> HttpResponse:
    event = request_rebuild(request.user)
    add_event_message(request, event, _("The index will be built anew as soon as a worker is free."))
    return redirect("builds")


@curator_required
@require_POST
def index_verify(request: PageRequest) -> HttpResponse:
    request_verification(request.user)
    messages.success(request, _("The worker compares the index with the database as soon as it is free."))
    return redirect("builds")


@curator_required
@require_POST
def build_cancel(request: PageRequest, pk: int) -> HttpResponse:
    with refusals_as_messages(request):
        event = cancel_build(request.user, get_object_or_404(Build, pk=pk))
        add_event_message(request, event, _("The build is being stopped."))
    return redirect("builds")


@curator_required
@require_POST
def embedder_choose(request: PageRequest) -> HttpResponse:
    """Have another embedder take over, or with `consent` let the one that waits serve."""
    with refusals_as_messages(request):
        if "consent" in request.POST:
            event = consent_to_switch(request.user)
        else:
            event = choose_embedder(request.user, request.POST.get("name", ""))
        add_event_message(request, event, _("The worker sees to it as soon as it is free."))
    return redirect("builds")


@curator_required
@require_POST
def build_roll_back(request: PageRequest) -> HttpResponse:
    serving = get_serving_build()
    with refusals_as_messages(request):
        event = request_roll_back(request.user, serving.embedder_id if serving else "")
        add_event_message(request, event, _("The build before will serve again in a moment."))
    return redirect("builds")


@curator_required
@require_POST
def build_changes_review(request: PageRequest, pk: int) -> HttpResponse:
    """Mark the changed names that were on the page as looked at."""
    build = get_object_or_404(Build, pk=pk)
    ids = parse_ids(request.POST.getlist("change"))
    count = review_name_changes(request.user, build, ids)
    said = ngettext("%(count)s change looked at.", "%(count)s changes looked at.", count) % {"count": count}
    messages.success(request, said)
    return redirect("build", pk)


@curator_required
@require_safe
def calibration_page(request: PageRequest) -> HttpResponse:
    return render(request, "gallery/calibration.html", {"page": get_calibration_page(request.user)})


@curator_required
@require_POST
def calibration_measure(request: HttpRequest) -> HttpResponse:
    request_measurement(parse_chosen_rate(request.POST.get("rate", "")))
    messages.success(request, _("The gallery is being measured in the background."))
    return redirect("calibration")


@curator_required
@require_POST
def calibration_try(request: PageRequest) -> HttpResponse:
    """Have bounds set by hand tried on the photos before they decide."""
    embedder_id = get_embedder_id_in_use()
    with refusals_as_messages(request):
        form = parse_bounds_form(request.POST, request.POST.get("decision", ""), embedder_id)
        if not form.is_valid():
            page = get_calibration_page(request.user, form)
            return render(request, "gallery/calibration.html", {"page": page}, status=422)
        try_bounds(request.user, embedder_id, form.get_bounds(PUBLISHED_BOUNDS[form.embedder_name]))
        messages.success(
            request, _("The worker looks at what these bounds would change. Nothing has changed yet.")
        )
    return redirect(f"{reverse('calibration')}#tried")


@curator_required
@require_POST
def calibration_apply(request: PageRequest, pk: int) -> HttpResponse:
    """Put bounds into force, or with `withdraw` back out of it; with `drop` forget those that were tried."""
    found = get_object_or_404(Calibration, pk=pk)
    with refusals_as_messages(request):
        if "drop" in request.POST:
            drop_trial(request.user, found)
        elif "withdraw" in request.POST:
            take_calibration_out_of_force(request.user, found)
            messages.success(request, _("Out of force. Names are being said anew."))
        else:
            put_calibration_in_force(request.user, found)
            messages.success(request, _("In force now. Names are being said anew; the history can undo it."))
    return redirect("calibration")
