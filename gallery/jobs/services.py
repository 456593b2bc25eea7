"""What a curator does to the queue: pause and resume it, cancel waiting jobs, try again what failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, CannotUndo
from gallery.history.changeset import ChangeSet, record_event
from gallery.history.effects import apply_effects
from gallery.jobs import dispatch
from gallery.jobs.heartbeats import get_heartbeat_deadline
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.registry import JOB_KINDS, SINGLETON_KINDS
from gallery.jobs.requeue import requeue_rows
from gallery.models import Event, SiteSetting, Status, User, WorkerBeat

PAUSED_SETTING_KEY = "is_paused"


@transaction.atomic
def set_processing_paused(user: User, is_paused: bool) -> Event:
    """Paused, photos wait; what a worker has begun is finished."""
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
def cancel_waiting_jobs(user: User, kind: str = "photo", pk: int | None = None) -> Event | None:
    """What waits, one row or all, is set aside; it can be queued again. None if nothing waited."""
    return _cancel_or_requeue(user, kind, pk, Status.QUEUED, "queue.cancel")


@transaction.atomic
def requeue_cancelled_jobs(user: User, kind: str = "photo", pk: int | None = None) -> Event | None:
    """What was set aside, one row or all, waits again."""
    return _cancel_or_requeue(user, kind, pk, Status.CANCELLED, "queue.again")


def _cancel_or_requeue(user: User, kind: str, pk: int | None, work: Status, verb: str) -> Event | None:
    if kind not in JOB_KINDS or not JOB_KINDS[kind].can_wait:
        raise ActionRefused(_("This cannot be set aside."))
    rows = get_job_rows(user, kind, work, pk)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    done = _change_job_status(kind, ids, verb)
    if not done:
        return None
    subjects = {kind: done[:500]}
    return record_event(
        user, verb, None, {"count": len(done)}, {"kind": kind, "ids": done}, subjects=subjects
    )


def _change_job_status(kind: str, ids: list[int], verb: str) -> list[int]:
    """Set aside, or queue again, those of the rows that are in the other state; their ids."""
    before = Status.QUEUED if verb == "queue.cancel" else Status.CANCELLED
    model = JOB_KINDS[kind].model
    done: list[int] = []
    for start in range(0, len(ids), 500):
        rows = model._default_manager.filter(pk__in=ids[start : start + 500], work=before)
        some = list(rows.select_for_update().values_list("pk", flat=True))
        if verb == "queue.cancel":
            rows.update(work=Status.CANCELLED)
        else:
            enqueue_jobs(kind, some)
        done += some
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
    """What failed waits again: one row, one kind, or everything. None if nothing had failed.

    Taken back, what the worker has not begun is failed again, with its reason. Kinds with a `retry` of their own are
    not taken back by this: they have undoing of their own, or none.
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
    subjects = {name: changes.touched(name)[:500] for name in ("photo", "reference")}
    undo = changes if changes.groups else None
    return record_event(user, "queue.retry", None, {"count": count}, undo, subjects=subjects)


def request_maintenance_job(user: User, name: str) -> None:
    """Have the worker do a job that is about the whole site."""
    kind = SINGLETON_KINDS.get(name)
    if kind is None or (kind.is_for_administrators and not user.is_administrator):
        raise ActionRefused(_("Choose one of the answers."))
    kind.request(user)


def forget_process(name: str) -> None:
    """Nobody need miss this process any more; one that lives says so again within seconds."""
    WorkerBeat.objects.filter(name=name).exclude(seen_at__gte=get_heartbeat_deadline()).delete()
