"""Gallery health: what a curator should look at, list by list. Findings come from a check in the worker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery

from gallery.models import Finding, Person, Reference, Status, User
from gallery.models.querysets import SOURCE_ALBUM_PATH, visible_album_q

Judgement = Reference.Judgement
FindingKind = Finding.Kind
KINDS_WITHOUT_CHECK = (
    FindingKind.SINGLE,
    FindingKind.BARE,
    FindingKind.POOR,
    FindingKind.FACELESS,
)  # told by what there is, at any time
MAX_BADGE_COUNT = 100  # a badge says "99+" instead of counting on


def get_open_findings(kind: str | None = None, user: User | None = None) -> QuerySet[Finding]:
    """What the last check found, nobody has dismissed, and still is so; the worst first.

    What was mended since, or taken back, shows at once, not only after the next check. For a user: without
    pictures from albums for others.
    """
    silent = Person.objects.not_recognisable().order_by().values("pk")
    found = Finding.objects.filter(dismissed_at__isnull=True, is_outdated=False)
    found = found.exclude(person__in=silent).exclude(other_person__in=silent)
    if user is not None:
        found = found.filter(
            visible_album_q(user, f"reference__{SOURCE_ALBUM_PATH}"),
            visible_album_q(user, f"other_reference__{SOURCE_ALBUM_PATH}"),
        )
    found = found.select_related("person", "other_person", "reference", "other_reference")
    return found.filter(kind=kind) if kind else found


def find_people_with_one_reference(user: User | None = None) -> QuerySet[Person]:
    """People who are recognised by a single picture: nothing backs it up."""
    return find_people_with_references(1, user).exclude(
        pk__in=_get_dismissed_ids(FindingKind.SINGLE, "person")
    )


def find_people_without_reference(user: User | None = None) -> QuerySet[Person]:
    """People whom no photo can be matched to."""
    return find_people_with_references(0, user).exclude(pk__in=_get_dismissed_ids(FindingKind.BARE, "person"))


def find_people_with_references(references: int, user: User | None = None) -> QuerySet[Person]:
    """Recognised people with so many approved references, whatever was said of it."""
    rows = Reference.objects.visible_to(user) if user is not None else Reference.objects.all()
    people = Person.objects.recognisable()
    own = rows.approved().filter(person=OuterRef("pk")).order_by("pk")
    found = people.filter(~Exists(own[references : references + 1]))  # looks no further than one more
    return found.filter(Exists(own[references - 1 : references])) if references else found


def find_poor_references(user: User | None = None) -> QuerySet[Reference]:
    """Approved references that are too small, blurred, noisy, dark or turned to be one."""
    return filter_poor_references(_get_references(user))


def filter_poor_references(rows: QuerySet[Reference]) -> QuerySet[Reference]:
    """Of these."""
    found = rows.filter(is_poor=True, status=Judgement.APPROVED)
    return found.exclude(pk__in=_get_dismissed_ids(FindingKind.POOR, "reference"))


def find_faceless_references(user: User | None = None) -> QuerySet[Reference]:
    """References in which no face was found, or whose picture could not be read."""
    return filter_faceless_references(_get_references(user))


def filter_faceless_references(rows: QuerySet[Reference]) -> QuerySet[Reference]:
    """Of these."""
    found = rows.filter(work=Status.FAILED).exclude(status=Judgement.REJECTED)
    return found.exclude(pk__in=_get_dismissed_ids(FindingKind.FACELESS, "reference"))


def _get_references(user: User | None) -> QuerySet[Reference]:
    rows = Reference.objects.visible_to(user) if user is not None else Reference.objects.all()
    return rows.select_related("person")


def _get_dismissed_ids(kind: str, column: str) -> QuerySet[Finding, int]:
    rows = Finding.objects.filter(kind=kind, dismissed_at__isnull=False)
    return rows.filter(**{f"{column}__isnull": False}).values_list(f"{column}_id", flat=True)


def count_worklist_items(user: User | None = None) -> dict[str, int]:
    """How much there is to look at, by list."""
    found = dict.fromkeys(FindingKind.values, 0)
    rows = get_open_findings(user=user).order_by("kind").values_list("kind").annotate(number=Count("pk"))
    return (
        found
        | dict(rows)
        | _count_people_lacking_references(user)
        | {
            FindingKind.POOR.value: find_poor_references(user).count(),
            FindingKind.FACELESS.value: find_faceless_references(user).count(),
        }
    )


def _count_people_lacking_references(user: User | None) -> dict[str, int]:
    """People with one reference and with none, counted by going through them once."""
    rows = Reference.objects.visible_to(user) if user is not None else Reference.objects.all()
    own = rows.approved().filter(person=OuterRef("pk")).order_by("pk")
    first = own.order_by().values("person").annotate(first=Min("pk")).values("first")  # out of an index alone
    people = Person.objects.recognisable().filter(~Exists(own[1:2])).annotate(own=Subquery(first))
    found: dict[str, int] = people.aggregate(
        single=Count(
            "pk", filter=Q(own__isnull=False) & ~Q(pk__in=_get_dismissed_ids(FindingKind.SINGLE, "person"))
        ),
        bare=Count(
            "pk", filter=Q(own__isnull=True) & ~Q(pk__in=_get_dismissed_ids(FindingKind.BARE, "person"))
        ),
    )
    return {FindingKind.SINGLE.value: found["single"], FindingKind.BARE.value: found["bare"]}


def count_check_findings(numbers: dict[str, int]) -> int:
    """How many of the `counts` are findings of the check: what `few` counts."""
    return sum(number for kind, number in numbers.items() if kind not in KINDS_WITHOUT_CHECK)


def count_findings_for_badge(user: User) -> int:
    """How many findings wait, counted no further than MOST: for a badge on every page."""
    return get_open_findings(user=user).order_by()[:MAX_BADGE_COUNT].count()


WorklistName = Finding.Kind
REFERENCE_KINDS = (WorklistName.POOR, WorklistName.FACELESS)
PEOPLE_KINDS = (WorklistName.SINGLE, WorklistName.BARE)
WorklistRow = Finding | Reference | Person


@dataclass(frozen=True, slots=True)
class WorklistItem:
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


def get_worklist_rows(kind: str, user: User) -> QuerySet[Finding] | QuerySet[Reference] | QuerySet[Person]:
    """The rows of one list that are open, for this user."""
    if kind == WorklistName.POOR:
        return find_poor_references(user)
    if kind == WorklistName.FACELESS:
        return find_faceless_references(user)
    if kind == WorklistName.SINGLE:
        return find_people_with_one_reference(user)
    if kind == WorklistName.BARE:
        return find_people_without_reference(user)
    return get_open_findings(kind, user)


def build_worklist_items(kind: str, rows: Iterable[WorklistRow]) -> list[WorklistItem]:
    return [_build_worklist_item(kind, row) for row in rows]


def _build_worklist_item(kind: str, row: WorklistRow) -> WorklistItem:
    if isinstance(row, Finding):
        return WorklistItem(
            kind, row.pk, row.person, row.reference, row.other_person, row.other_reference, finding=row
        )
    if isinstance(row, Reference):
        return WorklistItem(kind, row.pk, row.person, row)
    return WorklistItem(kind, row.pk, row)


def find_worklist_items(kind: str, ids: Iterable[int], user: User) -> list[WorklistItem]:
    """These, open or dealt with, as far as the user may see them; a later check may have dropped some."""
    return build_worklist_items(kind, _get_all_rows(kind, user).filter(pk__in=list(ids)))


def _get_all_rows(kind: str, user: User) -> QuerySet[Finding] | QuerySet[Reference] | QuerySet[Person]:
    if kind in REFERENCE_KINDS:
        return Reference.objects.visible_to(user).select_related("person")
    if kind in PEOPLE_KINDS:
        return Person.objects.all()
    shown = Q(visible_album_q(user, f"reference__{SOURCE_ALBUM_PATH}"))
    shown &= visible_album_q(user, f"other_reference__{SOURCE_ALBUM_PATH}")
    found = Finding.objects.filter(shown, kind=kind)
    return found.select_related("person", "other_person", "reference", "other_reference")
