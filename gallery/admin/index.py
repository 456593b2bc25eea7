"""Index builds and calibrations in the admin: to look at and filter."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.base import ReadOnlyAdmin
from gallery.admin.changelist import render_link
from gallery.models import Build, Calibration


@admin.register(Build)
class BuildAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "embedder_id",
        "work",
        "is_active",
        "vectors",
        "index_key",
        "index_param",
        "recall",
        "size",
        "milliseconds",
        "page",
    )
    list_filter = ("work", "is_active", "embedder_id")

    @admin.display(description=gettext_lazy("page"))
    def page(self, build: Build) -> SafeString:
        return render_link(_("on the site"), "build", build.pk)


@admin.register(Calibration)
class CalibrationAdmin(ReadOnlyAdmin):
    list_display = ("pk", "embedder_id", "false_name_rate", "applied_at", "created_at")
    list_filter = ("embedder_id",)
