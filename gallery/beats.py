"""Signs of life: each worker process and the scheduler write every few seconds that they are there.

Who ends in an orderly way says so; who is silent without having said so has died, and the jobs page says it.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime, timedelta

from django.db import Error, close_old_connections
from django.utils import timezone

from gallery.models import WorkerBeat
from gallery.queue import owner

log = logging.getLogger(__name__)
EVERY = 10.0  # seconds
SILENT = timedelta(seconds=35)  # unheard of for so long: dead. With the page's own pace, within a minute.
KEPT = timedelta(days=1)

_ended = threading.Event()
_doing: tuple[str, datetime | None] = ("", None)  # the task at work in this process, and since when


def machine(name: str) -> str:
    """Where a process of this name runs."""
    return name.rpartition(":")[0]


def silent_before() -> datetime:
    """Who was last heard of before this has died."""
    return timezone.now() - SILENT


def beat(kind: str, name: str = "") -> None:
    """Say that a worker, or the scheduler, lives and what it does; forget those unheard of for long."""
    now = timezone.now()
    task, since = _doing
    said = {"kind": kind, "seen_at": now, "doing": task, "since": since}
    WorkerBeat.objects.update_or_create(
        name=name or owner(), defaults=said, create_defaults={**said, "started_at": now}
    )
    WorkerBeat.objects.filter(seen_at__lt=now - KEPT).delete()


def doing(task: str) -> None:
    """What this process has begun, or "" when it is done; written with the next sign of life, not at once."""
    global _doing
    _doing = (task, timezone.now() if task else None)


def tell(kind: str) -> None:
    """One sign of life, whatever becomes of it."""
    try:
        beat(kind)
    except Error as error:
        log.warning("The sign of life could not be written: %s", error)
    finally:
        close_old_connections()


def keep_beating(kind: str) -> None:
    """From a thread of this process, until it ends, or is an orphan: who gets no work any more is not alive."""
    _ended.clear()
    parent = os.getppid()

    def run() -> None:
        while not _ended.is_set() and os.getppid() == parent:
            tell(kind)
            _ended.wait(EVERY)

    threading.Thread(target=run, name="beat", daemon=True).start()


def end() -> None:
    """This process ends in an orderly way: nobody need miss it, nor those whose place it had taken."""
    _ended.set()
    try:
        for own in WorkerBeat.objects.filter(name=owner()):
            same = WorkerBeat.objects.filter(kind=own.kind, name__startswith=f"{machine(own.name)}:")
            same.filter(seen_at__lt=own.started_at).delete()
            own.delete()
    except Error as error:
        log.warning("The end of this process could not be written: %s", error)
    finally:
        close_old_connections()
