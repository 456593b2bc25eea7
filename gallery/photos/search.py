"""Search by one box: people, albums, dates, file names; and photos with A and B, without C.

A text of names between commas is understood as people: "Anna, Bảo, -Eva" are the photos with Anna and Bảo on
which Eva is not. What is no such list is looked for in all names, with or without accents."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.http import QueryDict
from django.utils import formats
from django.utils.dates import MONTHS

from gallery.core.pagination import parse_id
from gallery.models import Album, Face, Person, Photo, User
from gallery.models.people import get_name_key, get_search_key
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.albums import list_albums
from gallery.photos.selectors import filter_photos

MAX_SEARCHED_PEOPLE = 8  # people in one question
FEW_PEOPLE = 16  # people
WITHOUT_PREFIXES = ("-", "without ", "not ")


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for."""

    text: str = ""
    people: tuple[Person, ...] = field(default=())  # all of them on the photo
    without: tuple[Person, ...] = field(default=())  # none of them
    is_unnamed: bool = False  # with a face that has no name
    span: DateSpan | None = None
    lost: tuple[str, ...] = field(default=())  # names typed of whom nobody, or more than one, is known

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.people or self.without or self.is_unnamed)


def make_search_query(
    text: str, people: Sequence[int], without: Sequence[int], *, is_unnamed: bool
) -> SearchQuery:
    """The wish of a page's address; names typed into the text join those chosen before."""
    found = Person.objects.in_bulk([*people[:MAX_SEARCHED_PEOPLE], *without[:MAX_SEARCHED_PEOPLE]])
    asked = SearchQuery(
        text.strip(),
        tuple(found[pk] for pk in dict.fromkeys(people[:MAX_SEARCHED_PEOPLE]) if pk in found),
        tuple(
            found[pk]
            for pk in dict.fromkeys(without[:MAX_SEARCHED_PEOPLE])
            if pk in found and pk not in people
        ),
        is_unnamed,
    )
    named = _parse_people(asked.text)
    if named is not None:
        with_them, without_them = named
        return replace(
            asked,
            text="",
            people=_join_people(asked.people, with_them),
            without=_join_people(asked.without, without_them),
        )
    return replace(asked, span=parse_date_span(asked.text))


def parse_search_query(query: QueryDict) -> SearchQuery:
    """The wish of an address: `q`, `with` and `without` (ids, several), `unnamed`; `also` and `but` add names."""
    people, without, lost = _parse_ids(query, "with"), _parse_ids(query, "without"), []
    typed = [(name.strip(), people) for name in query.get("also", "").split(",")]
    typed += [(name.strip(), without) for name in query.get("but", "").split(",")]
    for name, chosen in typed[:MAX_SEARCHED_PEOPLE]:
        person = _find_one_person(_strip_without_prefix(name)) if _strip_without_prefix(name) else None
        if person:
            (without if _is_excluding_term(name) else chosen).append(person.pk)
        elif name:
            lost.append(_strip_without_prefix(name))
    found = make_search_query(query.get("q", ""), people, without, is_unnamed=query.get("unnamed") == "1")
    return replace(found, lost=tuple(lost))


def _parse_ids(query: QueryDict, name: str) -> list[int]:
    return [pk for pk in map(parse_id, query.getlist(name)) if pk is not None]


def _join_people(first: tuple[Person, ...], second: Iterable[Person]) -> tuple[Person, ...]:
    return tuple({person.pk: person for person in (*first, *second)}.values())


def _parse_people(text: str) -> tuple[list[Person], list[Person]] | None:
    """The people a list of names means: at least two names, or one to leave out; None for other text."""
    terms = [term.strip() for term in text.split(",") if term.strip()]
    if not terms or (len(terms) == 1 and not _is_excluding_term(terms[0])):
        return None
    with_them: list[Person] = []
    without: list[Person] = []
    for term in terms[:MAX_SEARCHED_PEOPLE]:
        person = _find_one_person(_strip_without_prefix(term))
        if person is None:
            return None
        (without if _is_excluding_term(term) else with_them).append(person)
    return with_them, without


def _is_excluding_term(term: str) -> bool:
    return term.casefold().startswith(WITHOUT_PREFIXES)


def _strip_without_prefix(term: str) -> str:
    start = next((start for start in WITHOUT_PREFIXES if term.casefold().startswith(start)), "")
    return term[len(start) :].strip()


def _find_one_person(name: str) -> Person | None:
    """The person of this name, else the only one whose name holds it."""
    exact = Person.objects.filter(key=get_name_key(name)).first()
    if exact or not get_search_key(name):
        return exact
    found = list(Person.objects.filter(search__contains=get_search_key(name))[:2])
    return found[0] if len(found) == 1 else None


def search_photos(user: User, asked: SearchQuery) -> PhotoQuerySet:
    """Photos that fulfil the wish; with nothing but text, by file name, album, people and date."""
    rows = Photo.objects.visible_to(user)
    for person in asked.people:
        rows = rows.filter(pk__in=_photos_with_people([person]))
    if asked.without:
        rows = rows.exclude(pk__in=_photos_with_people(asked.without))
    if asked.is_unnamed:
        rows = filter_photos(rows, "unnamed")
    return rows.filter(_matches_text(user, asked)) if asked.text else rows


