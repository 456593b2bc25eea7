"""All that is known about a person, for them: asked for, fetched, removed by administrators."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gallery.access import administrator_required, current_user
from gallery.models import Person, PersonExport
from gallery.services import person_exports


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def person_export(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what such a file holds, make one, list those that are there."""
    person = get_object_or_404(Person, pk=pk)
    if request.method == "POST":
        person_exports.ask(current_user(request), person, get_language() or "en")
        return redirect("person_export", pk)
    exports = list(PersonExport.objects.filter(person=person).select_related("asked_by")[:20])
    rows = [(export, person_exports.path_of(export) is not None) for export in exports]
    is_waiting = any(person_exports.is_waiting(export) for export in exports)
    context = {"person": person, "rows": rows, "is_waiting": is_waiting, "days": settings.EXPORT_DAYS}
    return render(request, "privacy/export.html", context)


@administrator_required
@require_safe
def person_export_file(request: HttpRequest, pk: int, export: int) -> HttpResponseBase:
    found = _export(pk, export)
    path = person_exports.path_of(found)
    if path is None:
        raise Http404
    person_exports.take(current_user(request), found)
    response = FileResponse(path.open("rb"), content_type="application/zip")
    name = f"{found.person.name} {found.created_at:%Y-%m-%d}.zip"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@administrator_required
@require_POST
def person_export_remove(request: HttpRequest, pk: int, export: int) -> HttpResponse:
    person_exports.remove(_export(pk, export))
    messages.success(request, _("The file is gone."))
    return redirect("person_export", pk)


def _export(pk: int, export: int) -> PersonExport:
    return get_object_or_404(PersonExport.objects.select_related("person"), pk=export, person=pk)
