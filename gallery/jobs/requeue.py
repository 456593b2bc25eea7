"""Queues rows once more within a change set, so that it can be undone."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.db.models import QuerySet

from gallery.history.changeset import ChangeSet, query_rows, split_into_chunks
from gallery.jobs import dispatch, leases
from gallery.jobs.registry import JOB_KINDS
from gallery.models import Status
from gallery.models.failures import NO_FAILURE

MAX_SENT_JOBS = 500  # messages; the sweep finds the rest
BUSY_STATUSES = (Status.QUEUED, Status.PROCESSING)


def requeue_rows(ledger: ChangeSet, rows: QuerySet[Any]) -> list[int]:
    """Those of the rows that neither wait nor run; their ids. Inside a transaction, `apply_effects` to come."""
    wanted = list(rows.exclude(work__in=BUSY_STATUSES).order_by("pk").values_list("pk", flat=True))
    first, at, ids = len(ledger.groups), leases.get_database_time(), list[int]()
    for some in split_into_chunks(wanted):
        resting = query_rows(rows.model, some).exclude(work__in=BUSY_STATUSES).select_for_update()
        held = list(resting.values_list("pk", flat=True))  # nobody else's by now
        ledger.update(query_rows(rows.model, held), work=Status.QUEUED, attempts=0, **NO_FAILURE)
        query_rows(rows.model, held).update(queued_at=at)
        ids += held
    for group in ledger.groups[first:]:  # by this it is known whether they still wait because of this act
        group["after"]["queued_at"] = at.isoformat()
    return ids


def send_requeued_jobs(changes: ChangeSet) -> None:
    """Tell the workers of rows that an act lets wait."""
    for kind in JOB_KINDS.values():
        for pk in islice(changes.changed(kind.model._meta.model_name or "", "work"), MAX_SENT_JOBS):
            dispatch.send_task(kind.task, pk)
