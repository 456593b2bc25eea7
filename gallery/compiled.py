"""What nearly every page asks: written as SQL once, by Django, and kept.

To write the query that counts open findings takes Django ten times as long as SQLite takes to answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

MOST_KEPT = 1_000  # queries; then all are forgotten, and written again as they are asked

_kept: dict[Hashable, Written] = {}


class Written(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]


def first_column(key: Hashable, rows: Callable[[], QuerySet[Any, Any]]) -> list[Any]:
    """The first column of these rows. The key names the query and all that it depends on, the day included."""
    with connection.cursor() as cursor:
        cursor.execute(*_written(key, rows))
        return [row[0] for row in cursor.fetchall()]


def _written(key: Hashable, rows: Callable[[], QuerySet[Any, Any]]) -> Written:
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        found = _kept[key] = Written(*rows().query.sql_with_params())
    return found
