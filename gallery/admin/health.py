"""A filter for the admin's lists: what gallery health has to say of references and of people."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import health
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
        found = health.open_findings(wanted)
        is_in = Q(pk__in=found.values("reference"))
        if wanted == Kind.DUPLICATE:
            is_in |= Q(pk__in=found.values("other_reference"))
        return queryset.filter(is_in)


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
            return queryset.filter(pk__in=health.people_without_reference().values("pk"))
        if wanted == Kind.SINGLE:
            return queryset.filter(pk__in=health.people_with_one_reference().values("pk"))
        if wanted == "wrong":
            found = health.open_findings().filter(kind__in=(Kind.WRONG, Kind.UNLIKE))
            return queryset.filter(pk__in=found.values("person"))
        if wanted == Kind.CONFUSABLE:
            found = health.open_findings(Kind.CONFUSABLE)
            return queryset.filter(Q(pk__in=found.values("person")) | Q(pk__in=found.values("other_person")))
        return queryset
