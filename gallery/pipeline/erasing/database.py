"""What a database keeps of deleted rows in its own files.

SQLite overwrites deleted content with zeros (`secure_delete`, set for every connection); what the write-ahead
log still holds goes when it is truncated. PostgreSQL keeps dead rows until they are vacuumed; the space is
then free, but is overwritten only when it is used again, and so is its own log. docs/privacy.md says so.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

from django.db import connection

from gallery.models import Candidate, Erasure, Event, EventSubject, Face, Person, Photo, Reference, User
from gallery.models import ReferenceVector as Vector

TABLES = (Person, Reference, Vector, Photo, Face, Candidate, Event, EventSubject, User, Erasure)


def clear(needles: Sequence[bytes]) -> bool:
    """Clear them, now that the transaction is over; False while somebody reads what is being cleared.

    `needles` must not be found in SQLite's file afterwards; if one is, the file is written anew.
    """
    if connection.in_atomic_block:
        return True  # nothing is final yet; only tests get here
    if connection.vendor == "postgresql":
        _vacuum_postgres()
        return True
    if not _truncate_log():
        return False
    if needles and _holds(Path(str(connection.settings_dict["NAME"])), needles):
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
        return _truncate_log()
    return True


def _truncate_log() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy = cursor.fetchone()[0]
    return not is_busy


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(needle) >= 0 for needle in needles)


def _vacuum_postgres() -> None:
    tables = ", ".join(f'"{model._meta.db_table}"' for model in TABLES)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM {tables}")
