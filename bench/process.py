"""What a process and those it started used, as Linux tells it."""

from __future__ import annotations

import os
from pathlib import Path


def tree(pid: int | None = None) -> list[int]:
    """A process (this one) and all that descend from it and still run."""
    found = [pid or os.getpid()]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def peak_mb(pid: int | None = None) -> float:
    """The largest memory a process ever held, and those it started, at most.

    The peaks are added up though they may not have come together. What the others map of files (libraries, which
    the first has too) is counted once.
    """
    first, *others = tree(pid)
    own = sum(
        _status(each, "VmHWM") - _status(each, "RssFile") - _status(each, "RssShmem") for each in others
    )
    return (_status(first, "VmHWM") + own) / 1024


def held_mb(pid: int | None = None) -> float:
    """The memory a process holds now, and those it started, counted as in ``peak_mb``."""
    first, *others = tree(pid)
    return (_status(first, "VmRSS") + sum(_status(each, "RssAnon") for each in others)) / 1024


def _status(pid: int, name: str) -> int:
    """Kilobytes; 0 once the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def memory_mb(pid: int) -> tuple[float, float]:
    """What one process holds now, and what it held at most."""
    return _status(pid, "VmRSS") / 1024, _status(pid, "VmHWM") / 1024
