"""Dates as people write them into a search box: a day, a month or a year."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date

from django.utils import formats
from django.utils.dates import MONTHS

from gallery.models.people import search_key

YEAR = re.compile(r"(?P<year>(?:18|19|20|21)\d\d)")
MONTH = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})|(?P<month2>\d{1,2})[-/.](?P<year2>\d{4})")
ISO_DAY = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
DAY = re.compile(r"(?P<first>\d{1,2})(?P<sign>[-/.])(?P<second>\d{1,2})[-/.](?P<year>\d{4})")


@dataclass(frozen=True, slots=True)
class Span:
    """From the first day to the last, both included."""

    first: date
    last: date


def span_of(text: str) -> Span | None:
    """What the text means as a date; None if it means none."""
    text = text.strip().rstrip(".")
    if found := ISO_DAY.fullmatch(text):
        return _day(int(found["year"]), int(found["month"]), int(found["day"]))
    if found := DAY.fullmatch(text):
        return _written_day(found)
    if found := MONTH.fullmatch(text):
        return _month(int(found["year"] or found["year2"]), int(found["month"] or found["month2"]))
    if found := YEAR.fullmatch(text):
        year = int(found["year"])
        return Span(date(year, 1, 1), date(year, 12, 31))
    return _named(text)


def _day(year: int, month: int, day: int) -> Span | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return Span(found, found)


def _written_day(found: re.Match[str]) -> Span | None:
    """Day before month, but for 3/25/2024 and where the reader's language puts the month first."""
    first, second, year = int(found["first"]), int(found["second"]), int(found["year"])
    is_month_first = found["sign"] == "/" and formats.get_format("SHORT_DATE_FORMAT").startswith(("m", "n"))
    ordered = [(second, first), (first, second)]
    if is_month_first:
        ordered.reverse()
    return _day(year, *ordered[0]) or _day(year, *ordered[1])


def _month(year: int, month: int) -> Span | None:
    if not (1 <= month <= 12 and 1 <= year <= 9999):
        return None
    return Span(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))


def _named(text: str) -> Span | None:
    """A month by its name, in English or the reader's language, perhaps with a day: "5 May 2024"."""
    key = search_key(text).replace(",", " ")
    year = YEAR.search(key)
    if not year:
        return None
    rest = " ".join(key.replace(year[0], " ", 1).split())
    for number, name in MONTHS.items():
        for word in {
            search_key(str(name)),
            calendar.month_name[number].lower(),
            calendar.month_abbr[number].lower(),
        }:
            if rest == word:
                return _month(int(year["year"]), number)
            day = re.fullmatch(rf"(?:{re.escape(word)} (\d{{1,2}})|(\d{{1,2}})\.? {re.escape(word)})", rest)
            if day:
                return _day(int(year["year"]), number, int(day[1] or day[2]))
    return None
