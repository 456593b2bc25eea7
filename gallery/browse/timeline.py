"""On how many photos somebody is, year by year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, Min, QuerySet, Value, When
from django.db.models.functions import ExtractYear
from django.utils import timezone

from gallery.browse.people import photos_of, photos_with
from gallery.compiled import GIVEN, rows
from gallery.models import Person, Photo, User
from gallery.visibility import kept_for

MOST_YEARS = 100  # that are told apart by comparing


@dataclass(frozen=True, slots=True)
class Timeline:
    """On how many photos somebody is: in each year, the newest first, and in all."""

    years: dict[int, int]
    photos: int


def timeline(user: User, person: Person) -> Timeline:
    """Photos a year, by the date they were taken; those without a date count in all."""
    span = _span()
    if span is None:
        return Timeline({}, photos_of(user, person).count())
    key = kept_for(user, "timeline", *span, MOST_YEARS, timezone.get_current_timezone_name())
    by_year = rows(key, partial(_by_year, user, *span), pk=person.pk)
    found = {year and int(year): photos for year, photos in by_year}
    years = {year: found[year] for year in sorted(filter(None, found), reverse=True)}
    return Timeline(years, sum(found.values()))


def _span() -> tuple[int, int] | None:
    """The years of the first and of the last photo; None where none is dated."""
    ends = Photo.objects.order_by().aggregate(first=Min("taken_at"), last=Max("taken_at"))
    if ends["first"] is None:
        return None
    return timezone.localtime(ends["first"]).year, timezone.localtime(ends["last"]).year


def _by_year(user: User, first: int, last: int) -> QuerySet[Photo, Any]:
    """Photos a year, of the person that is given."""
    seen = photos_with(user, GIVEN).order_by().annotate(year=_year(first, last))
    return seen.values_list("year").annotate(photos=Count("pk"))


def _year(first: int, last: int) -> Case | ExtractYear:
    """The year a photo was taken in, if anybody knows.

    It is told by comparing: when each year begins is asked of the calendar once, and not for each photo what
    year it is.
    """
    if last - first > MOST_YEARS:
        return ExtractYear("taken_at")
    zone = timezone.get_current_timezone()
    whens = [
        When(taken_at__gte=datetime(year, 1, 1, tzinfo=zone), then=Value(year))
        for year in range(last, first, -1)
    ]
    rest = When(taken_at__isnull=False, then=Value(first))
    return Case(*whens, rest, output_field=IntegerField())
