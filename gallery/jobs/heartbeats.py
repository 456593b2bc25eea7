"""Heartbeats: each worker process and the scheduler record every few seconds that they are alive.

A process that shuts down cleanly removes its heartbeat; one that falls silent is dead, and the jobs page shows it."""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime, timedelta

from django.db import Error, close_old_connections

from gallery.jobs.hosts import tend_host
from gallery.jobs.leases import get_process_name
from gallery.models import WorkerBeat
from gallery.models.clock import get_site_time

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 10.0
MAX_FIRST_SECONDS = 30.0  # that a process waits for its first, as while the database is away
DEAD_AFTER = timedelta(seconds=35)  # with the page's polling, a death is shown within a minute
HEARTBEATS_KEPT_FOR = timedelta(days=1)
WEB = "web"  # such a process is known by its host alone

_shutdown_event = threading.Event()
_current_task: tuple[str, datetime | None] = ("", None)  # the task this process is running, and since when


def get_host_name(name: str) -> str:
    """The host on which a process of this name runs."""
    return name.rpartition(":")[0]


def get_heartbeat_deadline() -> datetime:
    """A process whose last heartbeat is older than this is dead."""
    return get_site_time() - DEAD_AFTER


def write_heartbeat(kind: str, name: str = "") -> None:
    """Record that this worker or scheduler is alive and what it is doing; delete heartbeats long out of date."""
    now = get_site_time()
    task, since = _current_task
    said = {"kind": kind, "seen_at": now, "doing": task, "since": since}
    WorkerBeat.objects.update_or_create(
        name=name or get_process_name(), defaults=said, create_defaults={**said, "started_at": now}
    )
    WorkerBeat.objects.filter(seen_at__lt=now - HEARTBEATS_KEPT_FOR).delete()


def set_current_task(task: str) -> None:
    """Set what this process is running ("" for nothing); it is written with the next heartbeat."""
    global _current_task
    _current_task = (task, get_site_time() if task else None)


def try_heartbeat(kind: str) -> None:
    """Write one heartbeat, and look after the host; log it if the database, or a file, is away."""
    try:
        if kind != WEB:
            write_heartbeat(kind)
        tend_host(kind)
    except (Error, OSError) as error:
        log.warning("The heartbeat could not be written: %s", error)
    finally:
        close_old_connections()


def start_heartbeat_thread(kind: str) -> None:
    """Beat from a thread until the process ends or is orphaned: without a parent it gets no more work.

    The first beat is waited for, so that the host has cleared what it was asked to before it serves or works.
    """
    _shutdown_event.clear()
    parent, has_begun = os.getppid(), threading.Event()

    def run() -> None:
        try_heartbeat(kind)
        has_begun.set()
        while not _shutdown_event.wait(HEARTBEAT_SECONDS) and os.getppid() == parent:
            try_heartbeat(kind)

    threading.Thread(target=run, name="beat", daemon=True).start()
    has_begun.wait(MAX_FIRST_SECONDS)


def stop_heartbeats() -> None:
    """Delete the heartbeats of this process, which shuts down cleanly, and of those it had replaced."""
    _shutdown_event.set()
    try:
        for own in WorkerBeat.objects.filter(name=get_process_name()):
            same = WorkerBeat.objects.filter(kind=own.kind, name__startswith=f"{get_host_name(own.name)}:")
            same.filter(seen_at__lt=own.started_at).delete()
            own.delete()
    except Error as error:
        log.warning("The heartbeat could not be deleted: %s", error)
    finally:
        close_old_connections()
