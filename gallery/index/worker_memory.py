"""The ceiling of a worker process's memory, by what its engines need; one that has held more is replaced."""

from __future__ import annotations

from typing import Any

from celery.signals import celeryd_init
from django.conf import settings
from django.db import Error, connection

from gallery.index.switch import get_chosen_name

LARGE_EMBEDDERS = {"clip", "onnx"}
LARGE_ENGINE = 4  # times the memory of others is what a process with one of these may hold


@celeryd_init.connect
def limit_worker_memory(conf: Any, **about: Any) -> None:
    """Have a process that has held more replaced when its task is done; the new one loads its models again."""
    times = LARGE_ENGINE if uses_large_engine() else 1
    conf.worker_max_memory_per_child = times * settings.WORKER_MEMORY_MB * 1024 or None


def uses_large_engine() -> bool:
    """Whether models are in use that would not fit below the ceiling: each task would take a new process."""
    try:
        embedder = get_chosen_name()
    except Error:  # the database is away, or has no tables yet
        embedder = str(settings.EMBEDDER)
    finally:
        connection.close()  # none may be open when the worker forks
    return embedder in LARGE_EMBEDDERS or settings.DETECTOR == "mtcnn-tensorflow"
