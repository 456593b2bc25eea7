"""Search by one box: people, albums, dates, file names; and photos with A and B, without C.

A text of names between commas is understood as people: "Anna, Bảo, -Eva" are the photos with Anna and Bảo on
which Eva is not; "tag:trip", "favourite" and "rating:4" (or more) may stand among them. What is no such list is
looked for in all names, captions and tags, with or without accents. A name may hold commas itself, or begin like
"without" or "tag:"."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.http import QueryDict
from django.utils import formats
from django.utils.dates import MONTHS

from gallery.core.pagination import parse_id
from gallery.faces.namesakes import find_people_called, tell_namesakes_apart
from gallery.models import Album, AlbumPhoto, Face, Membership, PeopleGroup, Person, Photo, PhotoTag, User
from gallery.models.people import get_name_key, get_search_key
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.albums import list_albums
from gallery.photos.selectors import filter_photos

MAX_SEARCHED_PEOPLE, MAX_SEARCHED_TAGS = 8, 8  # in one question
STARS = ("1", "2", "3", "4", "5")
FEW_PEOPLE = 16  # people
WITHOUT_PREFIXES = ("-", "without ", "not ")
FILTER_PATTERN = re.compile(
    r"(?i)tag:\s*(?P<tag>.*\S)|(?P<favourite>favou?rites?)|rating:\s*(?P<rating>[1-5])"
)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for."""

    text: str = ""
    people: tuple[Person, ...] = ()  # all of them on the photo
    without: tuple[Person, ...] = ()  # none of them
    group: PeopleGroup | None = None  # somebody of it on the photo, who belonged to it then
    is_unnamed: bool = False  # with a face that has no name
    tags: tuple[str, ...] = ()  # all of them on the photo
    is_favourite: bool = False  # of whoever asks
    rating: int | None = None  # at least as many stars
    span: DateSpan | None = None
    lost: tuple[str, ...] = ()  # names typed of whom nobody, or more than one, is known

    @property
    def is_empty(self) -> bool:
        return not (
            self.text or self.people or self.without or self.group or self.is_unnamed or self.has_filter
        )

    @property
    def has_filter(self) -> bool:
        """Whether only photos can fulfil it, whatever the text."""
        return bool(self.tags or self.is_favourite or self.rating)


def parse_search_query(user: User, query: QueryDict) -> SearchQuery:
    """What an address asks: `q`, `with` and `without` (ids, several), `group`, `unnamed`, `tag` (several),
    `favourite`, `rating`; `also` and `but` add names.

    Names typed into the text join the people chosen before.
    """
    with_ids, without_ids, lost = _parse_ids(query, "with"), _parse_ids(query, "without"), []
    typed = [(*term, with_ids) for term in _split_terms(query.get("also", ""))]
    typed += [(*term, without_ids) for term in _split_terms(query.get("but", ""))]
    for is_excluded, name, ids in typed[:MAX_SEARCHED_PEOPLE]:
        if person := _find_one_person(user, name):
            (without_ids if is_excluded else ids).append(person.pk)
        else:
            lost.append(name)
    with_ids, without_ids = with_ids[:MAX_SEARCHED_PEOPLE], without_ids[:MAX_SEARCHED_PEOPLE]
    found = Person.objects.in_bulk([*with_ids, *without_ids])
    people = [found[pk] for pk in with_ids if pk in found]
    without = [found[pk] for pk in without_ids if pk in found and pk not in with_ids]
    text, filters = _take_filters(query.get("q", ""))
    tags = [*query.getlist("tag"), *(found["tag"] for found in filters if found["tag"])]
    stars = [query.get("rating"), *(found["rating"] for found in filters)]
    if named := _parse_people(user, text):
        text = ""
        people += named[0]
        without += named[1]
    tell_namesakes_apart(user, [*people, *without])
    return SearchQuery(
        text,
        tuple(dict.fromkeys(people)),
        tuple(dict.fromkeys(without)),
        group=PeopleGroup.objects.filter(pk=parse_id(query.get("group", "")) or 0).first(),
        is_unnamed=query.get("unnamed") == "1",
        tags=tuple(dict.fromkeys(tag for tag in tags if get_search_key(tag)))[:MAX_SEARCHED_TAGS],
        is_favourite=query.get("favourite") == "1" or any(found["favourite"] for found in filters),
        rating=max((int(given) for given in stars if given in STARS), default=None),
        span=parse_date_span(text),
        lost=tuple(lost),
    )


def _parse_ids(query: QueryDict, name: str) -> list[int]:
    return [pk for pk in map(parse_id, query.getlist(name)) if pk is not None]


