"""Reads for gallery health: what a curator should look at. Findings come from a check in the worker."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery

from gallery.compiled import count
from gallery.models import Finding, Person, Reference, Status, User
from gallery.recognising import recognisable, today
from gallery.visibility import kept_for, seen_through, visible_references

Judgement = Reference.Judgement
Kind = Finding.Kind
SOURCE = "source_face__photo__album"
WITHOUT_CHECK = (Kind.SINGLE, Kind.BARE, Kind.POOR, Kind.FACELESS)  # told by what there is, at any time
MOST = 100  # a badge says "99+" instead of counting on


def open_findings(kind: str | None = None, user: User | None = None) -> QuerySet[Finding]:
    """What the last check found, nobody has dismissed, and still is so; the worst first.

    What was mended since, or taken back, shows at once, not only after the next check. For a user: without
    pictures from albums for others.
    """
    silent = Person.objects.exclude(recognisable()).order_by().values("pk")
    found = Finding.objects.filter(dismissed_at__isnull=True, is_outdated=False)
    found = found.exclude(person__in=silent).exclude(other_person__in=silent)
    if user is not None:
        found = found.filter(
            seen_through(user, f"reference__{SOURCE}"), seen_through(user, f"other_reference__{SOURCE}")
        )
    found = found.select_related("person", "other_person", "reference", "other_reference")
    return found.filter(kind=kind) if kind else found


def people_with_one_reference(user: User | None = None) -> QuerySet[Person]:
    """People who are recognised by a single picture: nothing backs it up."""
    return people_with(1, user).exclude(pk__in=_dismissed(Kind.SINGLE, "person"))


def people_without_reference(user: User | None = None) -> QuerySet[Person]:
    """People whom no photo can be matched to."""
    return people_with(0, user).exclude(pk__in=_dismissed(Kind.BARE, "person"))


def people_with(references: int, user: User | None = None) -> QuerySet[Person]:
    """Recognised people with so many approved references, whatever was said of it."""
    rows = visible_references(user) if user is not None else Reference.objects.all()
    people = Person.objects.filter(recognisable())
    own = rows.filter(person=OuterRef("pk"), status=Judgement.APPROVED).order_by("pk")
    found = people.filter(~Exists(own[references : references + 1]))  # looks no further than one more
    return found.filter(Exists(own[references - 1 : references])) if references else found


def poor_references(user: User | None = None) -> QuerySet[Reference]:
    """Approved references that are too small, blurred, noisy, dark or turned to be one."""
    return poor(_references(user))


def poor(rows: QuerySet[Reference]) -> QuerySet[Reference]:
    """Of these."""
    found = rows.filter(is_poor=True, status=Judgement.APPROVED)
    return found.exclude(pk__in=_dismissed(Kind.POOR, "reference"))


def faceless_references(user: User | None = None) -> QuerySet[Reference]:
    """References in which no face was found, or whose picture could not be read."""
    return faceless(_references(user))


def faceless(rows: QuerySet[Reference]) -> QuerySet[Reference]:
    """Of these."""
    found = rows.filter(work=Status.FAILED).exclude(status=Judgement.REJECTED)
    return found.exclude(pk__in=_dismissed(Kind.FACELESS, "reference"))


def _references(user: User | None) -> QuerySet[Reference]:
    rows = visible_references(user) if user is not None else Reference.objects.all()
    return rows.select_related("person")


def _dismissed(kind: str, column: str) -> QuerySet[Finding, int]:
    rows = Finding.objects.filter(kind=kind, dismissed_at__isnull=False)
    return rows.filter(**{f"{column}__isnull": False}).values_list(f"{column}_id", flat=True)


def counts(user: User | None = None) -> dict[str, int]:
    """How much there is to look at, by list."""
    found = dict.fromkeys(Kind.values, 0)
    rows = open_findings(user=user).order_by("kind").values_list("kind").annotate(number=Count("pk"))
    return (
        found
        | dict(rows)
        | _people_lacking(user)
        | {
            Kind.POOR.value: poor_references(user).count(),
            Kind.FACELESS.value: faceless_references(user).count(),
        }
    )


def _people_lacking(user: User | None) -> dict[str, int]:
    """People with one reference and with none, counted by going through them once."""
    rows = visible_references(user) if user is not None else Reference.objects.all()
    own = rows.filter(person=OuterRef("pk"), status=Judgement.APPROVED).order_by("pk")
    first = own.order_by().values("person").annotate(first=Min("pk")).values("first")  # out of an index alone
    people = Person.objects.filter(recognisable()).filter(~Exists(own[1:2])).annotate(own=Subquery(first))
    found: dict[str, int] = people.aggregate(
        single=Count("pk", filter=Q(own__isnull=False) & ~Q(pk__in=_dismissed(Kind.SINGLE, "person"))),
        bare=Count("pk", filter=Q(own__isnull=True) & ~Q(pk__in=_dismissed(Kind.BARE, "person"))),
    )
    return {Kind.SINGLE.value: found["single"], Kind.BARE.value: found["bare"]}


def found_in(numbers: dict[str, int]) -> int:
    """How many of the `counts` are findings of the check: what `few` counts."""
    return sum(number for kind, number in numbers.items() if kind not in WITHOUT_CHECK)


def few(user: User) -> int:
    """How many findings wait, counted no further than MOST: for a badge on every page."""
    return count(kept_for(user, "few findings", today(), MOST), partial(_some, user))


def _some(user: User) -> QuerySet[Finding, Any]:
    return open_findings(user=user).order_by().values("pk")[:MOST]
