"""How rooms register their Celery tasks, and the heartbeats of workers and of the scheduler."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import Task, shared_task
from celery.beat import PersistentScheduler
from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown

from gallery.jobs.heartbeats import (
    HEARTBEAT_SECONDS,
    set_current_task,
    start_heartbeat_thread,
    stop_heartbeats,
    try_heartbeat,
)
from gallery.jobs.leases import hold_chore

log = logging.getLogger(__name__)
OLD_PREFIX = "gallery.tasks."  # of names in the previous release, whose messages may still be queued
CLOCK_JUMP_SECONDS = 5.0  # how far the two clocks may drift apart between two ticks


def register_task(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make the function the Celery task of this name. Celery does not retry it: leases and the sweep do.

    What a scheduler sends says how many seconds lie between two such messages (`every`): one process does it in turn.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(*args: Any, every: float | None = None) -> None:
            if every is None:
                function(*args)
                return
            with hold_chore(name, every) as is_ours:
                if is_ours:
                    function(*args)

        shared_task(name=name)(run)
        shared_task(name=OLD_PREFIX + name)(run)
        return function

    return register


@worker_process_init.connect
def start_heartbeats_after_fork(**_: object) -> None:
    """In each worker process, after it has forked."""
    start_heartbeat_thread("worker")


@worker_process_shutdown.connect
def stop_heartbeats_at_exit(**_: object) -> None:
    stop_heartbeats()


@task_prerun.connect
def note_task_started(task: Task[..., Any], **_: object) -> None:
    """Rows in progress are known by their leases; this is for tasks without rows, such as checking the gallery."""
    set_current_task(task.name.removeprefix(OLD_PREFIX))


@task_postrun.connect
def note_task_finished(**_: object) -> None:
    set_current_task("")


class HeartbeatScheduler(PersistentScheduler):
    """Celery's scheduler with its own heartbeat, which does not wait in the queue behind photos.

    When the computer's clock jumps forward, what became due is sent at once, as after a night switched off; when it
    jumps back, entries that seem to have run in the future start counting afresh."""

    _beat_at = float("-inf")
    _ahead: float | None = None  # how far the computer's clock is ahead of the one that never jumps

    def setup_schedule(self) -> None:
        super().setup_schedule()
        self._restart_future_entries()

    def _restart_future_entries(self) -> None:
        for entry in self.schedule.values():
            if entry.last_run_at is None or entry.last_run_at > entry.default_now():
                entry.last_run_at = entry.default_now()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        ahead = time.time() - time.monotonic()
        if self._ahead is not None and abs(ahead - self._ahead) > CLOCK_JUMP_SECONDS:
            log.warning("The clock has jumped by %.0f seconds.", ahead - self._ahead)
            self._restart_future_entries()
            self._heap = None  # filled again at the next tick
        self._ahead = ahead
        wait: float = super().tick(*args, **kwargs)
        if time.monotonic() - self._beat_at >= HEARTBEAT_SECONDS:
            self._beat_at = time.monotonic()
            try_heartbeat("scheduler")
        return wait

    def close(self) -> None:
        super().close()
        stop_heartbeats()
