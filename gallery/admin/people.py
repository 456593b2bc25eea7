"""People in the admin. Every change goes through the services, so it stands in the history and can be undone."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.access import current_user
from gallery.admin.bulk import choose
from gallery.admin.erasing import Erasable
from gallery.admin.filters import Consent, Pending, Photographed, References
from gallery.admin.grid import grid
from gallery.admin.health import PersonHealth
from gallery.admin.paging import ids_of, link, picture, searched
from gallery.admin.pictures import PicturesAdmin
from gallery.admin.roster import RosterAdmin
from gallery.admin.telling import told
from gallery.browse import tallies
from gallery.browse.paging import as_id
from gallery.guard import GuardedForm
from gallery.models import BulkAct, Person, Reference
from gallery.models.people import clean_name
from gallery.services import people
from gallery.templatetags.media import reference_src
from gallery.visibility import counted_faces, visible_references

Kind = BulkAct.Kind


class PersonForm(GuardedForm):
    class Meta:
        model = Person
        fields = ("as_seen", "name", "note", "is_hidden", "is_recognised", "consent_note", "consent_until")

    def clean_name(self) -> str:
        name = clean_name(self.cleaned_data["name"])
        found = people.find(name)
        if not name:
            raise ValidationError(_("A name needs at least one letter."))
        if found and found.pk != self.instance.pk:
            raise ValidationError(_("There is a person of this name: %(name)s.") % {"name": found.name})
        return name


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.filter(person=OuterRef("pk")).order_by().values("person").annotate(times=Count("*"))
    return Coalesce(Subquery(counted.values("times")), 0)


@admin.register(Person)
class PersonAdmin(Erasable, RosterAdmin, PicturesAdmin):
    erase_page = "person_erase"
    form = PersonForm
    list_display = ("face", "name", "approved_count", "face_count", "is_hidden", "is_recognised", "page")
    list_display_links = ("face", "name")
    list_columns = ("name", "is_hidden", "is_recognised", "cover")
    list_filter = (PersonHealth, References, Pending, Photographed, Consent, "is_hidden", "is_recognised")
    search_fields = ("search",)
    search_help_text = gettext_lazy("A name, with or without accents")
    actions = ("hide", "show", "merge", "erase_for_good")
    readonly_fields = ("privacy",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        user = current_user(request)
        approved = visible_references(user).filter(status=Reference.Judgement.APPROVED)
        rows = super().get_queryset(request)
        # Worked out only where a list is ordered by them; for what a page shows, see get_changelist_instance.
        found: QuerySet[Person] = rows.alias(approved=_count(approved), times=_count(counted_faces(user)))
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        return searched(queryset, "search", search_term), False

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Person], *args: Any, **named: Any
    ) -> Any:
        paginator: Any = super().get_paginator(request, queryset, *args, **named)
        if {"times", "-times"} & set(queryset.query.order_by[:1]):
            paginator.numbers = partial(tallies.faces_each, current_user(request))
        return paginator

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The counts and pictures of one page of people, in three queries."""
        changes = super().get_changelist_instance(request)
        user, rows = current_user(request), list(changes.result_list)
        visible = visible_references(user).filter(person__in=[row.pk for row in rows]).order_by()
        approved = visible.filter(status=Reference.Judgement.APPROVED).values_list("person")
        counts = {
            pk: (number, first) for pk, number, first in approved.annotate(number=Count("*"), first=Min("pk"))
        }
        times = changes.paginator.tally
        if times is None:
            faces = counted_faces(user).filter(person__in=[row.pk for row in rows]).order_by()
            times = dict(faces.values_list("person").annotate(number=Count("*")))
        firsts = {row.pk: row.cover_id or counts.get(row.pk, (0, None))[1] for row in rows}
        pictures = visible_references(user).only("sha256")
        found = pictures.in_bulk([pk for pk in firsts.values() if pk])
        for row in rows:
            row.approved, row.times = counts.get(row.pk, (0, None))[0], times.get(row.pk, 0)
            row.shown = found.get(firsts[row.pk])
        changes.result_list = rows
        return changes

    @admin.display(description=gettext_lazy("picture"))
    def face(self, person: Person) -> SafeString | str:
        reference = getattr(person, "shown", None)
        return picture(reference_src(reference, 128), says=person.name) if reference else "–"

    @admin.display(description=gettext_lazy("references"), ordering="approved")
    def approved_count(self, person: Any) -> SafeString:
        return format_html('<a href="../reference/?person__id__exact={}">{}</a>', person.pk, person.approved)

    @admin.display(description=gettext_lazy("faces"), ordering="times")
    def face_count(self, person: Any) -> SafeString:
        return format_html('<a href="../face/?person__id__exact={}">{}</a>', person.pk, person.times)

    @admin.display(description=gettext_lazy("page"))
    def page(self, person: Person) -> SafeString:
        return link(_("on the site"), "person", person.pk)

    @admin.display(description=gettext_lazy("privacy"))
    def privacy(self, person: Person) -> SafeString | str:
        """Where they stand, and the pages on which it is changed."""
        if not person.pk:
            return "–"
        said = _("recognised in photos") if person.may_be_recognised else _("not recognised in photos")
        if person.is_expired:
            said = _("consent has run out, not recognised in photos")
        pages = [
            link(_("Consent"), "person_consent", person.pk),
            link(_("All that is known (for administrators)"), "person_export", person.pk),
        ]
        return format_html("{} · {} · {}", said, *pages)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        person = Person.objects.filter(pk=as_id(object_id) or 0).first()
        more = grid(current_user(request), person) if person else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        user, given = current_user(request), form.cleaned_data
        with told(request):
            if not change:
                obj.pk = people.create(user, given["name"], given["note"]).pk
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
    def hide(self, request: HttpRequest, queryset: QuerySet[Person]) -> HttpResponse | None:
        return choose(request, Kind.HIDE, ids_of(queryset))

    @admin.action(description=gettext_lazy("Show again"))
    def show(self, request: HttpRequest, queryset: QuerySet[Person]) -> HttpResponse | None:
        return choose(request, Kind.SHOW, ids_of(queryset))

    @admin.action(description=gettext_lazy("Merge into one"))
    def merge(self, request: HttpRequest, queryset: QuerySet[Person]) -> HttpResponse | None:
        return choose(request, Kind.MERGE, ids_of(queryset))
