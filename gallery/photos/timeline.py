"""Photos of a list by year and month, and where in its order each of them begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, F, Min, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.utils import timezone

from gallery.core.pagination import PageCursor
from gallery.models.photos import PhotoOrder
from gallery.photos.ordering import ASCENDING, Photos, order_photos

MOST_YEARS = 100  # whose months are told apart without looking first which years have photos


@dataclass(frozen=True, slots=True)
class TimelineMonth:
    start: datetime
    count: int
    after: str  # what `after` in the list's address says to begin there


@dataclass(frozen=True, slots=True)
class TimelineYear:
    year: int
    months: list[TimelineMonth]

    @property
    def count(self) -> int:
        return sum(month.count for month in self.months)

    @property
    def after(self) -> str:
        return self.months[0].after


def get_timeline(photos: Photos, order: str) -> list[TimelineYear]:
    """The years and months of these photos, in the order they are listed in; none where that is by hand.

    A month is one where the site is.
    """
    if order == PhotoOrder.HAND:
        return []
    moment: Combinable = F("added_at") if order == PhotoOrder.ADDED else Coalesce("taken_at", "added_at")
    rows = photos.annotate(at=moment)
    ends: list[datetime] = []
    for is_reversed in (False, True):
        listed = order_photos(rows, order, is_reversed=is_reversed)
        ends += listed.values_list("at", flat=True)[:1]  # type: ignore[misc]  # annotated above
    if not ends:
        return []
    years = range(timezone.localtime(min(ends)).year, timezone.localtime(max(ends)).year + 1)
    wanted: Iterable[int] = years
    if len(years) > MOST_YEARS:
        counted = _count_between(rows.order_by(), [_get_month_start(year, 1) for year in years])
        wanted = [start.year for start, _count, _first in counted]
    starts = [_get_month_start(year, month) for year in wanted for month in range(1, 13)]
    months = _count_between(rows.order_by(), starts)
    is_ascending = order in ASCENDING
    if not is_ascending:
        months.reverse()
    found: dict[int, list[TimelineMonth]] = {}
    newer = None  # the first photo added in the month after
    for start, count, first_id in months:
        if order == PhotoOrder.ADDED:
            after = "" if newer is None else str(newer)
        else:
            after = str(PageCursor(0, (start if is_ascending else _get_next_month(start)).isoformat()))
        newer = first_id
        found.setdefault(start.year, []).append(TimelineMonth(start, count, after))
    return [TimelineYear(year, months) for year, months in found.items()]


def _count_between(rows: Photos, starts: Sequence[datetime]) -> list[tuple[datetime, int, int]]:
    """Of the spans that begin at these times, and have photos: the beginning, how many, and the least id."""
    spans = rows.annotate(span=_find_span(starts)).values_list("span")
    counted = spans.annotate(Count("pk"), Min("pk")).order_by("span")
    return [(starts[span], count, first) for span, count, first in counted]


def _find_span(starts: Sequence[datetime], begin: int = 0) -> Combinable:
    """The number of the last of these times that is not after `at`, found by halves: what databases know of months
    is dear, and not about where the site is."""
    if len(starts) == 1:
        return Value(begin)
    half = len(starts) // 2
    earlier, later = _find_span(starts[:half], begin), _find_span(starts[half:], begin + half)
    return Case(When(at__lt=starts[half], then=earlier), default=later)


def _get_month_start(year: int, month: int) -> datetime:
    return timezone.make_aware(datetime(year, month, 1), timezone.get_current_timezone())


def _get_next_month(start: datetime) -> datetime:
    return _get_month_start(start.year + start.month // 12, start.month % 12 + 1)
