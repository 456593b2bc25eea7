"""SQL that Django writes once and that is kept, and many ids as one query parameter."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

MAX_KEPT_QUERIES = 1_000  # queries; then all are forgotten, and written again as they are asked
GIVEN_ID = -(2**62)  # an id no row has: the place of the id that is given
_IDS_PLACEHOLDER = "the ids that are given"

QueryBuilder = Callable[[], QuerySet[Any, Any]]
_kept_queries: dict[Hashable, WrittenQuery] = {}


class WrittenQuery(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]


def among_ids(ids: Iterable[int]) -> RawSQL:
    """For `pk__in=among(ids)`: any number of ids as one parameter, where a list of them would be slow."""
    return _build_ids_sql(_encode_ids(ids))


def given_ids() -> RawSQL:
    """For `pk__in=given_ids()`, in a query that is asked with `ids`."""
    return _build_ids_sql(_IDS_PLACEHOLDER)


def _build_ids_sql(text: str) -> RawSQL:
    sql = IDS_SQL_POSTGRES if connection.vendor == "postgresql" else IDS_SQL_SQLITE
    return RawSQL(sql, [text])  # noqa: S611 -- two constants; the ids are a parameter


IDS_SQL_SQLITE = "SELECT value FROM json_each(%s)"
IDS_SQL_POSTGRES = "SELECT unnest(CAST(%s AS bigint[]))"


def _encode_ids(ids: Iterable[int]) -> str:
    text = json.dumps([int(pk) for pk in ids])
    return text.replace("[", "{").replace("]", "}") if connection.vendor == "postgresql" else text


def fetch_rows(
    key: Hashable, query: QueryBuilder, *, pk: int = 0, ids: Iterable[int] = ()
) -> list[tuple[Any, ...]]:
    """The values of these rows: numbers and texts, which come as the database has them.

    The key names the query and all that it depends on, the day included; with None it is not kept. It is asked with
    `pk` in the place of GIVEN, and with `ids` in that of `given_ids()`.
    """
    return _execute_query(*_get_written_query(key, query), pk, ids)


def count_rows(key: Hashable, query: QueryBuilder) -> int:
    """How many rows these are."""
    sql, parameters = _get_written_query(key, query)
    counting = f"SELECT COUNT(*) FROM ({sql}) AS found"  # noqa: S608 -- of a query that Django has written
    number: int = _execute_query(counting, parameters, 0, ())[0][0]
    return number


def fetch_first_column(key: Hashable, query: QueryBuilder) -> list[Any]:
    """The first column of these rows."""
    return [row[0] for row in fetch_rows(key, query)]


def _execute_query(sql: str, parameters: Iterable[Any], pk: int, ids: Iterable[int]) -> list[tuple[Any, ...]]:
    given = {GIVEN_ID: pk, _IDS_PLACEHOLDER: _encode_ids(ids)}
    filled: list[Any] = [
        given.get(each, each) if isinstance(each, int | str) else each for each in parameters
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, filled)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _get_written_query(key: Hashable, query: QueryBuilder) -> WrittenQuery:
    found = _kept_queries.get(key) if key is not None else None
    if found is None:
        found = WrittenQuery(*query().query.sql_with_params())
        if key is not None:
            if len(_kept_queries) >= MAX_KEPT_QUERIES:
                _kept_queries.clear()
            _kept_queries[key] = found
    return found
