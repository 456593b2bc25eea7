"""One process at a time in a folder. The system lets go of the lock when the process dies, however it dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gallery.backup.errors import BackupRunning

LOCK = ".lock"


@contextmanager
def only_one(folder: Path, sentence: str) -> Iterator[None]:
    """Hold the folder's lock; BackupRunning, saying the sentence, if another process does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRunning(sentence) from None
        yield


def is_held(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
