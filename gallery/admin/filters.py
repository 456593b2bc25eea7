"""Filters of the admin's lists: consent, quality, counts, and what gallery health has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.pagination import parse_id
from gallery.curation.findings import (
    filter_faceless_references,
    filter_poor_references,
    find_people_with_one_reference,
    find_people_without_reference,
    get_open_findings,
)
from gallery.models import Build, Decision, Face, Finding, Person, Reference, ReferenceVector
from gallery.models.querysets import among_ids, get_today
from gallery.privacy.selectors import EXPIRING_SOON_DAYS
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE

LARGE_EYE_DISTANCE = 2 * REFERENCE_SIZE


FilterCondition = Q | Callable[[], Q]  # what takes long to put together is, once it is chosen


class ConditionFilter(admin.SimpleListFilter):
    """A filter whose choices are conditions."""

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, label) for key, (label, _condition) in self.choose(request).items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.choose(request).get(wanted) if (wanted := self.value()) else None
        if chosen is None:
            return queryset
        _label, condition = chosen
        return queryset.filter(condition() if callable(condition) else condition)


class SourceFilter(ConditionFilter):
    title = gettext_lazy("source")
    parameter_name = "source"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        return {
            "face": (_("a face in a photo"), Q(source_face__isnull=False)),
            "file": (_("a file"), Q(source_face__isnull=True)),
        }


class ConsentFilter(ConditionFilter):
    title = gettext_lazy("consent")
    parameter_name = "consent"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        soon = get_today() + timedelta(days=EXPIRING_SOON_DAYS)
        return {
            "expired": (_("run out"), Q(consent_until__lt=get_today())),
            "soon": (_("runs out soon"), Q(consent_until__gte=get_today(), consent_until__lt=soon)),
            "noted": (_("noted"), ~Q(consent_note="") | Q(consent_until__isnull=False)),
            "none": (_("none noted"), Q(consent_note="", consent_until__isnull=True)),
        }


class QualityFilter(ConditionFilter):
    title = gettext_lazy("quality")
    parameter_name = "quality"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        return {
            # Asked with IN: SQLite looks nothing up by a bare truth value.
            "good": (_("good enough"), Q(is_usable__in=[True])),
            "poor": (_("too poor to recognise"), Q(is_usable__in=[False])),
            "large": (_("large"), Q(eyes__gte=LARGE_EYE_DISTANCE)),
            "medium": (_("medium"), Q(eyes__gte=REFERENCE_SIZE, eyes__lt=LARGE_EYE_DISTANCE)),
            "small": (_("small"), Q(eyes__lt=REFERENCE_SIZE)),
            "blurred": (_("blurred"), Q(sharpness__lt=REFERENCE_SHARP)),
            "noisy": (_("noisy"), Q(sharpness__gt=REFERENCE_NOISE)),
            "unmeasured": (_("not measured"), Q(is_usable__isnull=True, quality__isnull=True)),
        }


class EmbedderFilter(ConditionFilter):
    """References that have a vector of an embedder; or none of the one that serves now."""

    title = gettext_lazy("embedder")
    parameter_name = "embedder"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        builds = Build.objects.order_by("embedder_id").values_list("embedder_id", "is_active")
        newest = list(builds.annotate(Max("pk")))
        _pk, serving = max(((pk, embedder) for embedder, active, pk in newest if active), default=(0, ""))
        found: dict[str, tuple[str, FilterCondition]] = {
            embedder: (embedder, partial(self._has_vector, embedder)) for embedder, _active, _pk in newest
        }
        return found | {"none": (_("no vector of the one in use"), lambda: ~self._has_vector(serving))}

    def _has_vector(self, embedder: str) -> Q:
        return Q(Exists(ReferenceVector.objects.filter(reference=OuterRef("pk"), embedder_id=embedder)))


class ReferenceCountFilter(ConditionFilter):
    """People by how many approved references they have."""

    title = gettext_lazy("approved references")
    parameter_name = "references"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        def has(number: int) -> Q:
            rows = Reference.objects.approved().filter(person=OuterRef("pk"))
            return Q(Exists(rows.order_by("pk")[number - 1 : number]))

        return {
            "none": (_("None"), lambda: ~has(1)),
            "one": (_("One"), lambda: has(1) & ~has(2)),
            "more": (_("Two and more"), lambda: has(2)),
        }


class PendingReferencesFilter(ConditionFilter):
    title = gettext_lazy("waiting for a decision")
    parameter_name = "pending"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        def has() -> Q:
            rows = Reference.objects.filter(person=OuterRef("pk"), status=Reference.Judgement.PENDING)
            return Q(Exists(rows))

        return {"yes": (_("References to judge"), has)}


class InPhotosFilter(ConditionFilter):
    title = gettext_lazy("in photos")
    parameter_name = "photos"

    def choose(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        def has() -> Q:
            return Q(Exists(Face.objects.filter(person=OuterRef("pk"))))

        return {"yes": (_("In photos"), has), "no": (_("In no photo"), lambda: ~has())}


class PersonOnPhotoFilter(admin.SimpleListFilter):
    """Photos that one person is in: where the person's page leads to."""

    title = gettext_lazy("person")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        person = self._person()
        return [(str(person.pk), person.name)] if person else []

    def _person(self) -> Person | None:
        wanted = self.used_parameters.get(self.parameter_name)
        return Person.objects.filter(pk=parse_id(str(wanted or "")) or 0).first()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        faces = Face.objects.filter(photo=OuterRef("pk"), person=parse_id(str(self.value())) or 0)
        return queryset.filter(Exists(faces.exclude(decision=Decision.NOT_A_FACE)))


