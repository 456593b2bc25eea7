"""How many faces there are, of whom, and in which group: all that an index holds, less the few that are not seen.

To ask of each face whether its photo is seen takes twice as long.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Count, Q, QuerySet

from gallery.compiled import count, rows
from gallery.models import Face, User
from gallery.visibility import kept_for, unseen_faces

UNKNOWN = Q(decision="", person__isnull=True)
ROUND = 10_000  # faces; so that few queries are kept which count to an end

Tally = dict[int | None, int]


def faces(user: User, most: int) -> int:
    """All that this user may see, counted no further than `most`."""
    unseen = count(kept_for(user, "unseen faces"), partial(_unseen, user))
    end = -(-(most + unseen) // ROUND) * ROUND
    return max(0, min(most, count(("faces", end), partial(_all, end)) - unseen))


def faces_each(user: User) -> Tally:
    """By person, those without one under None."""
    unseen = rows(kept_for(user, "unseen faces each"), partial(_unseen_each, user))
    return _less(rows("faces each", _each), unseen)


def unknown_each(user: User) -> Tally:
    """The faces without a name and without a decision, by their group, those in none under None."""
    unseen = rows(kept_for(user, "unseen unknown each"), partial(_unseen_unknown_each, user))
    return _less(rows("unknown each", _unknown_each), unseen)


def _less(everything: list[tuple[Any, ...]], unseen: list[tuple[Any, ...]]) -> Tally:
    """The difference; of the two one may know of what was written in between."""
    found: Tally = dict(everything)
    for key, number in unseen:
        found[key] = found.get(key, 0) - number
    return {key: number for key, number in found.items() if number > 0}


def _all(end: int) -> QuerySet[Face]:
    return Face.objects.order_by().only("pk")[:end]


def _unseen(user: User) -> QuerySet[Face]:
    return unseen_faces(user).only("pk")


def _each() -> QuerySet[Face, Any]:
    return _by("person", Face.objects.all())


def _unseen_each(user: User) -> QuerySet[Face, Any]:
    return _by("person", unseen_faces(user))


def _unknown_each() -> QuerySet[Face, Any]:
    return _by("cluster", Face.objects.filter(UNKNOWN))


def _unseen_unknown_each(user: User) -> QuerySet[Face, Any]:
    return _by("cluster", unseen_faces(user).filter(UNKNOWN))


def _by(column: str, faces: QuerySet[Face]) -> QuerySet[Face, Any]:
    return faces.order_by().values_list(column).annotate(number=Count("*"))
