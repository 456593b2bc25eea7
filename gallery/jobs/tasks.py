"""How rooms register their Celery tasks, and how worker processes say that they live and what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Task, shared_task
from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown

from gallery.jobs.heartbeats import set_current_task, start_heartbeat_thread, stop_heartbeats

OLD_PREFIX = (
    "gallery.tasks."  # what the release before put before the names; its messages may still be queued
)


def register_task(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make the function the Celery task of this name. It does no retrying: leases and the sweep do."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        shared_task(name=name)(function)
        shared_task(name=OLD_PREFIX + name)(function)
        return function

    return register


@worker_process_init.connect
def say_alive(**_: object) -> None:
    """Each worker process, once it has forked."""
    start_heartbeat_thread("worker")


@worker_process_shutdown.connect
def say_goodbye(**_: object) -> None:
    stop_heartbeats()


@task_prerun.connect
def say_begun(task: Task[..., Any], **_: object) -> None:
    """Rows under work are known by their leases; this is for work that has none, as checking the gallery."""
    set_current_task(task.name.removeprefix(OLD_PREFIX))


@task_postrun.connect
def say_done(**_: object) -> None:
    set_current_task("")
