"""Keeps with each finding whether it still holds, so that lists need not ask for every reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Case, OuterRef, Q, Subquery, Value, When

from gallery.models import Finding, Reference


def mark(*, references: Iterable[int] = (), findings: Iterable[int] = ()) -> None:
    """Work out anew for these findings, and for those that name one of these references, whether they hold.

    Call it in the transaction that changes whose a reference is, or how it was judged; for findings that were made
    otherwise, `settle`.
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


@transaction.atomic
def settle(findings: Sequence[int]) -> None:
    """Work out whether these findings hold. Changes of their references that are not finished are waited for."""
    named = Finding.objects.filter(pk__in=findings).values_list("reference", "other_reference")
    hold({pk for both in named for pk in both if pk})
    mark(findings=findings)


def hold(references: Iterable[int]) -> None:
    """Keep others from changing these references until the transaction ends: all who hold several, in this order."""
    rows = Reference.objects.filter(pk__in=list(references)).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def _still(reference: str, person: str) -> Q:
    """The reference is that person's and searched, where there is one."""
    whose = Reference.objects.filter(pk=OuterRef(reference), status=Reference.Judgement.APPROVED).order_by()
    return Q(**{f"{reference}__isnull": True}) | Q(**{person: Subquery(whose.values("person")[:1])})
