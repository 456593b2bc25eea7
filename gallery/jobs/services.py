"""Requests site jobs, and changes the queue for curators: pause it, cancel waiting jobs, retry failed ones."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused, CannotUndo
from gallery.history.changeset import ChangeSet, apply_effects, query_rows, record_event, split_into_chunks
from gallery.jobs import dispatch
from gallery.jobs.heartbeats import get_heartbeat_deadline
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.registry import JOB_KINDS, SITE_JOB_KINDS
from gallery.models import Event, Job, SiteSetting, Status, User, WorkerBeat
from gallery.models.base import NO_FAILURE
from gallery.models.clock import get_database_time, get_site_time
from recognition.errors import RecognitionError

log = logging.getLogger(__name__)
PAUSED_SETTING_KEY = "is_paused"
MAX_SENT_JOBS = 500  # at once; the sweep finds the rest
BUSY_STATUSES = (Status.QUEUED, Status.PROCESSING)


@transaction.atomic
def request_job(name: str, user: User | None, *args: object) -> None:
    """Queue the site job of this name. It counts as waiting until there is a result."""
    Job.objects.update_or_create(pk=name, defaults={"asked_at": get_site_time(), "asked_by": user})
    dispatch.send_task(name, *args)


@contextmanager
def track_job(name: str) -> Iterator[dict[str, Any]]:
    """Record how the site job ends. The block fills in the result; a named error is stored and not raised."""
    result: dict[str, Any] = {}
    failure, started = "", get_site_time()
    try:
        yield result
    except (RecognitionError, OSError) as error:
        log.error("%s failed: %s", name, error)
        failure = str(error) or type(error).__name__
    now = get_site_time()
    done = {"done_at": now, "seconds": (now - started).total_seconds(), "failure": failure, "result": result}
    Job.objects.update_or_create(pk=name, defaults=done)


def requeue_rows(changes: ChangeSet, rows: QuerySet[Any]) -> list[int]:
    """Requeue the rows that neither wait nor run, and return their ids. In a transaction, before `apply_effects`."""
    wanted = list(rows.exclude(work__in=BUSY_STATUSES).order_by("pk").values_list("pk", flat=True))
    first, at, ids = len(changes.groups), get_database_time(), list[int]()
    for some in split_into_chunks(wanted):
        resting = query_rows(rows.model, some).exclude(work__in=BUSY_STATUSES).select_for_update()
        held = list(resting.values_list("pk", flat=True))  # nobody else has them by now
        changes.update(query_rows(rows.model, held), work=Status.QUEUED, attempts=0, **NO_FAILURE)
        query_rows(rows.model, held).update(queued_at=at)
        ids += held
    for group in changes.groups[first:]:  # tells an undo whether they still wait because of this act
        group["after"]["queued_at"] = at.isoformat()
    return ids


def send_requeued_jobs(changes: ChangeSet) -> None:
    """Send the jobs that an act has requeued to the workers."""
    for kind in JOB_KINDS.values():
        for pk in islice(changes.list_changed_ids(kind.model._meta.model_name or "", "work"), MAX_SENT_JOBS):
            dispatch.send_task(kind.task, pk)


@transaction.atomic
def set_processing_paused(user: User, is_paused: bool) -> Event:
    """While paused, photos wait; a photo that a worker has started is finished."""
    SiteSetting.objects.update_or_create(pk=PAUSED_SETTING_KEY, defaults={"value": is_paused})
    verb = "queue.pause" if is_paused else "queue.resume"
    return record_event(user, verb, None, {"paused": is_paused}, {"paused": not is_paused})


def undo_pause(user: User, event: Event) -> dict[str, bool]:
    wanted = bool((event.undo or {}).get("paused"))
    SiteSetting.objects.update_or_create(pk=PAUSED_SETTING_KEY, defaults={"value": wanted})
    return {"paused": not wanted}


def enqueue_jobs(kind: str, ids: Sequence[int]) -> None:
    enqueue_rows(JOB_KINDS[kind].model._default_manager.filter(pk__in=ids))
    for pk in ids:
        dispatch.send_task(JOB_KINDS[kind].task, pk)


def get_job_rows(user: User, kind: str, work: Status, pk: int | None) -> QuerySet[Any]:
    if kind not in JOB_KINDS:
        raise ActionRefused(_("Choose one of the answers."))
    rows = JOB_KINDS[kind].rows(user).filter(work=work)
    return rows if pk is None else rows.filter(pk=pk)


@transaction.atomic
def cancel_or_requeue_jobs(user: User, verb: str, kind: str = "photo", pk: int | None = None) -> Event | None:
    """Set waiting jobs aside (`queue.cancel`) or queue them again (`queue.again`). None if there are none."""
    if kind not in JOB_KINDS or not JOB_KINDS[kind].can_wait:
        raise ActionRefused(_("This cannot be set aside."))
    rows = get_job_rows(user, kind, Status.QUEUED if verb == "queue.cancel" else Status.CANCELLED, pk)
    done = _change_job_status(kind, list(rows.order_by("pk").values_list("pk", flat=True)), verb)
    if not done:
        return None
    undo, subjects = {"kind": kind, "ids": done}, {kind: done[:500]}
    return record_event(user, verb, None, {"count": len(done)}, undo, subjects=subjects)


def _change_job_status(kind: str, ids: list[int], verb: str) -> list[int]:
    """Set aside or requeue those rows that are in the opposite state, and return their ids."""
    before = Status.QUEUED if verb == "queue.cancel" else Status.CANCELLED
    model = JOB_KINDS[kind].model
    done: list[int] = []
    for some in split_into_chunks(ids):
        rows = query_rows(model, some).filter(work=before)
        held = list(rows.select_for_update().values_list("pk", flat=True))
        if verb == "queue.cancel":
            rows.update(work=Status.CANCELLED)
        else:
            enqueue_jobs(kind, held)
        done += held
    return done


def undo_cancel_or_requeue(user: User, event: Event) -> dict[str, Any]:
    undo = event.undo or {}
    verb = undo.get("verb") or ("queue.again" if event.verb == "queue.cancel" else "queue.cancel")
    done = _change_job_status(undo["kind"], undo["ids"], verb)
    if not done:
        raise CannotUndo(_("All of them have been dealt with since."))
    return {**undo, "verb": "queue.cancel" if verb == "queue.again" else "queue.again"}


@transaction.atomic
def retry_failed_jobs(user: User, kind: str = "", pk: int | None = None) -> Event | None:
    """Requeue failed jobs: one row, one kind, or all of them. None if nothing had failed.

    Undoing it fails the rows that no worker has started again, with their reason. Kinds with a `retry` of their own
    are left out of that: they have an undo of their own, or none.
    """
    changes, count = ChangeSet(), 0
    for name in [kind] if kind else JOB_KINDS:
        rows, retry = get_job_rows(user, name, Status.FAILED, pk), JOB_KINDS[name].retry
        if retry is None:
            count += len(requeue_rows(changes, rows))
        elif ids := list(rows.values_list("pk", flat=True)):
            count += retry(user, ids)
    if not count:
        return None
    apply_effects(changes)
    subjects = {name: changes.list_written_ids(name)[:500] for name in ("photo", "reference")}
    undo = changes if changes.groups else None
    return record_event(user, "queue.retry", None, {"count": count}, undo, subjects=subjects)


def retry_site_job(user: User, name: str) -> None:
    """Request again a site job that failed or found a problem."""
    kind = SITE_JOB_KINDS.get(name)
    if kind is None or (kind.is_for_administrators and not user.is_administrator):
        raise ActionRefused(_("Choose one of the answers."))
    kind.request(user)


def forget_process(name: str) -> None:
    """Forget a dead process; one that is alive beats again within seconds."""
    WorkerBeat.objects.filter(name=name).exclude(seen_at__gte=get_heartbeat_deadline()).delete()


EVENT_DESCRIPTIONS = {
    "queue.pause": gettext_lazy("paused the processing of photos"),
    "queue.resume": gettext_lazy("let photos be processed again"),
    "queue.retry": ngettext_lazy(
        "tried %(count)s failed job again", "tried %(count)s failed jobs again", "count"
    ),
    "queue.cancel": ngettext_lazy(
        "set %(count)s waiting job aside", "set %(count)s waiting jobs aside", "count"
    ),
    "queue.again": ngettext_lazy("queued %(count)s job again", "queued %(count)s jobs again", "count"),
}
