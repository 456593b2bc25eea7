"""Filters of the admin's lists: consent, quality, counts, and what gallery health has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.pagination import find_by_id, parse_id
from gallery.core.permissions import current_user
from gallery.curation.findings import (
    FindingKind,
    filter_doubtful_references,
    get_worklist_rows,
)
from gallery.models import Album, Build, Decision, Face, Person, Photo, Reference, ReferenceVector, User
from gallery.models.querysets import among_ids, get_today, visible_photo_q
from gallery.privacy.selectors import EXPIRING_SOON_DAYS
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE

LARGE_EYE_DISTANCE = 2 * REFERENCE_SIZE


# A condition, or a function that narrows the rows where a condition would have to be asked for first.
FilterCondition = Q | Callable[[QuerySet[Any]], QuerySet[Any]]


class ConditionFilter(admin.SimpleListFilter):
    """A filter whose choices are conditions."""

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, str(label)) for key, (label, _condition) in self.list_conditions(request).items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.list_conditions(request).get(wanted) if (wanted := self.value()) else None
        if chosen is None:
            return queryset
        _label, condition = chosen
        return condition(queryset) if callable(condition) else queryset.filter(condition)


class SourceFilter(ConditionFilter):
    title = gettext_lazy("source")
    parameter_name = "source"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        return {
            "face": (_("a face in a photo"), Q(source_face__isnull=False)),
            "file": (_("a file"), Q(source_face__isnull=True)),
        }


class ConsentFilter(ConditionFilter):
    title = gettext_lazy("consent")
    parameter_name = "consent"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
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

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
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

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        builds = Build.objects.order_by("embedder_id").values_list("embedder_id", "is_active")
        newest = list(builds.annotate(Max("pk")))
        _pk, serving = max(((pk, embedder) for embedder, active, pk in newest if active), default=(0, ""))
        found = {embedder: (embedder, self._has_vector(embedder)) for embedder, _active, _pk in newest}
        return found | {"none": (_("no vector of the one in use"), ~self._has_vector(serving))}

    def _has_vector(self, embedder: str) -> Q:
        return Q(Exists(ReferenceVector.objects.filter(reference=OuterRef("pk"), embedder_id=embedder)))


class ReferenceCountFilter(ConditionFilter):
    """People by how many approved references they have."""

    title = gettext_lazy("approved references")
    parameter_name = "references"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        seen = Reference.objects.visible_to(current_user(request))
        rows = seen.approved().filter(person=OuterRef("pk")).order_by("pk")
        has_one, has_two = Q(Exists(rows[0:1])), Q(Exists(rows[1:2]))
        return {
            "none": (_("None"), ~has_one),
            "one": (_("One"), has_one & ~has_two),
            "more": (_("Two and more"), has_two),
        }


class PendingReferencesFilter(ConditionFilter):
    title = gettext_lazy("waiting for a decision")
    parameter_name = "pending"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        seen = Reference.objects.visible_to(current_user(request))
        rows = seen.filter(person=OuterRef("pk"), status=Reference.Judgement.PENDING)
        return {"yes": (_("References to judge"), Q(Exists(rows)))}


class InPhotosFilter(ConditionFilter):
    title = gettext_lazy("in photos")
    parameter_name = "photos"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, Q]]:
        seen = Face.objects.filter(visible_photo_q(current_user(request), "photo"))
        is_in_photos = Q(Exists(seen.filter(person=OuterRef("pk"))))
        return {"yes": (_("In photos"), is_in_photos), "no": (_("In no photo"), ~is_in_photos)}


class PersonOnPhotoFilter(admin.SimpleListFilter):
    """Photos that one person is in: where the person's page leads to."""

    title = gettext_lazy("person")
    parameter_name = "person"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        wanted = self.used_parameters.get(self.parameter_name)
        people = Person.objects.filter(pk=parse_id(str(wanted or "")) or 0)
        return [(str(person.pk), person.label) for person in people]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (wanted := self.value()):
            return queryset
        faces = Face.objects.filter(photo=OuterRef("pk"), person=parse_id(str(wanted)) or 0)
        return queryset.filter(Exists(faces.exclude(decision=Decision.NOT_A_FACE)))


class AlbumFilter(admin.SimpleListFilter):
    """Photos in no album, and those of one that the user sees: where the album's row leads to."""

    title = gettext_lazy("album")
    parameter_name = "album"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.albums = Album.objects.visible_to(current_user(request))
        chosen = find_by_id(self.albums, self.used_parameters.get(self.parameter_name))
        return [("none", _("none")), *([(str(chosen.pk), chosen.name)] if chosen else [])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (wanted := self.value()):
            return queryset
        if wanted == "none":
            return queryset.filter(albums=None)
        return queryset.filter(pk__in=Photo.objects.filter(albums=find_by_id(self.albums, wanted) or 0))


def _keep_found(user: User, *columns: str, kinds: Sequence[str]) -> Callable[[QuerySet[Any]], QuerySet[Any]]:
    """Keeps the rows that stand in these columns; found once, while the list asks for its number and its page."""

    def filter_rows(rows: QuerySet[Any]) -> QuerySet[Any]:
        found = (
            row for kind in kinds for row in get_worklist_rows(kind, user).order_by().values_list(*columns)
        )
        return rows.filter(pk__in=among_ids({pk for row in found for pk in row if pk is not None}))

    return filter_rows


class ReferenceHealthFilter(ConditionFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        user = current_user(request)
        conditions: dict[FindingKind, FilterCondition] = {
            FindingKind.WAITING: partial(filter_doubtful_references, FindingKind.WAITING),
            FindingKind.WRONG: _keep_found(user, "reference", kinds=[FindingKind.WRONG]),
            FindingKind.UNLIKE: _keep_found(user, "reference", kinds=[FindingKind.UNLIKE]),
            FindingKind.DUPLICATE: _keep_found(
                user, "reference", "other_reference", kinds=[FindingKind.DUPLICATE]
            ),
            FindingKind.POOR: partial(filter_doubtful_references, FindingKind.POOR),
            FindingKind.FACELESS: partial(filter_doubtful_references, FindingKind.FACELESS),
            FindingKind.UNSEARCHED: partial(filter_doubtful_references, FindingKind.UNSEARCHED),
        }
        return {str(kind): (str(kind.label), condition) for kind, condition in conditions.items()}


class PersonHealthFilter(ConditionFilter):
    title = gettext_lazy("health")
    parameter_name = "health"

    def list_conditions(self, request: HttpRequest) -> Mapping[str, tuple[str, FilterCondition]]:
        user = current_user(request)
        wrong = (FindingKind.WRONG, FindingKind.UNLIKE)
        alike = _keep_found(user, "person", "other_person", kinds=[FindingKind.CONFUSABLE])
        return {
            "bare": (str(FindingKind.BARE.label), _keep_found(user, "pk", kinds=[FindingKind.BARE])),
            "single": (str(FindingKind.SINGLE.label), _keep_found(user, "pk", kinds=[FindingKind.SINGLE])),
            "wrong": (_("A reference that may be wrong"), _keep_found(user, "person", kinds=wrong)),
            "confusable": (str(FindingKind.CONFUSABLE.label), alike),
        }
