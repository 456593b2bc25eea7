"""The index: its builds, and what people may do with them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery import chores
from gallery.access import curator_required, current_user
from gallery.browse import builds as browse
from gallery.browse.buildplots import figures
from gallery.browse.paging import as_id
from gallery.models import Build, Event
from gallery.services import builds as acts
from gallery.services.errors import Refused
from gallery.visibility import visible_photos


@curator_required
@require_safe
def build_list(request: HttpRequest) -> HttpResponse:
    """All of it; to htmx only what changes while one looks."""
    serving = browse.serving()
    photos = visible_photos(current_user(request))
    page = browse.build_list(photos, as_id(request.GET.get("after")))
    verified = chores.state(acts.VERIFY)
    is_building = any(build.work in browse.RUNNING for build in page.rows)
    context = {
        "page": page,
        "is_running": is_building
        or browse.is_asked_lately()
        or (verified.is_waiting and not verified.is_late),
        "serving": serving,
        "can_roll_back": browse.can_roll_back(serving),
        "changes": browse.changes_since(serving),
        "verified": verified,
    }
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return render(request, "builds/_now.html", context)
    return render(request, "builds/builds.html", {**context, "figures": figures(serving)})


@curator_required
@require_safe
def build_page(request: HttpRequest, pk: int) -> HttpResponse:
    build = get_object_or_404(Build.objects.select_related("asked_by"), pk=pk)
    photos = visible_photos(current_user(request))
    page = browse.build_page(build, photos, as_id(request.GET.get("after")))
    serving = browse.serving()
    can_roll_back = build == serving and browse.can_roll_back(serving)
    return render(
        request, "builds/build.html", {"page": page, "build": build, "can_roll_back": can_roll_back}
    )


def _say(request: HttpRequest, sentence: str, event: Event) -> None:
    """What happens now, with a button that undoes it."""
    messages.success(request, sentence, extra_tags=f"undo-{event.pk}")


@curator_required
@require_POST
def build_request(request: HttpRequest) -> HttpResponse:
    event = acts.request(current_user(request))
    _say(request, _("The index will be built anew as soon as a worker is free."), event)
    return redirect("builds")


@curator_required
@require_POST
def build_verify(request: HttpRequest) -> HttpResponse:
    acts.verify(current_user(request))
    messages.success(request, _("The worker compares the index with the database as soon as it is free."))
    return redirect("builds")


@curator_required
@require_POST
def build_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        event = acts.cancel(current_user(request), get_object_or_404(Build, pk=pk))
        _say(request, _("The build is being stopped."), event)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("builds")


@curator_required
@require_POST
def build_roll_back(request: HttpRequest) -> HttpResponse:
    serving = browse.serving()
    try:
        event = acts.roll_back(current_user(request), serving.embedder_id if serving else "")
        _say(request, _("The build before will serve again in a moment."), event)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("builds")


@curator_required
@require_POST
def build_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark the changed names that were on the page as looked at."""
    build = get_object_or_404(Build, pk=pk)
    ids = [found for text in request.POST.getlist("change") if (found := as_id(text))]
    count = acts.review(current_user(request), build, ids)
    said = ngettext("%(count)s change looked at.", "%(count)s changes looked at.", count) % {"count": count}
    messages.success(request, said)
    return redirect("build", pk)
