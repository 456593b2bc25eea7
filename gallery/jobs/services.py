"""What a curator does to the queue: pause and resume it, cancel waiting jobs, requeue cancelled ones."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, CannotUndo
from gallery.history.changeset import record_event
from gallery.jobs import dispatch
from gallery.jobs.heartbeats import get_heartbeat_deadline
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.registry import JOB_KINDS
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


def enqueue_jobs(kind: str, rows: QuerySet[Any], ids: list[int]) -> None:
    enqueue_rows(rows)
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
            enqueue_jobs(kind, model._default_manager.filter(pk__in=some), some)
        done += some
    return done


def undo_cancel_or_requeue(user: User, event: Event) -> dict[str, Any]:
    undo = event.undo or {}
    verb = undo.get("verb") or ("queue.again" if event.verb == "queue.cancel" else "queue.cancel")
    done = _change_job_status(undo["kind"], undo["ids"], verb)
    if not done:
        raise CannotUndo(_("All of them have been dealt with since."))
    return {**undo, "verb": "queue.cancel" if verb == "queue.again" else "queue.again"}


def forget_process(name: str) -> None:
    """Nobody need miss this process any more; one that lives says so again within seconds."""
    WorkerBeat.objects.filter(name=name).exclude(seen_at__gte=get_heartbeat_deadline()).delete()
