"""References in the admin: judged, moved and looked through, many at a time."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.access import current_user
from gallery.admin.health import ReferenceHealth
from gallery.admin.paging import BoundedPaginator, link, picture, said
from gallery.admin.visible import VisibleAdmin
from gallery.models import Person, Reference
from gallery.models.people import search_key
from gallery.services import people, references
from gallery.services.errors import Refused
from gallery.templatetags.media import reference_src


class Source(admin.SimpleListFilter):
    title = gettext_lazy("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("face", _("a face in a photo")), ("file", _("a file"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reference]) -> QuerySet[Reference]:
        if not self.value():
            return queryset
        return queryset.filter(source_face__isnull=self.value() == "file")


class Usable(admin.SimpleListFilter):
    title = gettext_lazy("quality")
    parameter_name = "quality"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("good", _("good enough")), ("poor", _("too poor to recognise"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reference]) -> QuerySet[Reference]:
        if not self.value():
            return queryset
        return queryset.filter(quality__is_usable=self.value() == "good")


@admin.register(Reference)
class ReferenceAdmin(VisibleAdmin):
    list_display = ("crop", "whose", "status", "work", "failure", "size", "photo", "created_at")
    list_display_links = ("crop",)
    list_filter = (ReferenceHealth, "status", "work", Source, Usable)
    list_select_related = ("person", "source_face")
    search_fields = ("person__search",)
    search_help_text = gettext_lazy("A person's name, with or without accents")
    actions = ("approve", "reject", "move", "embed_again")
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    autocomplete_fields = ("person",)
    fields = ("large", "person", "status", "work", "failure", "source_path", "photo", "quality", "created_at")
    readonly_fields = ("large", "work", "failure", "source_path", "photo", "quality", "created_at")
    ordering = ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reference], search_term: str
    ) -> tuple[QuerySet[Reference], bool]:
        for word in search_key(search_term).split():
            queryset = queryset.filter(person__search__contains=word)
        return queryset, False

    @admin.display(description="")
    def crop(self, reference: Reference) -> SafeString:
        return picture(reference_src(reference, 128), 64)

    @admin.display(description="")
    def large(self, reference: Reference) -> SafeString:
        return picture(reference_src(reference, 384), 320)

    @admin.display(description=gettext_lazy("person"), ordering="person__search")
    def whose(self, reference: Reference) -> SafeString:
        return link(reference.person.name, "admin:gallery_person_change", reference.person_id)

    @admin.display(description=gettext_lazy("between the eyes"))
    def size(self, reference: Reference) -> str:
        quality = reference.quality or {}
        return f"{quality['size']:.0f} px" if "size" in quality else "–"

    @admin.display(description=gettext_lazy("photo"))
    def photo(self, reference: Reference) -> SafeString | str:
        face = reference.source_face
        return link(_("photo"), "photo", face.photo_id) if face else "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # added on the person's page, where the picture is shown

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # rejecting keeps it from ever being searched; erasing has a page of its own

    def save_model(self, request: HttpRequest, obj: Reference, form: Any, change: bool) -> None:
        user, stored = current_user(request), Reference.objects.get(pk=obj.pk)
        references.move(user, [stored], form.cleaned_data["person"])
        references.judge(user, [stored], form.cleaned_data["status"])

    @admin.action(description=gettext_lazy("Approve"))
    def approve(self, request: HttpRequest, queryset: QuerySet[Reference]) -> None:
        self._done(request, references.approve(current_user(request), queryset))

    @admin.action(description=gettext_lazy("Reject"))
    def reject(self, request: HttpRequest, queryset: QuerySet[Reference]) -> None:
        self._done(request, references.reject(current_user(request), queryset))

    @admin.action(description=gettext_lazy("Embed again"))
    def embed_again(self, request: HttpRequest, queryset: QuerySet[Reference]) -> None:
        references.retry(queryset)
        messages.success(request, _("They wait for the worker."))

    @admin.action(description=gettext_lazy("Move to another person"))
    def move(self, request: HttpRequest, queryset: QuerySet[Reference]) -> HttpResponse | None:
        name = request.POST.get("name", "").strip()
        if not name:
            return self._ask_whose(request, queryset)
        try:
            person = people.get_or_create(current_user(request), name)
        except Refused as error:
            messages.error(request, str(error))
            return None
        self._done(request, references.move(current_user(request), queryset, person))
        return None

    def _ask_whose(self, request: HttpRequest, rows: QuerySet[Reference]) -> HttpResponse:
        """Which person, after a look at what will move."""
        chosen = list(rows.select_related("person")[:200])
        owners = Person.objects.filter(references__in=rows).annotate(moving=Count("references")).distinct()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Move references to another person"),
            "opts": self.opts,
            "rows": chosen,
            "owners": owners.order_by("search")[:20],
            "count": rows.count(),
            "people": Person.objects.order_by("search").values_list("name", flat=True)[:1000],
            "checkbox": ACTION_CHECKBOX_NAME,
            "is_across": request.POST.get("select_across") == "1",
        }
        return TemplateResponse(request, "admin/gallery/move_references.html", context)

    def _done(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%(count)s reference changed.", "%(count)s references changed.", count)
        said(request, text % {"count": count})
