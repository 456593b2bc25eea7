"""The jobs page: the queue, the workers, what failed, and what can be done."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.access import curator_required, current_user
from gallery.browse.jobs import history, jobs
from gallery.browse.paging import as_id
from gallery.models import Event, User
from gallery.services import jobs as acts
from gallery.services.errors import Refused
from gallery.views.saying import tell


@curator_required
@require_safe
def jobs_page(request: HttpRequest) -> HttpResponse:
    """All of it; to htmx only what changes while one looks."""
    found = jobs(current_user(request))
    if request.htmx:  # type: ignore[attr-defined]  # set by django_htmx's middleware
        return render(request, "jobs/_now.html", {"jobs": found})
    return render(request, "jobs/jobs.html", {"jobs": found, "history": history()})


@curator_required
@require_POST
def jobs_act(request: HttpRequest) -> HttpResponse:
    """`act` is what a button says, `kind` and `pk` what it is about; without them, everything."""
    try:
        _act(request, current_user(request), request.POST.get("act", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("jobs")


def _told(request: HttpRequest, event: Event | None) -> None:
    tell(request, event)
    if event is None:
        messages.info(request, _("Nothing was left to do: they have been dealt with meanwhile."))


def _act(request: HttpRequest, user: User, act: str) -> None:
    kind, pk = request.POST.get("kind", ""), as_id(request.POST.get("pk"))
    if act in ("pause", "resume"):
        tell(request, acts.set_paused(user, act == "pause"))
    elif act == "retry":
        _told(request, acts.retry_failed(user, kind, pk))
    elif act in ("cancel", "again"):
        turn = acts.cancel_waiting if act == "cancel" else acts.queue_again
        _told(request, turn(user, kind or "photo", pk))
    elif act == "errand":
        acts.run_errand(user, kind)
        messages.success(request, _("The worker does it as soon as it is free."))
    elif act == "forget":
        acts.forget(request.POST.get("name", ""))
