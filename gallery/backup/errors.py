"""What can go wrong with a backup; each message is a sentence that says what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError
from django.utils.translation import gettext as _

from recognition.types import RecognitionError


class BackupError(RecognitionError):
    """A backup could not be made, read or restored. Nothing was changed."""


class BackupRunning(BackupError):
    """Another process is at it."""


class BackupDamaged(BackupError):
    """What was backed up is not what is there."""


class NotEmpty(BackupError):
    """There is something where the backup should be restored to."""


@contextmanager
def told(place: Path) -> Iterator[None]:
    """Turn the system's and the database's errors into sentences."""
    try:
        yield
    except (sqlite3.Error, DatabaseError) as error:
        text = _("The database could not be copied: %(error)s. If its disk is full, make room there.")
        raise BackupError(text % {"error": error}) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = _("The disk of %(place)s is full. Make room there, then try again.")
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            text = _("Facesite may not write to %(place)s. Give its user the right to, then try again.")
        else:
            text = _("%(place)s cannot be used: %(error)s.")
        names = {"place": place, "error": error.strerror or error}
        raise BackupError(text % names) from error
