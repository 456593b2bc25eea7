"""Gallery health: what a curator should look at, list by list, and whether it still holds.

Some kinds are found by a check in the worker and stored; the others are read from people and their references at any
time, and stored only once somebody has dismissed them. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.history.locking import lock_references
from gallery.index.switch import filter_unsearched_references
from gallery.models import Finding, Person, Reference, Status, User
from gallery.models.querysets import SOURCE_PHOTO_PATH, ReferenceQuerySet, visible_photo_q

FindingKind = Finding.Kind
CHECKED_KINDS = (FindingKind.WRONG, FindingKind.UNLIKE, FindingKind.DUPLICATE, FindingKind.CONFUSABLE)
REFERENCE_KINDS = (FindingKind.WAITING, FindingKind.POOR, FindingKind.FACELESS, FindingKind.UNSEARCHED)
# Kinds about people, and how many approved references these people have
REFERENCE_COUNTS: dict[str, int] = {FindingKind.SINGLE: 1, FindingKind.BARE: 0}
MAX_BADGE_COUNT = 100  # a badge says "99+" instead of counting on


def get_worklist_rows(kind: str, user: User | None = None) -> QuerySet[Any]:
    """The open rows of one list: findings of the check, references, or people."""
    if kind in REFERENCE_KINDS:
        return filter_doubtful_references(kind, _get_references(user)).select_related("person")
    if kind in REFERENCE_COUNTS:
        people = find_people_with_references(REFERENCE_COUNTS[kind], user)
        return people.exclude(pk__in=_get_dismissed_ids(kind, "person"))
    return get_open_findings(kind, user)


def get_open_findings(kind: str | None = None, user: User | None = None) -> QuerySet[Finding]:
    """What the last check found, nobody has dismissed, and still is so; the worst first.

    What was mended since, or taken back, shows at once, not only after the next check. For a user: without
    pictures from albums for others.
    """
    silent = Person.objects.not_recognisable().order_by().values("pk")
    found = _get_findings(user).filter(dismissed_at__isnull=True, is_outdated=False)
    found = found.exclude(person__in=silent).exclude(other_person__in=silent)
    return found.filter(kind=kind) if kind else found


def _get_findings(user: User | None) -> QuerySet[Finding]:
    found = Finding.objects.select_related("person", "other_person", "reference", "other_reference")
    if user is None:
        return found
    return found.filter(
        visible_photo_q(user, f"reference__{SOURCE_PHOTO_PATH}"),
        visible_photo_q(user, f"other_reference__{SOURCE_PHOTO_PATH}"),
    )


def _get_references(user: User | None) -> ReferenceQuerySet:
    return Reference.objects.all() if user is None else Reference.objects.visible_to(user)


def find_people_with_references(references: int, user: User | None = None) -> QuerySet[Person]:
    """Recognisable people with exactly so many approved references, dismissed or not."""
    own = _get_references(user).approved().filter(person=OuterRef("pk")).order_by("pk")
    found = Person.objects.recognisable().filter(~Exists(own[references : references + 1]))
    return found.filter(Exists(own[references - 1 : references])) if references else found


def filter_doubtful_references(kind: str, rows: QuerySet[Reference]) -> QuerySet[Reference]:
    """Of these, those that wait to be approved; the poor ones: approved, but too small, blurred, noisy, dark or
    turned; or those without a face that could be found, or whose picture could not be read; or those that
    `filter_unsearched_references` finds."""
    if kind == FindingKind.WAITING:
        return rows.filter(status=Reference.Judgement.PENDING, work=Status.DONE)
    if kind == FindingKind.POOR:
        found = rows.filter(is_poor=True, status=Reference.Judgement.APPROVED)
    elif kind == FindingKind.UNSEARCHED:
        found = filter_unsearched_references(rows)
    else:
        found = rows.filter(work=Status.FAILED).exclude(status=Reference.Judgement.REJECTED)
    return found.exclude(pk__in=_get_dismissed_ids(kind, "reference"))


def _get_dismissed_ids(kind: str, column: str) -> QuerySet[Finding, int]:
    rows = Finding.objects.filter(kind=kind, dismissed_at__isnull=False)
    return rows.filter(**{f"{column}__isnull": False}).values_list(f"{column}_id", flat=True)


def count_worklist_items(user: User | None = None) -> dict[str, int]:
    """How much there is to look at, by list."""
    checked = get_open_findings(user=user).order_by().values_list("kind").annotate(Count("pk"))
    read = {kind: get_worklist_rows(kind, user).count() for kind in (*REFERENCE_KINDS, *REFERENCE_COUNTS)}
    return dict.fromkeys(FindingKind.values, 0) | dict(checked) | read


def count_findings_for_badge(user: User) -> int:
    """How many findings of the check wait, counted up to the most that a badge says, as it is on every page."""
    return get_open_findings(user=user).order_by()[:MAX_BADGE_COUNT].count()


def find_worklist_items(kind: str, ids: Iterable[int], user: User) -> list[Finding]:
    """These, open or dealt with, as far as the user may see them; a later check may have dropped some."""
    rows: QuerySet[Any] = _get_findings(user).filter(kind=kind)
    if kind in REFERENCE_KINDS:
        rows = Reference.objects.visible_to(user).select_related("person")
    elif kind in REFERENCE_COUNTS:
        rows = Person.objects.all()
    return [build_finding(kind, row) for row in rows.filter(pk__in=list(ids))]


def build_finding(kind: str, row: Finding | Reference | Person) -> Finding:
    """A row of a list as a finding, which is not stored where it is read from a reference or a person."""
    if isinstance(row, Finding):
        return row
    if isinstance(row, Reference):
        return Finding(kind=kind, person=row.person, reference=row, similarity=0)
    return Finding(kind=kind, person=row, similarity=0)


def mark_touched_findings(changes: ChangeSet) -> None:
    for some in split_into_chunks(changes.list_changed_ids("reference", "person_id", "status")):
        mark_outdated_findings(references=some)
    for some in split_into_chunks(changes.list_written_ids("finding")):
        mark_outdated_findings(findings=some)


def mark_outdated_findings(*, references: Iterable[int] = (), findings: Iterable[int] = ()) -> None:
    """Work out anew for these findings, and for those that name one of these references, whether they hold.

    Call it in the transaction that changes whose a reference is, or how it was judged; for findings that were made
    otherwise, `settle_findings`.
    """
    named = list(references)
    rows = Finding.objects.filter(
        Q(reference__in=named) | Q(other_reference__in=named) | Q(pk__in=list(findings))
    )
    # Locked first, so that the update sees what others have just done to the other reference of the same finding.
    found = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    holds = _is_still_of_person("reference", "person") & _is_still_of_person(
        "other_reference", "other_person"
    )
    Finding.objects.filter(pk__in=found).update(
        is_outdated=Case(When(holds, then=Value(False)), default=Value(True))
    )


@transaction.atomic
def settle_findings(findings: Sequence[int]) -> None:
    """Work out whether these findings hold. Changes of their references that are not finished are waited for."""
    named = Finding.objects.filter(pk__in=findings).values_list("reference", "other_reference")
    lock_references({pk for both in named for pk in both if pk})
    mark_outdated_findings(findings=findings)


def _is_still_of_person(reference: str, person: str) -> Q:
    """The reference is that person's and searched, where there is one."""
    whose = Reference.objects.approved().filter(pk=OuterRef(reference)).order_by()
    return Q(**{f"{reference}__isnull": True}) | Q(**{person: Subquery(whose.values("person")[:1])})