def _photos_with_people(people: Iterable[Person]) -> QuerySet[Face, Any]:
    return Face.objects.named().filter(person__in=people).order_by().values("photo")


def _matches_text(user: User, asked: SearchQuery) -> Q:
    key = get_search_key(asked.text)
    named_albums = Album.objects.visible_to(user).filter(search__contains=key).values("pk")
    found = Q(search__contains=key) | Q(album__in=named_albums) | _shows_person_named(key)
    return found | _is_taken_in_span(asked.span) if asked.span else found


def _shows_person_named(key: str) -> Q:
    """Photos of people whose name holds this.

    Of a few people all photos are gathered; of many there is one on nearly each photo, so each is asked.
    """
    named = Person.objects.filter(search__contains=key).order_by().values_list("pk", flat=True)
    some = list(named[: FEW_PEOPLE + 1])
    if len(some) <= FEW_PEOPLE:
        faces = Face.objects.named().filter(person__in=some)
        return Q(pk__in=faces.order_by().values("photo"))
    on_it = Face.objects.named().filter(photo=OuterRef("pk"), person__in=named)
    first = Subquery(on_it.values("pk")[:1])  # of what merely exists PostgreSQL would gather all, too
    return Q(IsNull(first, False))


def _is_taken_in_span(span: DateSpan) -> Q:
    taken = Q(taken_at__date__gte=span.first, taken_at__date__lte=span.last)
    undated = Q(taken_at__isnull=True, album__date__gte=span.first, album__date__lte=span.last)
    return taken | undated


def search_albums(user: User, asked: SearchQuery) -> QuerySet[Album]:
    """Albums by name, or by date."""
    if not asked.text:
        return Album.objects.none()
    hit = Q(search__contains=get_search_key(asked.text))
    if asked.span:
        hit |= Q(date__gte=asked.span.first, date__lte=asked.span.last)
    return list_albums(user).filter(hit)


YEAR_PATTERN = re.compile(r"(?P<year>(?:18|19|20|21)\d\d)")
MONTH_PATTERN = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})|(?P<month2>\d{1,2})[-/.](?P<year2>\d{4})")
ISO_DAY_PATTERN = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})")
DAY_PATTERN = re.compile(r"(?P<first>\d{1,2})(?P<sign>[-/.])(?P<second>\d{1,2})[-/.](?P<year>\d{4})")


@dataclass(frozen=True, slots=True)
class DateSpan:
    """From the first day to the last, both included."""

    first: date
    last: date


def parse_date_span(text: str) -> DateSpan | None:
    """What the text means as a date; None if it means none."""
    text = text.strip().rstrip(".")
    if found := ISO_DAY_PATTERN.fullmatch(text):
        return _make_day_span(int(found["year"]), int(found["month"]), int(found["day"]))
    if found := DAY_PATTERN.fullmatch(text):
        return _parse_written_day(found)
    if found := MONTH_PATTERN.fullmatch(text):
        return _make_month_span(int(found["year"] or found["year2"]), int(found["month"] or found["month2"]))
    if found := YEAR_PATTERN.fullmatch(text):
        year = int(found["year"])
        return DateSpan(date(year, 1, 1), date(year, 12, 31))
    return _parse_named_month(text)


def _make_day_span(year: int, month: int, day: int) -> DateSpan | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return DateSpan(found, found)


def _parse_written_day(found: re.Match[str]) -> DateSpan | None:
    """Day before month, but for 3/25/2024 and where the reader's language puts the month first."""
    first, second, year = int(found["first"]), int(found["second"]), int(found["year"])
    is_month_first = found["sign"] == "/" and formats.get_format("SHORT_DATE_FORMAT").startswith(("m", "n"))
    ordered = [(second, first), (first, second)]
    if is_month_first:
        ordered.reverse()
    return _make_day_span(year, *ordered[0]) or _make_day_span(year, *ordered[1])


def _make_month_span(year: int, month: int) -> DateSpan | None:
    if not (1 <= month <= 12 and 1 <= year <= 9999):
        return None
    return DateSpan(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))


def _parse_named_month(text: str) -> DateSpan | None:
    """A month by its name, in English or the reader's language, perhaps with a day: "5 May 2024"."""
    key = get_search_key(text).replace(",", " ")
    year = YEAR_PATTERN.search(key)
    if not year:
        return None
    rest = " ".join(key.replace(year[0], " ", 1).split())
    for number, name in MONTHS.items():
        for word in {
            get_search_key(str(name)),
            calendar.month_name[number].lower(),
            calendar.month_abbr[number].lower(),
        }:
            if rest == word:
                return _make_month_span(int(year["year"]), number)
            day = re.fullmatch(rf"(?:{re.escape(word)} (\d{{1,2}})|(\d{{1,2}})\.? {re.escape(word)})", rest)
            if day:
                return _make_day_span(int(year["year"]), number, int(day[1] or day[2]))
    return None
