"""Signs of life: each worker and the scheduler say every few seconds that they are there."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from gallery.models import WorkerBeat
from gallery.queue import owner

log = logging.getLogger(__name__)
EVERY = 15.0  # seconds
KEPT = timedelta(days=1)


def beat(kind: str, name: str = "") -> None:
    """Say that a worker, or the scheduler, lives; forget those unheard of for long."""
    now = timezone.now()
    WorkerBeat.objects.update_or_create(
        name=name or owner(),
        defaults={"kind": kind, "seen_at": now},
        create_defaults={"kind": kind, "seen_at": now, "started_at": now},
    )
    WorkerBeat.objects.filter(seen_at__lt=now - KEPT).delete()


def keep_beating(kind: str) -> None:
    """From a thread of this process, until it ends."""
    wait = threading.Event()

    def run() -> None:
        while True:
            try:
                beat(kind)
            except DatabaseError as error:
                log.warning("The sign of life could not be written: %s", error)
            finally:
                close_old_connections()
            wait.wait(EVERY)

    threading.Thread(target=run, name="beat", daemon=True).start()
