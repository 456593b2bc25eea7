"""One thing to look at, of whichever list: a finding of the check, a poor reference, a person with too few."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from gallery.health import lists
from gallery.models import Finding, Person, Reference, User
from gallery.visibility import seen_through, visible_references

Kind = Finding.Kind
OF_REFERENCES = (Kind.POOR, Kind.FACELESS)
OF_PEOPLE = (Kind.SINGLE, Kind.BARE)
Row = Finding | Reference | Person


@dataclass(frozen=True, slots=True)
class Matter:
    kind: str
    pk: int  # of the finding, the reference or the person, by the list
    person: Person
    reference: Reference | None = None
    other_person: Person | None = None
    other_reference: Reference | None = None
    finding: Finding | None = None

    @property
    def weight(self) -> float:
        return self.finding.weight if self.finding else 0.0

    @property
    def subject(self) -> tuple[str, int]:
        """What its history is found by."""
        return ("reference", self.reference.pk) if self.reference else ("person", self.person.pk)


def rows_of(kind: str, user: User) -> QuerySet[Finding] | QuerySet[Reference] | QuerySet[Person]:
    """The rows of one list that are open, for this user."""
    if kind == Kind.POOR:
        return lists.poor_references(user)
    if kind == Kind.FACELESS:
        return lists.faceless_references(user)
    if kind == Kind.SINGLE:
        return lists.people_with_one_reference(user)
    if kind == Kind.BARE:
        return lists.people_without_reference(user)
    return lists.open_findings(kind, user)


def matters_of(kind: str, rows: Iterable[Row]) -> list[Matter]:
    return [_matter(kind, row) for row in rows]


def _matter(kind: str, row: Row) -> Matter:
    if isinstance(row, Finding):
        return Matter(
            kind, row.pk, row.person, row.reference, row.other_person, row.other_reference, finding=row
        )
    if isinstance(row, Reference):
        return Matter(kind, row.pk, row.person, row)
    return Matter(kind, row.pk, row)


def find(kind: str, ids: Iterable[int], user: User) -> list[Matter]:
    """These, open or dealt with, as far as the user may see them; a later check may have dropped some."""
    return matters_of(kind, _all(kind, user).filter(pk__in=list(ids)))


def _all(kind: str, user: User) -> QuerySet[Finding] | QuerySet[Reference] | QuerySet[Person]:
    if kind in OF_REFERENCES:
        return visible_references(user).select_related("person")
    if kind in OF_PEOPLE:
        return Person.objects.all()
    shown = Q(seen_through(user, f"reference__{lists.SOURCE}"))
    shown &= seen_through(user, f"other_reference__{lists.SOURCE}")
    found = Finding.objects.filter(shown, kind=kind)
    return found.select_related("person", "other_person", "reference", "other_reference")