FindingKind = Finding.Kind
REFERENCE_FINDING_KINDS = (
    FindingKind.WRONG,
    FindingKind.UNLIKE,
    FindingKind.DUPLICATE,
    FindingKind.POOR,
    FindingKind.FACELESS,
)


class ReferenceHealthFilter(admin.SimpleListFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(kind), str(kind.label)) for kind in REFERENCE_FINDING_KINDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reference]) -> QuerySet[Reference]:
        wanted = self.value()
        if wanted == FindingKind.POOR:
            return filter_poor_references(queryset)
        if wanted == FindingKind.FACELESS:
            return filter_faceless_references(queryset)
        if wanted not in REFERENCE_FINDING_KINDS:
            return queryset
        columns = ("reference", "other_reference") if wanted == FindingKind.DUPLICATE else ("reference",)
        return queryset.filter(pk__in=_collect_ids(get_open_findings(wanted), *columns))


class PersonHealthFilter(admin.SimpleListFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("bare", str(FindingKind.BARE.label)),
            ("single", str(FindingKind.SINGLE.label)),
            ("wrong", _("A reference that may be wrong")),
            ("confusable", str(FindingKind.CONFUSABLE.label)),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        wanted = self.value()
        if wanted == FindingKind.BARE:
            return queryset.filter(pk__in=_collect_ids(find_people_without_reference(), "pk"))
        if wanted == FindingKind.SINGLE:
            return queryset.filter(pk__in=_collect_ids(find_people_with_one_reference(), "pk"))
        if wanted == "wrong":
            found = get_open_findings().filter(kind__in=(FindingKind.WRONG, FindingKind.UNLIKE))
            return queryset.filter(pk__in=_collect_ids(found, "person"))
        if wanted == FindingKind.CONFUSABLE:
            return queryset.filter(
                pk__in=_collect_ids(get_open_findings(FindingKind.CONFUSABLE), "person", "other_person")
            )
        return queryset


def _collect_ids(found: QuerySet[Any], *columns: str) -> RawSQL:
    """What stands in these columns; found once, while the list asks for its number and for its page."""
    rows = found.order_by().values_list(*columns)
    return among_ids({pk for row in rows for pk in row if pk is not None})
