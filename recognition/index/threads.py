"""How many threads a search may take, so that several worker processes on one machine do not fight.

OpenMP keeps its number per calling thread, so it is set before each search. A second thread gives little on
small searches, and costs much when the other core is busy: its threads spin while they wait.
"""

from __future__ import annotations

import os
from typing import Any

WORK_FOR_THREADS = 40_000_000  # multiplications from which a second thread pays

_limit: int | None = None


def limit_threads(limit: int | None) -> None:
    """Let each search of this process use at most so many threads; None gives back the default, all cores."""
    global _limit
    if limit is not None and limit < 1:
        raise ValueError("a search needs at least one thread")
    _limit = limit


def use_all_threads(faiss: Any) -> None:
    """For a build: as many threads as this process may use, whatever the last search took."""
    faiss.omp_set_num_threads(_limit or os.cpu_count() or 1)


def set_threads(faiss: Any, work: int) -> None:
    """Tell OpenMP how many threads a search of ``work`` multiplications gets, in the calling thread."""
    cores = _limit or os.cpu_count() or 1
    faiss.omp_set_num_threads(cores if work >= WORK_FOR_THREADS else 1)
