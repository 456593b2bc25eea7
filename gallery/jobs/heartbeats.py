"""Heartbeats: each worker process and the scheduler write every few seconds that they are alive.

A process that shuts down in an orderly way says so; one that falls silent is dead, and the jobs page shows it."""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime, timedelta

from django.db import Error, close_old_connections
from django.utils import timezone

from gallery.jobs.leases import get_process_name
from gallery.models import WorkerBeat

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 10.0
DEAD_AFTER = timedelta(seconds=35)  # unheard of for so long: dead. With the page's own pace, within a minute.
HEARTBEATS_KEPT_FOR = timedelta(days=1)

_shutdown_event = threading.Event()
_current_task: tuple[str, datetime | None] = ("", None)  # the task at work in this process, and since when


def get_host_name(name: str) -> str:
    """Where a process of this name runs."""
    return name.rpartition(":")[0]


def get_heartbeat_deadline() -> datetime:
    """Who was last heard of before this has died."""
    return timezone.now() - DEAD_AFTER


def write_heartbeat(kind: str, name: str = "") -> None:
    """Say that a worker, or the scheduler, lives and what it does; forget those unheard of for long."""
    now = timezone.now()
    task, since = _current_task
    said = {"kind": kind, "seen_at": now, "doing": task, "since": since}
    WorkerBeat.objects.update_or_create(
        name=name or get_process_name(), defaults=said, create_defaults={**said, "started_at": now}
    )
    WorkerBeat.objects.filter(seen_at__lt=now - HEARTBEATS_KEPT_FOR).delete()


def set_current_task(task: str) -> None:
    """What this process has begun, or "" when it is done; written with the next sign of life, not at once."""
    global _current_task
    _current_task = (task, timezone.now() if task else None)


def try_heartbeat(kind: str) -> None:
    """One sign of life, whatever becomes of it."""
    try:
        write_heartbeat(kind)
    except Error as error:
        log.warning("The sign of life could not be written: %s", error)
    finally:
        close_old_connections()


def start_heartbeat_thread(kind: str) -> None:
    """From a thread of this process, until it ends, or is an orphan: who gets no work any more is not alive."""
    _shutdown_event.clear()
    parent = os.getppid()

    def run() -> None:
        while not _shutdown_event.is_set() and os.getppid() == parent:
            try_heartbeat(kind)
            _shutdown_event.wait(HEARTBEAT_SECONDS)

    threading.Thread(target=run, name="beat", daemon=True).start()


def stop_heartbeats() -> None:
    """This process ends in an orderly way: nobody need miss it, nor those whose place it had taken."""
    _shutdown_event.set()
    try:
        for own in WorkerBeat.objects.filter(name=get_process_name()):
            same = WorkerBeat.objects.filter(kind=own.kind, name__startswith=f"{get_host_name(own.name)}:")
            same.filter(seen_at__lt=own.started_at).delete()
            own.delete()
    except Error as error:
        log.warning("The end of this process could not be written: %s", error)
    finally:
        close_old_connections()
