"""Keeps with each finding whether it still holds, so that lists need not ask for every reference."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Case, OuterRef, Q, Subquery, Value, When

from gallery.models import Finding, Reference


def mark(*, references: Iterable[int] = (), findings: Iterable[int] = ()) -> None:
    """Work out anew for these findings, and for those that name one of these references, whether they hold.

    Call it in the transaction that changes whose a reference is, or how it was judged. Whoever makes findings
    holds the references they name (`hold`): else a change that is not finished yet would be missed.
    """
    named = list(references)
    rows = Finding.objects.filter(
        Q(reference__in=named) | Q(other_reference__in=named) | Q(pk__in=list(findings))
    )
    # Held first, so that what is asked then sees what others have just done to the other reference of the same one.
    found = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    holds = _still("reference", "person") & _still("other_reference", "other_person")
    Finding.objects.filter(pk__in=found).update(
        is_outdated=Case(When(holds, then=Value(False)), default=Value(True))
    )


def hold(references: Iterable[int]) -> None:
    """Keep these references from others until the transaction ends."""
    list(
        Reference.objects.select_for_update().filter(pk__in=list(references)).order_by("pk").values_list("pk")
    )


def _still(reference: str, person: str) -> Q:
    """The reference is that person's and searched, where there is one."""
    whose = Reference.objects.filter(pk=OuterRef(reference), status=Reference.Judgement.APPROVED).order_by()
    return Q(**{f"{reference}__isnull": True}) | Q(**{person: Subquery(whose.values("person")[:1])})
