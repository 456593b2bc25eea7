"""References in the admin: judged, moved and looked through, many at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.base import EventMessagesAdmin, VisibleAdmin, report_events
from gallery.admin.bulk import redirect_to_bulk_preview
from gallery.admin.changelist import (
    SearchKeyAdmin,
    iterate_ids,
    render_link,
    render_picture,
    render_progress,
)
from gallery.admin.filters import EmbedderFilter, QualityFilter, ReferenceHealthFilter, SourceFilter
from gallery.core.permissions import current_user
from gallery.history.locking import OptimisticLockForm
from gallery.models import BulkAct, Reference
from gallery.people.references import judge_references, move_references
from gallery.templatetags.media import reference_src

BulkActKind = BulkAct.Kind


class ReferenceForm(OptimisticLockForm):
    class Meta:
        model = Reference
        fields = ("person", "status")


@admin.register(Reference)
class ReferenceAdmin(VisibleAdmin, SearchKeyAdmin, EventMessagesAdmin):
    form = ReferenceForm
    list_display = ("crop", "whose", "status", "reached", "size", "photo", "added")
    list_display_links = ("crop",)
    sortable_by = ("added",)  # by what has an index; the rest are for filters
    list_filter = (ReferenceHealthFilter, "status", "work", EmbedderFilter, QualityFilter, SourceFilter)
    list_select_related = ("person", "source_face")
    search_fields = ("person__search__contains",)
    search_help_text = gettext_lazy("A person's name, with or without accents")
    actions = ("approve", "reject", "set_back", "move", "take_out", "embed_again")
    autocomplete_fields = ("person",)
    fields = (
        "large",
        "person",
        "status",
        "work",
        "failure_text",
        "source_path",
        "leads",
        "quality",
        "created_at",
    )
    readonly_fields = ("large", "work", "failure_text", "source_path", "leads", "quality", "created_at")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("picture"))
    def crop(self, reference: Reference) -> SafeString:
        return render_picture(reference_src(reference, 128), 64, str(reference))

    @admin.display(description=gettext_lazy("picture"))
    def large(self, reference: Reference) -> SafeString:
        return render_picture(reference_src(reference, 384), 320, str(reference))

    @admin.display(description=gettext_lazy("person"))
    def whose(self, reference: Reference) -> SafeString:
        return render_link(reference.person.name, "admin:gallery_person_change", reference.person_id)

    @admin.display(description=gettext_lazy("added"), ordering="pk")
    def added(self, reference: Reference) -> datetime:
        return reference.created_at

    @admin.display(description=gettext_lazy("job status"))
    def reached(self, reference: Reference) -> SafeString | str:
        return render_progress(reference)

    @admin.display(description=gettext_lazy("between the eyes"))
    def size(self, reference: Reference) -> str:
        quality = reference.quality or {}
        return f"{quality['size']:.0f} px" if "size" in quality else "–"

    @admin.display(description=gettext_lazy("photo"))
    def photo(self, reference: Reference) -> SafeString | str:
        face = reference.source_face
        return render_link(_("photo"), "admin:gallery_photo_change", face.photo_id) if face else "–"

    @admin.display(description=gettext_lazy("leads to"))
    def leads(self, reference: Reference) -> SafeString:
        """Whose it is, and the photo and face that it was cut from."""
        face = reference.source_face
        places = [self.whose(reference)]
        if face is not None:
            places.append(render_link(_("photo"), "admin:gallery_photo_change", face.photo_id))
            places.append(render_link(_("face"), "admin:gallery_face_change", face.pk))
        return format_html_join(" · ", "{}", [(place,) for place in places])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # added on the person's page, where the picture is shown

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # rejecting keeps it from ever being searched; erasing has a page of its own

    def save_model(self, request: HttpRequest, obj: Reference, form: Any, change: bool) -> None:
        user, stored = current_user(request), Reference.objects.get(pk=obj.pk)
        with report_events(request):
            move_references(user, [stored], form.cleaned_data["person"])
            judge_references(user, [stored], form.cleaned_data["status"])

    @admin.action(description=gettext_lazy("Approve"))
    def approve(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        return redirect_to_bulk_preview(request, BulkActKind.APPROVE, iterate_ids(queryset))

    @admin.action(description=gettext_lazy("Reject"))
    def reject(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        return redirect_to_bulk_preview(request, BulkActKind.REJECT, iterate_ids(queryset))

    @admin.action(description=gettext_lazy("Delete: out of every search, until undone"))
    def take_out(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        return redirect_to_bulk_preview(request, BulkActKind.REJECT, iterate_ids(queryset))

    @admin.action(description=gettext_lazy("Set back to pending"))
    def set_back(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        return redirect_to_bulk_preview(request, BulkActKind.PENDING, iterate_ids(queryset))

    @admin.action(description=gettext_lazy("Move to another person"))
    def move(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        return redirect_to_bulk_preview(request, BulkActKind.MOVE, iterate_ids(queryset))

    @admin.action(description=gettext_lazy("Embed again"))
    def embed_again(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        return redirect_to_bulk_preview(request, BulkActKind.EMBED, iterate_ids(queryset))