def _take_filters(text: str) -> tuple[str, list[re.Match[str]]]:
    """The text without what between its commas asks for tags, favourites or stars, and that; names are no such."""
    parts = text.split(",")
    found = {part: match for part in parts if (match := FILTER_PATTERN.fullmatch(part.strip()))}
    called = Person.objects.filter(key__in=[get_name_key(part) for part in found]) if found else None
    names = set(called.values_list("key", flat=True)) if called else set()
    filters = {part: match for part, match in found.items() if get_name_key(part) not in names}
    return ",".join(part for part in parts if part not in filters).strip(), list(filters.values())


def _parse_people(user: User, text: str) -> tuple[list[Person], list[Person]] | None:
    """The people a list of names means: at least two names, or one to leave out; None for other text."""
    terms = _split_terms(text)
    if len(terms) < 2 and not any(is_excluded for is_excluded, _name in terms):
        return None
    with_them: list[Person] = []
    without: list[Person] = []
    for is_excluded, name in terms[:MAX_SEARCHED_PEOPLE]:
        person = _find_one_person(user, name)
        if person is None:
            return None
        (without if is_excluded else with_them).append(person)
    return with_them, without


def _split_terms(text: str) -> list[tuple[bool, str]]:
    """The names between commas, each with whether it is left out.

    A name may hold commas itself, or begin like "without": what somebody is called as it stands is that name, the
    longest first.
    """
    parts = [part for part in text.split(",") if part.strip()]
    if len(parts) > 2 * MAX_SEARCHED_PEOPLE:
        return [_split_without(part.strip()) for part in parts]
    spans = {
        (start, end): ",".join(parts[start:end]).strip()
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    }
    asked = {get_name_key(name) for term in spans.values() for name in (term, _split_without(term)[1])}
    keys = set(Person.objects.filter(key__in=asked).values_list("key", flat=True))
    terms, start = [], 0
    while start < len(parts):
        for end in range(len(parts), start, -1):
            term = spans[start, end]
            is_excluded, name = _split_without(term)
            if get_name_key(term) in keys:
                terms.append((False, term))
                break
            if get_name_key(name) in keys or end == start + 1:
                terms.append((is_excluded, name))
                break
        start = end
    return [(is_excluded, name) for is_excluded, name in terms if name]


def _split_without(term: str) -> tuple[bool, str]:
    """Whether the term leaves somebody out, and the name in it."""
    prefix = next((prefix for prefix in WITHOUT_PREFIXES if term.casefold().startswith(prefix)), "")
    return bool(prefix), term[len(prefix) :].strip()


def _find_one_person(user: User, name: str) -> Person | None:
    """The person of this name or label, else the only one whose name holds it; None where it is that of several."""
    found = find_people_called(name, user)
    if not found and get_search_key(name):
        found = list(Person.objects.named(name)[:2])
    return found[0] if len(found) == 1 else None


def search_photos(user: User, asked: SearchQuery) -> PhotoQuerySet:
    """Photos that fulfil the wish; with nothing but text, by file name, caption, tag, album, people and date."""
    rows = Photo.objects.visible_to(user)
    for person in asked.people:
        rows = rows.filter(pk__in=_photos_with_people([person]))
    if asked.without:
        rows = rows.exclude(pk__in=_photos_with_people(asked.without))
    if asked.group:
        rows = rows.filter(_shows_group(asked.group))
    if asked.is_unnamed:
        rows = filter_photos(user, rows, "unnamed")
    if asked.is_favourite:
        rows = filter_photos(user, rows, "favourites")
    if asked.rating:
        rows = rows.filter(rating__gte=asked.rating)
    for tag in asked.tags:
        tagged = PhotoTag.objects.filter(search=get_search_key(tag)).order_by()
        rows = rows.filter(pk__in=tagged.values("photo"))
    return rows.filter(_matches_text(user, asked)) if asked.text else rows


def _photos_with_people(people: Iterable[Person]) -> QuerySet[Face, Any]:
    return Face.objects.named().filter(person__in=people).order_by().values("photo")


def _shows_group(group: PeopleGroup) -> Q:
    """Photos of people of the group, taken while they belonged to it where the days are known."""
    held = Membership.objects.filter(group=group, person=OuterRef("person"))
    begun = Q(since=None) | Q(since__lte=OuterRef("photo__taken_at__date"))
    lasting = Q(until=None) | Q(until__gte=OuterRef("photo__taken_at__date"))
    inside = held.filter((begun & lasting) | IsNull(OuterRef("photo__taken_at"), True))
    faces = Face.objects.named().filter(Exists(inside), person__memberships__group=group)
    return Q(pk__in=faces.order_by().values("photo"))


