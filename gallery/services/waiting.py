"""Letting rows wait for the worker once more, so that it can be taken back.

Taken back, what the worker has not begun is as it was before: done, or failed with its reason. What it has begun or
done stands.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from gallery import queue
from gallery.models import Status
from gallery.services.ledger import Ledger, chunks, rows_of

BUSY = (Status.QUEUED, Status.PROCESSING)


def wait_again(ledger: Ledger, rows: QuerySet[Any]) -> list[int]:
    """Those of the rows that neither wait nor run; their ids. Inside a transaction, `followup.after` to come."""
    resting = rows.exclude(work__in=BUSY).order_by("pk")
    ids = list(resting.select_for_update(of=("self",)).values_list("pk", flat=True))
    first, at = len(ledger.groups), queue.now()
    for some in chunks(ids):
        again = rows_of(rows.model, some)
        ledger.update(again, work=Status.QUEUED, failure="", attempts=0)
        again.update(queued_at=at)
    for group in ledger.groups[first:]:  # by this it is known whether they still wait because of this act
        group["after"]["queued_at"] = at.isoformat()
    return ids
