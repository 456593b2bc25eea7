"""Which findings hold after an act, and how bulk acts are taken back. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Case, OuterRef, Q, Subquery, Value, When

from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.history.locking import lock_references
from gallery.models import BulkAct, Event, Finding, Reference, User

BULK_VERBS = [f"bulk.{kind}" for kind in BulkAct.Kind.values]


def undo_bulk_act(user: User, event: Event) -> Mapping[str, Any]:
    from gallery.curation.bulk.services import undo_bulk_act

    return undo_bulk_act(user, event)


def mark_touched_findings(changes: ChangeSet) -> None:
    named = {*changes.changed("reference", "person_id"), *changes.changed("reference", "status")}
    for some in split_into_chunks(sorted(named)):
        mark_outdated_findings(references=some)
    for some in split_into_chunks(changes.touched("finding")):
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
    # Held first, so that what is asked then sees what others have just done to the other reference of the same one.
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
