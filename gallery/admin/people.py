"""People in the admin. Every change goes through the services, so it stands in the history and can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.access import current_user
from gallery.admin.health import PersonHealth
from gallery.admin.paging import BoundedPaginator, link, picture, said
from gallery.models import Person, Reference
from gallery.models.people import clean_name, search_key
from gallery.services import people
from gallery.services.errors import Refused
from gallery.templatetags.media import reference_src
from gallery.visibility import visible_faces, visible_references

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Person]
    Form = forms.ModelForm[Person]
else:
    Base, Form = admin.ModelAdmin, forms.ModelForm


class PersonForm(Form):
    class Meta:
        model = Person
        fields = ("name", "note", "is_hidden", "is_recognised", "consent_note", "consent_until")

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        found = people.find(name)
        if not name:
            raise ValidationError(_("A name needs at least one letter."))
        if found and found.pk != self.instance.pk:
            raise ValidationError(_("There is a person of this name: %(name)s.") % {"name": found.name})
        return name


class HasReferences(admin.SimpleListFilter):
    title = gettext_lazy("approved references")
    parameter_name = "references"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", _("None")), ("one", _("One")), ("more", _("Two and more"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        wanted = {"none": {"approved": 0}, "one": {"approved": 1}, "more": {"approved__gte": 2}}
        return queryset.filter(**wanted[self.value() or ""]) if self.value() else queryset


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.filter(person=OuterRef("pk")).order_by().values("person").annotate(times=Count("pk"))
    return Coalesce(Subquery(counted.values("times")), 0)


@admin.register(Person)
class PersonAdmin(Base):
    form = PersonForm
    list_display = ("face", "name", "approved_count", "face_count", "is_hidden", "is_recognised", "page")
    list_display_links = ("face", "name")
    list_filter = (PersonHealth, HasReferences, "is_hidden", "is_recognised")
    search_fields = ("search",)
    search_help_text = gettext_lazy("A name, with or without accents")
    actions = ("hide", "show", "merge_into_first")
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    readonly_fields = ("pictures",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        user = current_user(request)
        approved = visible_references(user).filter(status=Reference.Judgement.APPROVED)
        rows = super().get_queryset(request).select_related("cover")
        first = approved.filter(person=OuterRef("pk")).order_by("pk").values("pk")[:1]
        return rows.annotate(
            approved=_count(approved), times=_count(visible_faces(user)), first=Subquery(first)
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        for word in search_key(search_term).split():
            queryset = queryset.filter(search__contains=word)
        return queryset, False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The pictures of one page of people, in one query."""
        changes = super().get_changelist_instance(request)
        firsts = [row.cover_id or row.first for row in changes.result_list]
        found = visible_references(current_user(request)).in_bulk([pk for pk in firsts if pk])
        for row in changes.result_list:
            row.shown = found.get(row.cover_id or row.first)
        return changes

    @admin.display(description="")
    def face(self, person: Person) -> SafeString | str:
        reference = getattr(person, "shown", None)
        return picture(reference_src(reference, 128)) if reference else "–"

    @admin.display(description=gettext_lazy("references"), ordering="approved")
    def approved_count(self, person: Any) -> SafeString:
        address = f"?person__id__exact={person.pk}"
        return format_html('<a href="../reference/{}">{}</a>', address, person.approved)

    @admin.display(description=gettext_lazy("faces"), ordering="times")
    def face_count(self, person: Any) -> int:
        return int(person.times)

    @admin.display(description="")
    def page(self, person: Person) -> SafeString:
        return link(_("on the site"), "person", person.pk)

    @admin.display(description=gettext_lazy("references"))
    def pictures(self, person: Person) -> SafeString | str:
        rows = (
            person.references.filter(source_face__isnull=True).order_by("status", "pk")[:60]
            if person.pk
            else []
        )
        parts = [
            link(picture(reference_src(row, 128), 96), "admin:gallery_reference_change", row.pk)
            for row in rows
        ]
        return SafeString("".join(parts)) or _("None yet. Add some on the person's page.")

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        user, given = current_user(request), form.cleaned_data
        if not change:
            made = people.create(user, given["name"], given["note"])
            obj.pk = made.pk
            obj.refresh_from_db()
        stored = Person.objects.get(pk=obj.pk)
        people.rename(user, stored, given["name"])
        people.set_note(user, stored, given["note"])
        people.set_hidden(user, stored, given["is_hidden"])
        people.set_recognised(user, stored, given["is_recognised"])
        people.set_consent(user, stored, given["consent_note"], given["consent_until"])
        obj.refresh_from_db()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting a person is erasure, which has a page and a receipt of its own."""
        return False

    @admin.action(description=gettext_lazy("Hide"))
    def hide(self, request: HttpRequest, queryset: QuerySet[Person]) -> None:
        self._set_hidden(request, queryset, True)

    @admin.action(description=gettext_lazy("Show again"))
    def show(self, request: HttpRequest, queryset: QuerySet[Person]) -> None:
        self._set_hidden(request, queryset, False)

    def _set_hidden(self, request: HttpRequest, rows: QuerySet[Person], is_hidden: bool) -> None:
        user = current_user(request)
        changed = list(rows.filter(~Q(is_hidden=is_hidden)))
        for person in changed:
            people.set_hidden(user, person, is_hidden)
        count = len(changed)
        said(
            request,
            ngettext("%(count)s person changed.", "%(count)s people changed.", count) % {"count": count},
        )

    @admin.action(description=gettext_lazy("Merge two people into the one with more references"))
    def merge_into_first(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        chosen = sorted(queryset, key=lambda person: (-person.approved, person.pk))
        if len(chosen) != 2:
            messages.error(request, _("Choose exactly two people to merge."))
            return
        target, source = chosen
        try:
            people.merge(current_user(request), source, target)
        except Refused as error:
            messages.error(request, str(error))
            return
        said(request, _("%(source)s is now %(target)s.") % {"source": source.name, "target": target.name})
