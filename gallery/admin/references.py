"""References in the admin: judged, moved and looked through, many at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.base import (
    SearchKeyAdmin,
    ServiceAdmin,
    VisibleAdmin,
    job_status,
    person_link,
    render_link,
    render_picture,
    report_events,
)
from gallery.admin.bulk import make_bulk_action
from gallery.admin.filters import EmbedderFilter, QualityFilter, ReferenceHealthFilter, SourceFilter
from gallery.core.permissions import current_user
from gallery.history.locking import OptimisticLockForm
from gallery.models import BulkAct, Reference
from gallery.people.references import judge_references, move_references
from gallery.templatetags.media import reference_src

BulkActKind = BulkAct.Kind


@admin.register(Reference)
class ReferenceAdmin(VisibleAdmin, SearchKeyAdmin, ServiceAdmin):
    form = OptimisticLockForm
    list_display = ("face_crop", person_link, "status", job_status, "eye_distance", "photo_link", "added_at")
    list_display_links = ("face_crop",)
    sortable_by = ("added_at",)  # by what has an index; the rest are for filters
    list_filter = (ReferenceHealthFilter, "status", "work", EmbedderFilter, QualityFilter, SourceFilter)
    linked_lookups = ("person__id__exact",)
    list_select_related = ("person", "source_face")
    search_fields = ("person__search__contains",)
    search_help_text = gettext_lazy("A person's name, with or without accents")
    autocomplete_fields = ("person",)
    readonly_fields = (
        "large_picture",
        "doubt",
        "work",
        "failure_text",
        "source_path",
        "source_columns",
        "source_links",
        "quality",
        "created_at",
    )
    fields = ("large_picture", "person", "status", *readonly_fields[1:])
    ordering = ("-pk",)
    actions = (
        make_bulk_action("approve", BulkActKind.APPROVE, gettext_lazy("Approve")),
        make_bulk_action("reject", BulkActKind.REJECT, gettext_lazy("Reject")),
        make_bulk_action("set_back", BulkActKind.PENDING, gettext_lazy("Set back to pending")),
        make_bulk_action("move", BulkActKind.MOVE, gettext_lazy("Move to another person")),
        make_bulk_action(
            "take_out", BulkActKind.REJECT, gettext_lazy("Delete: out of every search, until undone")
        ),
        make_bulk_action("embed_again", BulkActKind.EMBED, gettext_lazy("Embed again")),
    )

    @admin.display(description=gettext_lazy("picture"))
    def face_crop(self, reference: Reference) -> SafeString:
        return render_picture(reference_src(reference, 128), 64, str(reference))

    @admin.display(description=gettext_lazy("picture"))
    def large_picture(self, reference: Reference) -> SafeString:
        return render_picture(reference_src(reference, 384), 320, str(reference))

    @admin.display(description=gettext_lazy("added"), ordering="pk")
    def added_at(self, reference: Reference) -> datetime:
        return reference.created_at

    @admin.display(description=gettext_lazy("between the eyes"))
    def eye_distance(self, reference: Reference) -> str:
        quality = reference.quality or {}
        return f"{quality['size']:.0f} px" if "size" in quality else "–"

    @admin.display(description=gettext_lazy("photo"))
    def photo_link(self, reference: Reference) -> SafeString | str:
        face = reference.source_face
        return render_link(_("photo"), "admin:gallery_photo_change", face.photo_id) if face else "–"

    @admin.display(description=gettext_lazy("leads to"))
    def source_links(self, reference: Reference) -> SafeString:
        """Whose it is, and the photo and face that it was cut from."""
        links = [person_link(reference)]
        if face := reference.source_face:
            links += [
                self.photo_link(reference),
                render_link(_("face"), "admin:gallery_face_change", face.pk),
            ]
        return format_html_join(" · ", "{}", [(link,) for link in links])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # added on the person's page, where the picture is shown

    def save_model(self, request: HttpRequest, obj: Reference, form: Any, change: bool) -> None:
        user, stored = current_user(request), Reference.objects.get(pk=obj.pk)
        with report_events(request):
            move_references(user, [stored], form.cleaned_data["person"])
            judge_references(user, [stored], form.cleaned_data["status"])
