"""What a curator does to the queue: pause it, go on, try again, set aside what waits, take that up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery import beats, chores, filecheck, queue
from gallery.backup import schedule
from gallery.models import BulkAct, Event, SiteSetting, Status, User, WorkerBeat
from gallery.services import backups, builds, bulk, followup, history
from gallery.services.errors import CannotUndo, Refused
from gallery.services.history import record
from gallery.services.ledger import Ledger
from gallery.services.waiting import wait_again
from gallery.works import WORKS

PAUSED = "is_paused"
ERRANDS = ("check_gallery", "verify_index")
FOR_ADMINISTRATORS: dict[str, Callable[[User], None]] = {
    schedule.CHORE: backups.back_up_now,
    filecheck.CHORE: backups.check_files,
}
ONE_WAY = ("build", "bulk", "erasure")  # what trying again does not merely let wait


@transaction.atomic
def set_paused(user: User, is_paused: bool) -> Event:
    """Paused, photos wait; what a worker has begun is finished."""
    SiteSetting.objects.update_or_create(pk=PAUSED, defaults={"value": is_paused})
    verb = "queue.pause" if is_paused else "queue.resume"
    return record(user, verb, None, {"paused": is_paused}, {"paused": not is_paused})


@history.inverse("queue.pause", "queue.resume")
def _set_back(user: User, event: Event) -> dict[str, bool]:
    wanted = bool((event.undo or {}).get("paused"))
    SiteSetting.objects.update_or_create(pk=PAUSED, defaults={"value": wanted})
    return {"paused": not wanted}


@transaction.atomic
def retry_failed(user: User, kind: str = "", pk: int | None = None) -> Event | None:
    """What failed waits again: one row, one kind, or everything. None if nothing had failed.

    Taken back, what the worker has not begun is failed again, with its reason. New builds, acts on many and erasures
    that go on are not taken back by this: they have undoing of their own, or none.
    """
    ledger, count = Ledger(), 0
    for name in [kind] if kind else WORKS:
        count += _retry(user, ledger, name, pk)
    if not count:
        return None
    followup.after(ledger)
    subjects = {name: ledger.touched(name)[:500] for name in ("photo", "reference")}
    undo = ledger if ledger.groups else None
    return record(user, "queue.retry", None, {"count": count}, undo, subjects=subjects)


def _retry(user: User, ledger: Ledger, kind: str, pk: int | None) -> int:
    rows = _rows(user, kind, Status.FAILED, pk)
    if kind not in ONE_WAY:
        return len(wait_again(ledger, rows))
    ids = list(rows.values_list("pk", flat=True))
    if kind == "build" and ids:  # a failed build is not run again: a new one holds what has changed since
        builds.request(user)
        return 1
    if kind == "bulk":
        for act in BulkAct.objects.filter(pk__in=ids):
            bulk.resume(act)
    elif ids:
        _queue(kind, rows.model._default_manager.filter(pk__in=ids), ids)
    return len(ids)


def _queue(kind: str, rows: QuerySet[Any], ids: list[int]) -> None:
    queue.enqueue(rows)
    for pk in ids:
        queue.send(WORKS[kind].task, pk)


def _rows(user: User, kind: str, work: Status, pk: int | None) -> QuerySet[Any]:
    if kind not in WORKS:
        raise Refused(_("Choose one of the answers."))
    rows = WORKS[kind].rows(user).filter(work=work)
    return rows if pk is None else rows.filter(pk=pk)


@transaction.atomic
def cancel_waiting(user: User, kind: str = "photo", pk: int | None = None) -> Event | None:
    """What waits, one row or all, is set aside; it can be queued again. None if nothing waited."""
    return _turn(user, kind, pk, Status.QUEUED, "queue.cancel")


@transaction.atomic
def queue_again(user: User, kind: str = "photo", pk: int | None = None) -> Event | None:
    """What was set aside, one row or all, waits again."""
    return _turn(user, kind, pk, Status.CANCELLED, "queue.again")


def _turn(user: User, kind: str, pk: int | None, work: Status, verb: str) -> Event | None:
    if kind not in WORKS or not WORKS[kind].can_wait:
        raise Refused(_("This cannot be set aside."))
    rows = _rows(user, kind, work, pk)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    done = _apply(kind, ids, verb)
    if not done:
        return None
    subjects = {kind: done[:500]}
    return record(user, verb, None, {"count": len(done)}, {"kind": kind, "ids": done}, subjects=subjects)


def _apply(kind: str, ids: list[int], verb: str) -> list[int]:
    """Set aside, or queue again, those of the rows that are in the other state; their ids."""
    before = Status.QUEUED if verb == "queue.cancel" else Status.CANCELLED
    model = WORKS[kind].model
    done: list[int] = []
    for start in range(0, len(ids), 500):
        rows = model._default_manager.filter(pk__in=ids[start : start + 500], work=before)
        some = list(rows.select_for_update().values_list("pk", flat=True))
        if verb == "queue.cancel":
            rows.update(work=Status.CANCELLED)
        else:
            _queue(kind, model._default_manager.filter(pk__in=some), some)
        done += some
    return done


@history.inverse("queue.cancel", "queue.again")
def _turn_back(user: User, event: Event) -> dict[str, Any]:
    undo = event.undo or {}
    verb = undo.get("verb") or ("queue.again" if event.verb == "queue.cancel" else "queue.cancel")
    done = _apply(undo["kind"], undo["ids"], verb)
    if not done:
        raise CannotUndo(_("All of them have been dealt with since."))
    return {**undo, "verb": "queue.cancel" if verb == "queue.again" else "queue.again"}


def run_errand(user: User, name: str) -> None:
    """Have the worker check the gallery or the files, verify the index, or make a backup."""
    if name in FOR_ADMINISTRATORS and user.is_administrator:
        FOR_ADMINISTRATORS[name](user)
    elif name in ERRANDS:
        chores.ask(name, user)
    else:
        raise Refused(_("Choose one of the answers."))


def forget(name: str) -> None:
    """Nobody need miss this process any more; one that lives says so again within seconds."""
    WorkerBeat.objects.filter(name=name).exclude(seen_at__gte=beats.silent_before()).delete()
