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
    wanted = list(rows.exclude(work__in=BUSY).order_by("pk").values_list("pk", flat=True))
    first, at, ids = len(ledger.groups), queue.now(), list[int]()
    for some in chunks(wanted):
        resting = rows_of(rows.model, some).exclude(work__in=BUSY).select_for_update()
        held = list(resting.values_list("pk", flat=True))  # nobody else's by now
        ledger.update(rows_of(rows.model, held), work=Status.QUEUED, failure="", attempts=0)
        rows_of(rows.model, held).update(queued_at=at)
        ids += held
    for group in ledger.groups[first:]:  # by this it is known whether they still wait because of this act
        group["after"]["queued_at"] = at.isoformat()
    return ids
