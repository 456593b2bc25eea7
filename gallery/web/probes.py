"""Liveness, readiness and Prometheus metrics, for machines."""

from __future__ import annotations

import os

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from gallery.maintenance.metrics import render_metrics


@login_not_required
@require_safe
def liveness_probe(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def readiness_probe(request: HttpRequest) -> HttpResponse:
    """This process can do its work: the database answers, and files can be written. It does not say more."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM gallery_photo LIMIT 1")
    except DatabaseError:
        return HttpResponse("The database does not answer.\n", status=503, content_type="text/plain")
    if not os.access(settings.DATA_DIR, os.W_OK):
        return HttpResponse("The data directory cannot be written.\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


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
