"""What the admin only shows: faces, the history, builds and calibrations."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.base import (
    ReadOnlyAdmin,
    SearchKeyAdmin,
    VisibleAdmin,
    page_link,
    person_link,
    render_link,
    render_picture,
)
from gallery.admin.filters import ConditionFilter
from gallery.core.permissions import current_user
from gallery.history.descriptions import describe_event
from gallery.history.selectors import list_history_events, verb_q
from gallery.models import Build, Calibration, Event, Face, Reference
from gallery.templatetags.media import face_src


@admin.register(Face)
class FaceAdmin(VisibleAdmin, SearchKeyAdmin, ReadOnlyAdmin):
    list_display = (
        "face_crop",
        "person_link",
        "state",
        "decision",
        "face_similarity",
        "photo_link",
        "by_reference",
    )
    list_display_links = ("face_crop",)
    sortable_by = ()  # no index holds an order of so many; filters narrow the list
    list_filter = ("state", "decision", "is_usable", "is_drawn", "is_twice")
    linked_lookups = ("person__id__exact", "photo__id__exact")
    list_select_related = ("photo", "person")
    search_fields = ("person__search__contains",)
    search_help_text = gettext_lazy("A person's name, with or without accents")
    ordering = ("-pk",)
    fields = (
        "large_picture",
        "person_link",
        "state",
        "decision",
        "decided_by",
        "decided_at",
        "face_similarity",
        "score",
        "photo_link",
        "by_reference",
        "cut_references",
    )
    readonly_fields = fields
    person_link = staticmethod(person_link)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Face]:
        return Face.objects.visible_to(current_user(request)).order_by("-pk").defer("embedding")

    @admin.display(description=gettext_lazy("picture"))
    def face_crop(self, face: Face) -> SafeString:
        return render_picture(face_src(face, 128), 64, _("A face"))

    @admin.display(description=gettext_lazy("picture"))
    def large_picture(self, face: Face) -> SafeString:
        return render_picture(face_src(face, 384), 240, _("A face"))

    @admin.display(description=gettext_lazy("similarity"))
    def face_similarity(self, face: Face) -> str:
        return "–" if face.similarity is None else f"{face.similarity:.3f}"

    @admin.display(description=gettext_lazy("photo"))
    def photo_link(self, face: Face) -> SafeString:
        return render_link(face.photo.name, "admin:gallery_photo_change", face.photo_id)

    @admin.display(description=gettext_lazy("nearest reference"))
    def by_reference(self, face: Face) -> SafeString | str:
        if face.reference_id is None:
            return "–"
        return render_link(f"#{face.reference_id}", "admin:gallery_reference_change", face.reference_id)

    @admin.display(description=gettext_lazy("references cut from it"))
    def cut_references(self, face: Face) -> SafeString | str:
        rows = Reference.objects.filter(source_face=face).order_by("pk")[:20]
        links = [(render_link(f"#{row.pk}", "admin:gallery_reference_change", row.pk),) for row in rows]
        return format_html_join(", ", "{}", links) or "–"


class EventSubjectFilter(ConditionFilter):
    """What acts are about, by the first word of their verb."""

    title = gettext_lazy("about")
    parameter_name = "about"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        verbs = {
            "people": (_("People"), ("person.", "people.")),
            "references": (_("References"), ("reference.", "references.")),
            "faces": (_("Faces"), ("face.",)),
            "photos": (_("Photos"), ("photo.",)),
            "albums": (_("Albums"), ("album.",)),
            "many": (_("Bulk actions"), ("bulk.",)),
            "undone": (_("Undo"), ("undo", "redo")),
        }
        return {key: (label, verb_q(beginnings)) for key, (label, beginnings) in verbs.items()}


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The history, to look through: undoing is done on its own page."""

    list_display = ("at", "actor", "act_description", "undone_by_whom")
    list_display_links = ("act_description",)
    list_filter = ("actor", EventSubjectFilter, ("undone_at", admin.EmptyFieldListFilter), "at")
    list_select_related = ("actor", "undone_by")
    fields = ("at", "actor", "act_description", "undone_by_whom", "object_type", "object_id")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        rows = list_history_events(current_user(request), actor=None, person=None, photo=None)
        return rows.defer("undo").order_by("-pk")

    @admin.display(description=gettext_lazy("action"))
    def act_description(self, event: Event) -> str:
        return describe_event(event)

    @admin.display(description=gettext_lazy("undone"))
    def undone_by_whom(self, event: Event) -> str:
        if event.undone_at is None:
            return "–"
        return str(event.undone_by or _("Somebody"))


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
        page_link,
    )
    list_filter = ("work", "is_active", "embedder_id")


@admin.register(Calibration)
class CalibrationAdmin(ReadOnlyAdmin):
    list_display = ("pk", "embedder_id", "false_name_rate", "applied_at", "created_at")
    list_filter = ("embedder_id",)
