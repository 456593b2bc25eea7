"""Claims rows by leases, extends and releases them.

The broker promises nothing: a message may be lost, doubled or late. What counts is the row. A worker takes a
lease on it (who, until when, which attempt) with one conditional UPDATE, extends the lease while it works,
and gives it up with the result. A lease that looks expired is doubted first and only taken away at the second
look, because clocks jump.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, close_old_connections
from django.db.models import F, Q, QuerySet

from gallery.core.exceptions import JobFailed
from gallery.models import Chore, Status, Work
from gallery.models.base import NO_FAILURE, build_failure_columns
from gallery.models.clock import get_database_time
from gallery.models.storage import StorageAway

log = logging.getLogger(__name__)
WorkRow = TypeVar("WorkRow", bound=Work)
LONGEST_DELAY = timedelta(minutes=15)  # a row due later than this was dated by a wrong clock
LEASE_SLACK = timedelta(seconds=60)  # how far beyond its term a lease may run before it is doubted
RETRY_DELAY_SECONDS = 30.0  # before a row is tried again after a fault of the machine
DATABASE_WAIT_SECONDS = 60.0  # how long to wait for the database in order to release a row
# Faults of the machine, not of the row: they pass, so the attempt does not count.
TRANSIENT_ERRNOS = {
    errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE,
}  # fmt: skip
_NO_LEASE = {"lease_owner": "", "lease_until": None, "lease_doubted": False}


class LeaseLost(Exception):
    """Another process has claimed the row: this one must not write its result."""


def get_process_name() -> str:
    """The name of this process, as written into leases."""
    return f"{settings.HOST_NAME}:{os.getpid()}"


def _lease_duration() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def _claimable_q(now: datetime) -> Q:
    """Rows that are due, have attempts left, and are held by nobody."""
    is_due = Q(queued_at__isnull=True) | Q(queued_at__lte=now) | Q(queued_at__gt=now + LONGEST_DELAY)
    return Q(work=Status.QUEUED, attempts__lt=settings.MAX_ATTEMPTS) & is_due


def claim_row(rows: QuerySet[WorkRow], pk: int) -> WorkRow | None:
    """Claim the row if it is waiting and due; None otherwise."""
    now = get_database_time()
    taken = rows.filter(_claimable_q(now), pk=pk).update(
        work=Status.PROCESSING,
        lease_owner=get_process_name(),
        lease_until=now + _lease_duration(),
        lease_doubted=False,
        started_at=now,
        finished_at=None,
        attempts=F("attempts") + 1,
        **NO_FAILURE,
    )
    return rows.model._default_manager.filter(pk=pk).first() if taken else None  # it may have gone meanwhile


def list_claimable_ids(rows: QuerySet[WorkRow], limit: int) -> list[int]:
    """Ids of rows that can be claimed, oldest first."""
    ready = rows.filter(_claimable_q(get_database_time()))
    oldest_first = ready.order_by(F("queued_at").asc(nulls_first=True), "pk")
    return list(oldest_first.values_list("pk", flat=True)[:limit])


def recover_expired_leases(rows: QuerySet[WorkRow]) -> None:
    """Doubt leases that look expired; at the second look, requeue the rows that nobody extended, or fail them."""
    now = get_database_time()
    latest = now + _lease_duration() + LEASE_SLACK
    is_odd = Q(lease_until__isnull=True) | Q(lease_until__lt=now) | Q(lease_until__gt=latest)
    odd = rows.filter(is_odd, work=Status.PROCESSING)
    dead = odd.filter(lease_doubted=True)
    failure = {**build_failure_columns(JobFailed("worker_stopped")), **_NO_LEASE}
    dead.filter(attempts__gte=settings.MAX_ATTEMPTS).update(work=Status.FAILED, finished_at=now, **failure)
    dead.update(work=Status.QUEUED, **_NO_LEASE)
    odd.filter(lease_doubted=False).update(lease_doubted=True, lease_until=now + _lease_duration() / 2)


def extend_lease(row: Work) -> None:
    """Extend the lease. Raises LeaseLost if the row is no longer ours."""
    until = get_database_time() + _lease_duration()
    if not _query_own_row(row).update(lease_until=until, lease_doubted=False):
        raise LeaseLost(f"{type(row).__name__} {row.pk}")


def finish_row(row: Work, status: Status, error: BaseException | None = None) -> None:
    """Release the row with its result; call this inside the transaction that stores the result."""
    done = _query_own_row(row).update(
        work=status,
        finished_at=get_database_time(),
        attempts=0,
        **(build_failure_columns(error) if error else NO_FAILURE),
        **_NO_LEASE,
    )
    if not done:
        raise LeaseLost(f"{type(row).__name__} {row.pk}")


def postpone_row(
    row: Work, seconds: float, error: BaseException | None = None, *, is_counted: bool = False
) -> None:
    """Release the row, to be claimed again after so many seconds. The attempt counts only if `is_counted`."""
    _query_own_row(row).update(
        work=Status.QUEUED,
        attempts=F("attempts") - (0 if is_counted else 1),
        queued_at=get_database_time() + timedelta(seconds=seconds),
        **(build_failure_columns(error) if error else NO_FAILURE),
        **_NO_LEASE,
    )


def enqueue_rows(rows: QuerySet[WorkRow], *, delay: float = 0) -> int:
    """Queue rows afresh, for a retry or a re-run; running ones are left alone."""
    return rows.exclude(work=Status.PROCESSING).update(
        work=Status.QUEUED,
        attempts=0,
        queued_at=get_database_time() + timedelta(seconds=delay),
        finished_at=None,
        **NO_FAILURE,
        **_NO_LEASE,
    )


def _query_own_row(row: WorkRow) -> QuerySet[WorkRow]:
    rows: QuerySet[WorkRow] = type(row)._default_manager.all()
    return rows.filter(
        pk=row.pk, work=Status.PROCESSING, lease_owner=get_process_name(), attempts=row.attempts
    )


@contextmanager
def hold_lease(row: Work) -> Iterator[None]:
    """Keep extending the row's lease from a thread while the block runs.

    A database or a disk in trouble gives the row back for later, and a worker that is told to end gives it back at
    once; neither counts as an attempt. What a process that is killed holds, the sweep finds.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_keep_extending, args=(row, stop), name="lease", daemon=True)
    thread.start()
    try:
        yield
    except LeaseLost:
        log.warning("%s %s was taken over by another worker", type(row).__name__, row.pk)
    except (Error, OSError) as error:
        _release_after_error(row, error)
    except (SystemExit, KeyboardInterrupt):
        postpone_row(row, seconds=0)
        raise
    finally:
        stop.set()
        thread.join()


