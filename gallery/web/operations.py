"""What keeps the site running: the jobs page, backups and the check of files, and probes for monitoring."""

from __future__ import annotations

import os

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.core.pagination import parse_id
from gallery.core.permissions import PageRequest, administrator_required, curator_required
from gallery.history.descriptions import add_event_message
from gallery.history.switches import FACE_LOOKUPS, turn_site_switch
from gallery.jobs.selectors import build_jobs_page
from gallery.jobs.services import (
    cancel_or_requeue_jobs,
    forget_process,
    retry_failed_jobs,
    retry_site_job,
    set_processing_paused,
)
from gallery.jobs.timings import get_processing_history
from gallery.maintenance.jobs import request_backup, request_file_check, request_verification
from gallery.maintenance.metrics import render_metrics
from gallery.maintenance.selectors import get_backups_page
from gallery.models import Host
from gallery.privacy.host_copies import remove_host
from gallery.web.responses import refusals_as_messages


@curator_required
@require_safe
def job_overview(request: PageRequest) -> HttpResponse:
    """All of it; to htmx only what changes while one looks."""
    found = build_jobs_page(request.user)
    if request.htmx:
        return render(request, "jobs/_now.html", {"jobs": found})
    return render(request, "jobs/jobs.html", {"jobs": found, "history": get_processing_history()})


@curator_required
@require_POST
def job_action(request: PageRequest) -> HttpResponse:
    """`act` is what a button says, `kind` and `pk` what it is about; without them, everything."""
    user, act = request.user, request.POST.get("act", "")
    kind, pk = request.POST.get("kind", ""), parse_id(request.POST.get("pk"))
    with refusals_as_messages(request):
        if act in ("pause", "resume"):
            add_event_message(request, set_processing_paused(user, act == "pause"))
        elif act in ("retry", "cancel", "again"):
            if act == "retry":
                event = retry_failed_jobs(user, kind, pk)
            else:
                event = cancel_or_requeue_jobs(user, f"queue.{act}", kind or "photo", pk)
            add_event_message(request, event)
            if event is None:
                messages.info(request, _("Nothing was left to do: they have been dealt with meanwhile."))
        elif act == "run":
            retry_site_job(user, kind)
            messages.success(request, _("The worker does it as soon as it is free."))
        elif act == "forget":
            forget_process(request.POST.get("name", ""))
        elif act == "remove_host":
            add_event_message(request, remove_host(user, get_object_or_404(Host, pk=pk)))
    return redirect("jobs")


@administrator_required
@require_safe
def backup_overview(request: HttpRequest) -> HttpResponse:
    return render(request, "backups/backups.html", {"page": get_backups_page()})


@administrator_required
@require_POST
def backup_action(request: PageRequest) -> HttpResponse:
    """`act` is what a button says."""
    act = request.POST.get("act")
    if act == "backup":
        request_backup(request.user)
        messages.success(request, _("A backup is made as soon as a worker is free."))
    elif act == "verify":
        request_verification(request.user)
        messages.success(request, _("The newest backup is tried as soon as a worker is free."))
    elif act in ("check", "mend"):
        request_file_check(request.user, is_mending=act == "mend")
        messages.success(request, _("The files are looked at as soon as a worker is free."))
    return redirect("backups")


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def site_settings(request: PageRequest) -> HttpResponse:
    """Switches of the whole site."""
    if request.method == "POST":
        add_event_message(
            request, turn_site_switch(request.user, FACE_LOOKUPS, "face_lookups" in request.POST)
        )
        return redirect("site_settings")
    context = {"are_face_lookups_on": FACE_LOOKUPS.is_on(), "are_lookups_set_off": not settings.IDENTIFY}
    return render(request, "settings.html", context)


def _text_response(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain")


@login_not_required
@require_safe
def liveness_probe(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return _text_response("ok")


@login_not_required
@require_safe
def readiness_probe(request: HttpRequest) -> HttpResponse:
    """This process can do its work: the database answers, and files can be written. It does not say more."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM gallery_photo LIMIT 1")
    except DatabaseError:
        return _text_response("The database does not answer.", 503)
    if not os.access(settings.DATA_DIR, os.W_OK):
        return _text_response("The data directory cannot be written.", 503)
    return _text_response("ready")


@login_not_required
@require_safe
def prometheus_metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' figures, for who has the token; there is no such page while none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(render_metrics(), content_type="text/plain; version=0.0.4; charset=utf-8")