def _matches_text(user: User, asked: SearchQuery) -> Q:
    key = get_search_key(asked.text)
    albums = Album.objects.visible_to(user).order_by()
    found = Q(search__contains=key) | Q(caption_search__contains=key)
    found |= Q(pk__in=PhotoTag.objects.filter(search__contains=key).order_by().values("photo"))
    found |= _is_in_albums(albums.filter(search__contains=key))
    found |= _shows_person_named(asked.text)
    if span := asked.span:
        found |= Q(taken_at__date__gte=span.first, taken_at__date__lte=span.last)
        dated = albums.filter(date__gte=span.first, date__lte=span.last)
        found |= Q(taken_at__isnull=True) & _is_in_albums(dated)
    return found


def _is_in_albums(albums: QuerySet[Album]) -> Q:
    return Q(pk__in=AlbumPhoto.objects.filter(album__in=albums.values("pk")).values("photo"))


def _shows_person_named(text: str) -> Q:
    """Photos of people whose name holds this.

    Of a few people all photos are gathered; of many there is one on nearly each photo, so each is asked.
    """
    named = Person.objects.named(text).order_by().values_list("pk", flat=True)
    some = list(named[: FEW_PEOPLE + 1])
    if len(some) <= FEW_PEOPLE:
        faces = Face.objects.named().filter(person__in=some)
        return Q(pk__in=faces.order_by().values("photo"))
    on_it = Face.objects.named().filter(photo=OuterRef("pk"), person__in=named)
    first = Subquery(on_it.values("pk")[:1])  # of what merely exists PostgreSQL would gather all, too
    return Q(IsNull(first, False))


def search_albums(user: User, asked: SearchQuery) -> QuerySet[Album]:
    """Albums by name, or by date."""
    if not asked.text or asked.has_filter:
        return Album.objects.none()
    hit = Q(search__contains=get_search_key(asked.text))
    if asked.span:
        hit |= Q(date__gte=asked.span.first, date__lte=asked.span.last)
    return list_albums(user).filter(hit)


YEAR_PATTERN = re.compile(r"(?:18|19|20|21)\d\d")
YEAR_FIRST_PATTERN = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?")
YEAR_LAST_PATTERN = re.compile(r"(?:(\d{1,2})([-/.]))?(\d{1,2})[-/.](\d{4})")


@dataclass(frozen=True, slots=True)
class DateSpan:
    """From the first day to the last, both included."""

    first: date
    last: date


def parse_date_span(text: str) -> DateSpan | None:
    """What the text means as a date; None if it means none."""
    text = text.strip().rstrip(".")
    if found := YEAR_FIRST_PATTERN.fullmatch(text):
        return _make_span(*(int(part) for part in found.groups() if part))
    if found := YEAR_LAST_PATTERN.fullmatch(text):
        first, sign, second, year = found.groups()
        if not first:
            return _make_span(int(year), int(second))
        # Day before month, but for 3/25/2024 and where the reader's language puts the month first.
        is_month_first = sign == "/" and formats.get_format("SHORT_DATE_FORMAT").startswith(("m", "n"))
        month, day = (first, second) if is_month_first else (second, first)
        return _make_span(int(year), int(month), int(day)) or _make_span(int(year), int(day), int(month))
    if YEAR_PATTERN.fullmatch(text):
        return _make_span(int(text))
    return _parse_named_month(text)


def _make_span(year: int, month: int | None = None, day: int | None = None) -> DateSpan | None:
    """The year, the month, or the day; None if there is none such."""
    try:
        first = date(year, 1 if month is None else month, 1 if day is None else day)
    except ValueError:
        return None
    last_month = month or 12
    return DateSpan(first, date(year, last_month, day or calendar.monthrange(year, last_month)[1]))


def _parse_named_month(text: str) -> DateSpan | None:
    """A month by its name, in English or the reader's language, perhaps with a day: "5 May 2024"."""
    key = get_search_key(text).replace(",", " ")
    year = YEAR_PATTERN.search(key)
    if not year:
        return None
    rest = " ".join(key.replace(year[0], " ", 1).split())
    for number, name in MONTHS.items():
        for word in (get_search_key(str(name)), calendar.month_name[number], calendar.month_abbr[number]):
            word = re.escape(word.lower())
            if found := re.fullmatch(rf"{word}(?: (\d{{1,2}}))?|(\d{{1,2}})\.? {word}", rest):
                day = found[1] or found[2]
                return _make_span(int(year[0]), number, int(day) if day else None)
    return None
