"""The limits for uploaded files, and the removal of half-written files that killed processes left behind."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from recognition.images import Limits


def get_upload_limits() -> Limits:
    return Limits(bytes=settings.UPLOAD_MAX_MB * 1_000_000, pixels=settings.UPLOAD_MAX_MEGAPIXELS * 1_000_000)


STALE_AFTER_SECONDS = 3600.0


def remove_stale_files(seconds: float = STALE_AFTER_SECONDS) -> int:
    """Remove half-written files that nobody has touched for so long; returns their number."""
    from facesite import broker  # brings kombu, which those who only need the limits do without

    gone = sum(_remove_unless_locked(path, path, seconds) for path in _find_partial_uploads())
    gone += sum(
        _remove_unless_locked(path, path.parent / ".lock", seconds) for path in _find_partial_renditions()
    )
    return gone + broker.tidy(Path(settings.BROKER_DIR) / "queue", seconds)


def _find_partial_uploads() -> Iterator[Path]:
    """Uploads on their way in; each is locked while it is being written."""
    yield from (Path(settings.MEDIA_ROOT) / "incoming").glob("part-*")
    yield from Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*")


def _find_partial_renditions() -> Iterator[Path]:
    """Pictures for showing; the folder is locked while one is being made."""
    yield from Path(settings.CACHE_ROOT).rglob(".new-*")


def _remove_unless_locked(path: Path, lock: Path, seconds: float) -> bool:
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
