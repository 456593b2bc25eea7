"""How many faces there are, of whom, and in which group: all that an index holds, less the few that are not seen.

To ask of each face whether its photo is seen takes twice as long.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Count, QuerySet

from gallery.compiled import count, rows
from gallery.models import Face, User
from gallery.visibility import kept_for, unseen_faces


def faces(user: User) -> int:
    """All that this user may see."""
    return count("all faces", _all) - count(kept_for(user, "unseen faces"), partial(_unseen, user))


def faces_each(user: User) -> dict[int | None, int]:
    """By person, those without one under None."""
    found: dict[int | None, int] = dict(rows("faces each", partial(_each, _all())))
    unseen = rows(kept_for(user, "unseen faces each"), partial(_each, unseen_faces(user)))
    for person, number in unseen:
        found[person] -= number
    return {person: number for person, number in found.items() if number}


def unknown_each(user: User) -> dict[int | None, int]:
    """The faces without a name and without a decision, by their group, those in none under None."""
    found: dict[int | None, int] = dict(rows("unknown each", partial(_unknown_each, _all())))
    for group, number in rows(
        kept_for(user, "unseen unknown each"), partial(_unknown_each, unseen_faces(user))
    ):
        found[group] -= number
    return {group: number for group, number in found.items() if number}


def _unknown_each(faces: QuerySet[Face]) -> QuerySet[Face, Any]:
    unknown = faces.filter(decision="", person__isnull=True)
    return unknown.order_by().values_list("cluster").annotate(number=Count("*"))


def _unseen(user: User) -> QuerySet[Face]:
    return unseen_faces(user).only("pk")


def _all() -> QuerySet[Face]:
    return Face.objects.order_by().only("pk")


def _each(faces: QuerySet[Face]) -> QuerySet[Face, Any]:
    return faces.order_by().values_list("person").annotate(number=Count("*"))
