"""Keyset pagination: the next page is asked for by the last id of this one, never by its number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    rows: Sequence[Row]
    after: int | str | None  # what to ask the next page with; None at the end

    def __bool__(self) -> bool:
        return bool(self.rows)


def paginate_by_id(rows: QuerySet[Row], after: int | None, size: int) -> KeysetPage[Row]:
    """Newest first; `after` is the id that the page before ended with."""
    if after is not None:
        rows = rows.filter(pk__lt=after)
    found = list(rows.order_by("-pk")[: size + 1])
    return KeysetPage(found[:size], found[size - 1].pk if len(found) > size else None)


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Where a page of a list in some other order ended; it holds when that row is gone, too."""

    pk: int
    value: str  # of the column that the list is ordered by

    def __str__(self) -> str:
        return f"{self.pk}:{self.value}"

    @staticmethod
    def read(text: str) -> PageCursor | None:
        """From an address; None for anything that is no mark."""
        number, colon, value = text.partition(":")
        pk = parse_id(number)
        return PageCursor(pk, value) if pk is not None and colon and "\0" not in value else None


@dataclass(frozen=True, slots=True)
class ScoreCursor:
    """Where a page of a list ended whose groups are ordered by a score, the highest first, and then by id."""

    score: float
    pk: int
    group: int = 0

    def __str__(self) -> str:
        return f"{self.group}:{self.score!r}:{self.pk}"

    @staticmethod
    def read(text: str) -> ScoreCursor | None:
        try:
            group, score, pk = text.split(":")
            found = ScoreCursor(float(score), int(pk), int(group))
        except ValueError:
            return None
        return found if isfinite(found.score) else None


def find_by_id(rows: QuerySet[Row], text: str | None) -> Row | None:
    """The row of an id from an address, if there is one."""
    pk = parse_id(text)
    return None if pk is None else rows.filter(pk=pk).first()


def parse_id(text: str | None) -> int | None:
    """An id from an address; None for anything else."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def parse_ids(texts: Iterable[str]) -> list[int]:
    """The ids among these texts, in their order."""
    return [pk for pk in map(parse_id, texts) if pk is not None]
