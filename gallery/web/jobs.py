"""The jobs page: the queue, the workers, what failed, and what can be done."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import parse_id
from gallery.core.permissions import curator_required, current_user
from gallery.core.requests import HtmxHttpRequest
from gallery.history.messages import add_event_message
from gallery.jobs.selectors import build_jobs_page
from gallery.jobs.services import (
    cancel_or_requeue_jobs,
    forget_process,
    retry_failed_jobs,
    retry_site_job,
    set_processing_paused,
)
from gallery.jobs.timings import get_processing_history
from gallery.models import Event, User


@curator_required
@require_safe
def job_overview(request: HtmxHttpRequest) -> HttpResponse:
    """All of it; to htmx only what changes while one looks."""
    found = build_jobs_page(current_user(request))
    if request.htmx:
        return render(request, "jobs/_now.html", {"jobs": found})
    return render(request, "jobs/jobs.html", {"jobs": found, "history": get_processing_history()})


@curator_required
@require_POST
def job_action(request: HttpRequest) -> HttpResponse:
    """`act` is what a button says, `kind` and `pk` what it is about; without them, everything."""
    try:
        _perform_job_action(request, current_user(request), request.POST.get("act", ""))
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("jobs")


def _message_job_event(request: HttpRequest, event: Event | None) -> None:
    add_event_message(request, event)
    if event is None:
        messages.info(request, _("Nothing was left to do: they have been dealt with meanwhile."))


def _perform_job_action(request: HttpRequest, user: User, act: str) -> None:
    kind, pk = request.POST.get("kind", ""), parse_id(request.POST.get("pk"))
    if act in ("pause", "resume"):
        add_event_message(request, set_processing_paused(user, act == "pause"))
    elif act == "retry":
        _message_job_event(request, retry_failed_jobs(user, kind, pk))
    elif act in ("cancel", "again"):
        event = cancel_or_requeue_jobs(user, f"queue.{act}", kind or "photo", pk)
        _message_job_event(request, event)
    elif act == "run":
        retry_site_job(user, kind)
        messages.success(request, _("The worker does it as soon as it is free."))
    elif act == "forget":
        forget_process(request.POST.get("name", ""))
