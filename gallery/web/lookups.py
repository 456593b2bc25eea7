"""Who is on a picture that is not kept."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gallery.core.exceptions import translate_error
from gallery.core.lookups import FOUND, RETRY_SECONDS, Found, attach_lookup, explain_no_worker
from gallery.core.permissions import PageRequest, role_required, takes_files
from gallery.core.throttling import LookupLimitReached, count_page_lookup
from gallery.faces.lookup_results import read_result
from gallery.history.audit import VERB_LOOKED_UP, write_audit_event
from gallery.history.switches import are_face_lookups_on
from gallery.models import Role
from recognition.errors import ImageTooLarge


@takes_files
@role_required(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def who_page(request: PageRequest) -> HttpResponse:
    """The form; its picture, which the gate has looked at; and, asked once more by the gate, what is on it."""
    if not are_face_lookups_on():
        sentence = _("Looking at pictures without keeping them is switched off here.")
        return _render_page(request, 403, sentence=sentence, is_off=True)
    found: Found | None = request.META.get(FOUND)
    if found is not None:
        return _render_found(request, found)
    if request.method != "POST":
        return _render_page(request, 200)
    file = request.FILES.get("file")
    if file is None:
        return _render_page(request, 422, sentence=_("Choose a picture first."))
    try:
        count_page_lookup(request.user)
    except LookupLimitReached as refusal:
        response = _render_page(request, 429, sentence=str(refusal))
        response["Retry-After"] = str(refusal.wait_seconds)
        return response
    response = _render_page(request, 503, sentence=explain_no_worker())
    response["Retry-After"] = str(RETRY_SECONDS)
    try:
        attach_lookup(response, request.user, "describe", [file], is_for_page=True)
    except ImageTooLarge as error:
        return _render_page(request, 413, sentence=translate_error(error))
    write_audit_event(request.user, VERB_LOOKED_UP)
    return response


def _render_found(request: PageRequest, found: Found) -> HttpResponse:
    if found.status != 200:
        return _render_page(request, found.status, sentence=json.loads(found.content)["detail"])
    return _render_page(request, 200, result=read_result(request.user, found.content))


def _render_page(request: PageRequest, status: int, **context: object) -> HttpResponse:
    """A script that asked shows the page whatever became of it, and so is answered by 200."""
    context["max_mb"] = settings.UPLOAD_MAX_MB
    response = render(request, "lookups/who.html", context, status=200 if request.htmx else status)
    response["Cache-Control"] = "private, no-store"
    return response
