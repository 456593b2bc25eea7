"""What nearly every page asks: written as SQL once, by Django, and kept.

To write the query that counts open findings takes Django ten times as long as SQLite takes to answer it. What differs
from one time to the next, the id or the ids that are asked for, has a place in the query that is filled when it is
asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

MOST_KEPT = 1_000  # queries; then all are forgotten, and written again as they are asked
GIVEN = -(2**62)  # an id no row has: the place of the id that is given
_PLACE = "the ids that are given"

Query = Callable[[], QuerySet[Any, Any]]
_kept: dict[Hashable, Written] = {}


class Written(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]


def among(ids: Iterable[int]) -> RawSQL:
    """For `pk__in=among(ids)`: any number of ids as one parameter, where a list of them would be slow."""
    return _among(_as_text(ids))


def given_ids() -> RawSQL:
    """For `pk__in=given_ids()`, in a query that is asked with `ids`."""
    return _among(_PLACE)


def _among(text: str) -> RawSQL:
    sql = IDS_POSTGRES if connection.vendor == "postgresql" else IDS_SQLITE
    return RawSQL(sql, [text])  # noqa: S611 -- two constants; the ids are a parameter


IDS_SQLITE = "SELECT value FROM json_each(%s)"
IDS_POSTGRES = "SELECT unnest(CAST(%s AS bigint[]))"


def _as_text(ids: Iterable[int]) -> str:
    text = json.dumps([int(pk) for pk in ids])
    return text.replace("[", "{").replace("]", "}") if connection.vendor == "postgresql" else text


def rows(key: Hashable, query: Query, *, pk: int = 0, ids: Iterable[int] = ()) -> list[tuple[Any, ...]]:
    """The values of these rows: numbers and texts, which come as the database has them.

    The key names the query and all that it depends on, the day included; with None it is not kept. It is asked with
    `pk` in the place of GIVEN, and with `ids` in that of `given_ids()`.
    """
    return _asked(*_written(key, query), pk, ids)


def count(key: Hashable, query: Query) -> int:
    """How many rows these are."""
    sql, parameters = _written(key, query)
    counting = f"SELECT COUNT(*) FROM ({sql}) AS found"  # noqa: S608 -- of a query that Django has written
    number: int = _asked(counting, parameters, 0, ())[0][0]
    return number


def first_column(key: Hashable, query: Query) -> list[Any]:
    """The first column of these rows."""
    return [row[0] for row in rows(key, query)]


def _asked(sql: str, parameters: Iterable[Any], pk: int, ids: Iterable[int]) -> list[tuple[Any, ...]]:
    given = {GIVEN: pk, _PLACE: _as_text(ids)}
    filled: list[Any] = [
        given.get(each, each) if isinstance(each, int | str) else each for each in parameters
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, filled)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _written(key: Hashable, query: Query) -> Written:
    found = _kept.get(key) if key is not None else None
    if found is None:
        found = Written(*query().query.sql_with_params())
        if key is not None:
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[key] = found
    return found
