"""People by CSV in the admin: the filtered list out, a file in after a look at every line."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import F
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from gallery import audit
from gallery.access import current_user
from gallery.admin.telling import TellingAdmin
from gallery.services import roster
from gallery.services.errors import Refused

READ = 1_000  # people in one query


class RosterAdmin(TellingAdmin):
    """Two more pages beside the list of people."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("export.csv", wrap(self.export), name="gallery_person_export"),
            path("import/", wrap(self.take), name="gallery_person_import"),
        ]
        return own + super().get_urls()

    @method_decorator(require_safe)
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The people of the list as it is filtered, searched and ordered."""
        found = self.get_changelist_instance(request).queryset
        people = found.annotate(approved=F("approved"), times=F("times"))  # the list's own are for one page
        audit.exported(current_user(request), people=people.count())
        response = StreamingHttpResponse(
            (line.encode() for line in roster.lines(people.iterator(chunk_size=READ))),
            content_type="text/csv; charset=utf-8",
        )
        day = timezone.localdate().isoformat()
        response["Content-Disposition"] = f'attachment; filename="people-{day}.csv"'
        response["Cache-Control"] = "private, no-store"
        return response

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def take(self, request: HttpRequest) -> HttpResponseBase:
        """Choose a file; then the page of the act shows what each line would do."""
        file = request.FILES.get("file")
        if request.method == "POST":
            try:
                if file is None:
                    raise Refused(_("Choose a file first."))
                content = file.read(roster.MOST_BYTES + 1)
                back = reverse("admin:gallery_person_changelist")
                act = roster.draft_import(current_user(request), content, back)
                return redirect("admin:gallery_bulkact_change", act.pk)
            except Refused as refusal:
                messages.error(request, str(refusal))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("People from a CSV file"),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/gallery/person/import.html", context)
