"""Many ids as one query parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.db import connection
from django.db.models.expressions import RawSQL


def among_ids(ids: Iterable[int]) -> RawSQL:
    """For `pk__in=among_ids(ids)`: any number of ids as one parameter, where a list has a parameter for each."""
    listed = [int(pk) for pk in ids]
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [listed])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(listed)])
