"""Leases on rows. All times are those of one clock, and no single look at it takes a row from its holder.

A clock may jump. A lease that looks expired, or further ahead than any lease can be, is therefore only doubted at
first and prolonged a little: a holder that lives extends it before the second look, a dead one does not.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from gallery.models import Status, Work
from gallery.queue import clock

Row = TypeVar("Row", bound=Work)
LONGEST_DELAY = timedelta(
    minutes=15
)  # nothing is put off longer: what is due later was dated by a wrong clock
SLACK = timedelta(seconds=60)  # by which a lease may lie too far ahead before it is doubted


class LeaseLost(Exception):
    """Somebody else has taken the row up: this process must not write its result."""


def owner() -> str:
    """This process, as written into leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def _ready(now: datetime) -> Q:
    """Rows nobody works on, with attempts left, that are due."""
    is_due = Q(queued_at__isnull=True) | Q(queued_at__lte=now) | Q(queued_at__gt=now + LONGEST_DELAY)
    return Q(work=Status.QUEUED, attempts__lt=settings.MAX_ATTEMPTS) & is_due


def claim(rows: QuerySet[Row], pk: int) -> Row | None:
    """Take the row if it waits and is due; None if it is not ours to do."""
    now = clock.now()
    taken = rows.filter(_ready(now), pk=pk).update(
        work=Status.PROCESSING,
        lease_owner=owner(),
        lease_until=now + _lease(),
        lease_doubted=False,
        started_at=now,
        finished_at=None,
        failure="",
        attempts=F("attempts") + 1,
    )
    return rows.get(pk=pk) if taken else None


def waiting(rows: QuerySet[Row], limit: int) -> list[int]:
    """Ids of rows that can be claimed, oldest first."""
    ready = rows.filter(_ready(clock.now())).order_by(F("queued_at").asc(nulls_first=True), "pk")
    return list(ready.values_list("pk", flat=True)[:limit])


def recover(rows: QuerySet[Row]) -> None:
    """Doubt leases that look run out; at the second look, let what nobody extended wait again or set it aside."""
    now = clock.now()
    is_odd = Q(lease_until__isnull=True) | Q(lease_until__lt=now) | Q(lease_until__gt=now + _lease() + SLACK)
    odd = rows.filter(is_odd, work=Status.PROCESSING)
    dead = odd.filter(lease_doubted=True)
    dead.filter(attempts__gte=settings.MAX_ATTEMPTS).update(
        work=Status.FAILED,
        failure=_("Working on this stopped the worker twice, so it was set aside. You can try it again."),
        finished_at=now,
        **_NOBODY,
    )
    dead.update(work=Status.QUEUED, **_NOBODY)
    odd.filter(lease_doubted=False).update(lease_doubted=True, lease_until=now + _lease() / 2)


def extend(row: Work) -> None:
    """Prolong the lease; LeaseLost if the row is no longer ours."""
    if not _mine(row).update(lease_until=clock.now() + _lease(), lease_doubted=False):
        raise LeaseLost(f"{type(row).__name__} {row.pk}")


def finish(row: Work, status: Status, failure: str = "") -> None:
    """Give the row up with its result; call inside the transaction that stores the result."""
    done = _mine(row).update(work=status, failure=failure, finished_at=clock.now(), attempts=0, **_NOBODY)
    if not done:
        raise LeaseLost(f"{type(row).__name__} {row.pk}")


def put_back(row: Work, seconds: float, reason: str = "", *, is_counted: bool = False) -> None:
    """Give the row up for now, to be taken again after so many seconds; only if said does the attempt count."""
    _mine(row).update(
        work=Status.QUEUED,
        failure=reason,
        attempts=F("attempts") - (0 if is_counted else 1),
        queued_at=clock.now() + timedelta(seconds=seconds),
        **_NOBODY,
    )


def enqueue(rows: QuerySet[Row], *, delay: float = 0) -> int:
    """Mark rows as waiting afresh (a retry, a re-run); running ones are left alone."""
    return rows.exclude(work=Status.PROCESSING).update(
        work=Status.QUEUED,
        failure="",
        attempts=0,
        queued_at=clock.now() + timedelta(seconds=delay),
        finished_at=None,
        **_NOBODY,
    )


_NOBODY = {"lease_owner": "", "lease_until": None, "lease_doubted": False}


def _mine(row: Row) -> QuerySet[Row]:
    rows: QuerySet[Row] = type(row)._default_manager.all()
    return rows.filter(pk=row.pk, work=Status.PROCESSING, lease_owner=owner(), attempts=row.attempts)
