"""The clock that all hosts share is PostgreSQL's: those of the hosts may be minutes apart.

What is compared with a stored moment is taken from here, and so is what is stored to be compared.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

COMPARE_SECONDS = 10.0  # for how long the difference between two clocks is taken to be the same
JUMP_SECONDS = 0.5  # a larger change of this host's clock is no matter of its speed


@dataclass(frozen=True, slots=True)
class _Comparison:
    at: float  # on the clock that never jumps
    start: float  # of that clock, as this host's says
    difference: timedelta


_last: _Comparison | None = None


def get_database_time() -> datetime:
    """The database's time, asked for at this moment; with SQLite there is only one machine."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def get_site_time() -> datetime:
    """The database's time, as reckoned from this host's clock: it is asked every ten seconds at most."""
    global _last
    here = timezone.now()
    if connection.vendor != "postgresql":
        return here
    at = time.monotonic()
    start, last = here.timestamp() - at, _last
    if last is None or at - last.at > COMPARE_SECONDS or abs(start - last.start) > JUMP_SECONDS:
        last = _last = _Comparison(at, start, get_database_time() - here)
    return here + last.difference
