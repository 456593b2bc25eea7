"""How much of the machine a process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

CONTAINER_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of Linux's control groups, version 2


def count_cores(limit: Path = CONTAINER_LIMIT) -> int:
    """Processor cores that this process may use: those it is bound to, and no more than its container is given."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (int(word) for word in limit.read_text().split())
    except (OSError, ValueError):  # none is set, or it says "max"
        return cores
    return max(1, min(cores, math.ceil(quota / period)))
