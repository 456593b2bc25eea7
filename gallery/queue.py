"""Sends tasks by name once the transaction has committed, and claims rows by leases.

The broker promises nothing: a message may be lost, doubled or late. What counts is the row. A worker that
wants a row takes a lease on it (who, until when, which attempt) with one conditional UPDATE, extends the lease
while it works, and gives it up with the result. What a dead process leaves is taken up when its lease has run
out; what ended its process `MAX_ATTEMPTS` times is set aside as failed.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import Status, Work

log = logging.getLogger(__name__)
Row = TypeVar("Row", bound=Work)


class LeaseLost(Exception):
    """Somebody else has taken the row up: this process must not write its result."""


def send(task: str, *args: object, countdown: float = 0) -> None:
    """Queue the task after the current transaction; a missing broker loses nothing, the sweep finds the row."""
    transaction.on_commit(lambda: _send(task, args, countdown))


def _send(task: str, args: tuple[object, ...], countdown: float) -> None:
    from kombu.exceptions import OperationalError

    from facesite.celery import app

    try:
        app.send_task(f"gallery.tasks.{task}", args=args, countdown=countdown or None, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("The broker cannot be reached (%s); the sweep will find the work.", error)


def owner() -> str:
    """This process, as written into leases."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def is_free() -> Q:
    """Rows nobody works on: waiting, or held by a lease that has run out."""
    return Q(work=Status.QUEUED) | Q(work=Status.PROCESSING, lease_until__lt=timezone.now())


def claim(rows: QuerySet[Row], pk: int) -> Row | None:
    """Take the row if it is free and has attempts left; None if it is not ours to do."""
    now = timezone.now()
    taken = (
        rows.filter(is_free(), pk=pk, attempts__lt=settings.MAX_ATTEMPTS)
        .filter(Q(queued_at__isnull=True) | Q(queued_at__lte=now))
        .update(
            work=Status.PROCESSING,
            lease_owner=owner(),
            lease_until=_lease_end(),
            started_at=now,
            finished_at=None,
            attempts=F("attempts") + 1,
        )
    )
    return rows.get(pk=pk) if taken else None


def set_aside(rows: QuerySet[Row]) -> int:
    """Rows that ended their worker too often become failed, with a reason for people."""
    reason = _("Working on this stopped the worker twice, so it was set aside. You can try it again.")
    spent = rows.filter(work=Status.PROCESSING, lease_until__lt=timezone.now())
    return spent.filter(attempts__gte=settings.MAX_ATTEMPTS).update(
        work=Status.FAILED, failure=reason, finished_at=timezone.now(), lease_owner="", lease_until=None
    )


def waiting(rows: QuerySet[Row], limit: int) -> list[int]:
    """Ids of free rows, oldest first."""
    free = rows.filter(is_free(), attempts__lt=settings.MAX_ATTEMPTS)
    free = free.filter(Q(queued_at__isnull=True) | Q(queued_at__lte=timezone.now()))
    return list(
        free.order_by(F("queued_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:limit]
    )


def extend(row: Work) -> None:
    """Prolong the lease; LeaseLost if the row is no longer ours."""
    mine = type(row)._default_manager.filter(pk=row.pk, work=Status.PROCESSING, lease_owner=owner())
    if not mine.filter(attempts=row.attempts).update(lease_until=_lease_end()):
        raise LeaseLost(f"{type(row).__name__} {row.pk}")


@contextmanager
def held(row: Work) -> Iterator[None]:
    """Keep extending the row's lease from a thread while the block runs."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(settings.LEASE_SECONDS / 4):
            try:
                extend(row)
            except LeaseLost:
                break
            except DatabaseError as error:
                log.warning("The lease could not be extended: %s", error)
            finally:
                close_old_connections()

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def finish(row: Work, status: Status, failure: str = "") -> None:
    """Give the row up with its result; call inside the transaction that stores the result."""
    mine = type(row)._default_manager.filter(pk=row.pk, work=Status.PROCESSING, lease_owner=owner())
    done = mine.filter(attempts=row.attempts).update(
        work=status, failure=failure, finished_at=timezone.now(), lease_owner="", lease_until=None, attempts=0
    )
    if not done:
        raise LeaseLost(f"{type(row).__name__} {row.pk}")


def put_back(row: Work, seconds: float) -> None:
    """Give the row up for now, to be taken again after so many seconds; the attempt does not count."""
    mine = type(row)._default_manager.filter(pk=row.pk, work=Status.PROCESSING, lease_owner=owner())
    mine.update(
        work=Status.QUEUED,
        lease_owner="",
        lease_until=None,
        attempts=F("attempts") - 1,
        queued_at=timezone.now() + timedelta(seconds=seconds),
    )


def enqueue(rows: QuerySet[Row], *, delay: float = 0) -> int:
    """Mark rows as waiting afresh (a retry, a re-run); running ones are left alone."""
    return rows.exclude(work=Status.PROCESSING).update(
        work=Status.QUEUED,
        failure="",
        attempts=0,
        queued_at=timezone.now() + timedelta(seconds=delay),
        finished_at=None,
        lease_owner="",
        lease_until=None,
    )
