"""What processes that were killed left half-written: recognised by nobody holding it, and removed."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from facesite import broker

OLD = 3600.0  # seconds


def tidy(seconds: float = OLD) -> int:
    """Remove half-written files nobody has touched for so long; how many those were."""
    gone = sum(_remove(path, path, seconds) for path in _received())
    gone += sum(_remove(path, path.parent / ".lock", seconds) for path in _derived())
    return gone + broker.tidy(Path(settings.BROKER_DIR) / "queue", seconds)


def _received() -> Iterator[Path]:
    """Uploads on their way in; each is locked while it is being written."""
    yield from (Path(settings.MEDIA_ROOT) / "incoming").glob("part-*")
    yield from Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*")


def _derived() -> Iterator[Path]:
    """Pictures for showing; the folder is locked while one is being made."""
    yield from Path(settings.CACHE_ROOT).rglob(".new-*")


def _remove(path: Path, lock: Path, seconds: float) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
        if -60 <= age < seconds:  # one from the future was dated by a clock that has jumped
            return False
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:  # gone meanwhile, or somebody holds it
        return False
    return True
