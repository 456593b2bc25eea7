"""The ceiling of a worker process's memory, by what its engines need; one that has held more is replaced."""

from __future__ import annotations

from typing import Any

from celery.signals import celeryd_init
from django.conf import settings
from django.db import Error, connection
from django.db.models import Sum

from gallery.index.switch import get_chosen_name
from gallery.models import Build

LARGE_EMBEDDERS = {"clip", "onnx"}
LARGE_ENGINE = 4  # times the memory of others is what a process with one of these may hold


@celeryd_init.connect
def limit_worker_memory(conf: Any, **about: Any) -> None:
    """Have a process that has held more replaced when its task is done; the new one loads its models again.

    What counts is the most it ever held, and mapped files of the index with it: these are added, as they are no leak.
    """
    embedders, mapped_bytes = {str(settings.EMBEDDER)}, 0
    try:
        embedders, mapped_bytes = list_possible_embedders(), sum_index_bytes()
    except Error:
        pass  # the database is away, or has no tables yet
    finally:
        connection.close()  # none may be open when the worker forks
    is_large = bool(embedders & LARGE_EMBEDDERS) or settings.DETECTOR == "mtcnn-tensorflow"
    ceiling = (LARGE_ENGINE if is_large else 1) * settings.WORKER_MEMORY_MB * 1024
    conf.worker_max_memory_per_child = ceiling + mapped_bytes // 1024 if ceiling else None


def list_possible_embedders() -> set[str]:
    """The chosen one, and those whose index is there: one may be switched to while the worker runs."""
    made = Build.objects.filter(is_active=True).values_list("embedder_id", flat=True)
    return {get_chosen_name(), *(embedder_id.partition("-")[0] for embedder_id in made)}


def sum_index_bytes() -> int:
    """Of all kept builds: a new one is mapped before the one that served before is let go."""
    kept = Build.objects.exclude(directory="")
    return kept.aggregate(total=Sum("size"))["total"] or 0
