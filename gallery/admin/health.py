"""A filter for the admin's lists: what gallery health has to say of references and of people."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Value
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import health
from gallery.admin.paging import NARROWED
from gallery.compiled import among
from gallery.models import Finding, Person, Reference

Kind = Finding.Kind
OF_REFERENCES = (Kind.WRONG, Kind.UNLIKE, Kind.DUPLICATE, Kind.POOR, Kind.FACELESS)


class ReferenceHealth(admin.SimpleListFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(kind), str(kind.label)) for kind in OF_REFERENCES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reference]) -> QuerySet[Reference]:
        wanted = self.value()
        if wanted == Kind.POOR:
            return health.poor(queryset)
        if wanted == Kind.FACELESS:
            return health.faceless(queryset)
        if wanted not in OF_REFERENCES:
            return queryset
        columns = ("reference", "other_reference") if wanted == Kind.DUPLICATE else ("reference",)
        named = queryset.filter(pk__in=_named(health.open_findings(wanted), *columns))
        found: QuerySet[Reference] = named.alias(**{NARROWED: Value(1)})
        return found


class PersonHealth(admin.SimpleListFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("bare", str(Kind.BARE.label)),
            ("single", str(Kind.SINGLE.label)),
            ("wrong", _("A reference that may be wrong")),
            ("confusable", str(Kind.CONFUSABLE.label)),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        wanted = self.value()
        if wanted == Kind.BARE:
            return queryset.filter(pk__in=_named(health.people_without_reference(), "pk"))
        if wanted == Kind.SINGLE:
            return queryset.filter(pk__in=_named(health.people_with_one_reference(), "pk"))
        if wanted == "wrong":
            found = health.open_findings().filter(kind__in=(Kind.WRONG, Kind.UNLIKE))
            return queryset.filter(pk__in=_named(found, "person"))
        if wanted == Kind.CONFUSABLE:
            return queryset.filter(
                pk__in=_named(health.open_findings(Kind.CONFUSABLE), "person", "other_person")
            )
        return queryset


def _named(found: QuerySet[Any], *columns: str) -> RawSQL:
    """What stands in these columns; found once, while the list asks for its number and for its page."""
    rows = found.order_by().values_list(*columns)
    return among({pk for row in rows for pk in row if pk is not None})