def _keep_extending(row: Work, stop: threading.Event) -> None:
    while not stop.wait(settings.LEASE_SECONDS / 4):
        try:
            extend_lease(row)
        except LeaseLost:
            break
        except Error as error:
            log.warning("The lease could not be extended: %s", error)
        finally:
            close_old_connections()


def _release_after_error(row: Work, error: Error | OSError) -> None:
    """Postpone the row, or fail it with the reason; wait for a database that is away."""
    log.warning("%s %s could not be finished: %s", type(row).__name__, row.pk, error)
    until = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        close_old_connections()
        try:
            _postpone_or_fail(row, error)
        except LeaseLost:
            return
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            time.sleep(1)
        else:
            return


def _postpone_or_fail(row: Work, error: Error | OSError) -> None:
    is_passing = isinstance(error, OperationalError | InterfaceError | StorageAway)
    if is_passing or (isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS):
        postpone_row(row, RETRY_DELAY_SECONDS, error)
    elif isinstance(error, Error) and row.attempts < settings.MAX_ATTEMPTS:
        postpone_row(row, RETRY_DELAY_SECONDS, error, is_counted=True)
    else:
        finish_row(row, Status.FAILED, JobFailed("not_finished", error=error))


MOST_REST = 20  # times the least


@contextmanager
def hold_chore(name: str, seconds: float) -> Iterator[bool]:
    """Whether this process is to do the chore: nobody else does, and it was not done in the last half of `seconds`.

    So schedulers may be many, and messages that have piled up cost nothing.
    """
    chore = _claim_chore(name, timedelta(seconds=seconds / 2))
    if chore is None:
        yield False
        return
    with hold_lease(chore):
        yield True
        finish_row(chore, Status.DONE)


def _claim_chore(name: str, rest: timedelta) -> Chore | None:
    chore, _is_new = Chore.objects.get_or_create(pk=name)
    now = get_database_time()
    if chore.started_at and chore.finished_at:
        # What takes long leaves others time; what seems to have taken very long saw the clock jump.
        rest = max(rest, min(chore.finished_at - chore.started_at, MOST_REST * rest))
        if now - rest < chore.finished_at <= now:
            return None
    latest = now + _lease_duration() + LEASE_SLACK
    is_free = ~Q(work=Status.PROCESSING) | Q(lease_until__lt=now) | Q(lease_until__gt=latest)
    taken = Chore.objects.filter(is_free, pk=name, finished_at=chore.finished_at).update(
        work=Status.PROCESSING,
        lease_owner=get_process_name(),
        lease_until=now + _lease_duration(),
        started_at=now,
        finished_at=None,
        attempts=F("attempts") + 1,
    )
    return Chore.objects.get(pk=name) if taken else None
