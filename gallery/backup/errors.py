"""What goes wrong with backups, as sentences."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError
from django.utils.translation import gettext as _

from recognition.errors import RecognitionError


class BackupError(RecognitionError):
    """A backup could not be made, read or restored. Nothing was changed."""


class BackupRunning(BackupError):
    """Another process is making or restoring a backup."""


class BackupDamaged(BackupError):
    """The content of a backup is not what it should be."""


class SiteNotEmpty(BackupError):
    """The installation to restore into is not empty."""


@contextmanager
def convert_to_backup_errors(place: Path) -> Iterator[None]:
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
