"""People for pages: how often they appear, what they look like, with whom, and in which years."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Case, Count, IntegerField, Max, Min, Q, QuerySet, Value, When
from django.db.models.functions import ExtractYear
from django.utils import timezone

from gallery.core.pagination import PageCursor
from gallery.core.visibility import get_query_key
from gallery.faces.selectors import NAMELESS_DECISIONS, find_most_frequent_people
from gallery.models import Face, Person, Photo, Reference, User
from gallery.models.people import get_name_key, get_search_key
from gallery.models.querysets import (
    visible_faces_for_counting,
    visible_photos,
    visible_references,
)
from gallery.models.sql import GIVEN_ID, fetch_rows, given_ids

PEOPLE_PER_PAGE = 48
MAX_RANKED_PHOTOS = 300  # newest photos, for who is seen most
CARD_FACE_COLUMNS = (
    "id",
    "photo_id",
    "left",
    "top",
    "width",
    "height",
    "person_id",
)  # for its picture, as the model has them


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person as a card shows them: with a reference, or with a face from a photo, or with neither."""

    person: Person
    reference: Reference | None
    face: Face | None
    photos: int | None  # None where they were not counted


def list_people(*, hidden: bool = False, text: str = "") -> QuerySet[Person]:
    """People by name. Their photos are counted where they are shown, by `portraits`: not of everybody."""
    found = Person.objects.filter(is_hidden=hidden)
    if text:
        found = found.filter(search__contains=get_search_key(text))
    return found.order_by("search", "pk")


def get_people_page(
    people: QuerySet[Person], after: PageCursor | None
) -> tuple[list[Person], PageCursor | None]:
    """People by name, from behind a mark on; and the mark of the next page."""
    if after is not None:
        behind = Q(search__gt=after.value) | Q(pk__gt=after.pk)
        people = people.filter(behind, search__gte=after.value)
    found = list(people.order_by("search", "pk")[: PEOPLE_PER_PAGE + 1])
    last = found[PEOPLE_PER_PAGE - 1] if len(found) > PEOPLE_PER_PAGE else None
    return found[:PEOPLE_PER_PAGE], PageCursor(last.pk, last.search) if last else None


def list_person_names(limit: int = 500) -> list[str]:
    """Names to choose from while typing."""
    shown = Person.objects.filter(is_hidden=False).order_by("search")
    return list(shown.values_list("name", flat=True)[:limit])


def find_most_seen_people(user: User, limit: int = 12) -> list[Person]:
    """Who is on the most of the newest photos, with `times` of these; then others by name.

    Takes as long however many photos there are.
    """
    newest = visible_photos(user).order_by("-pk").values("pk")[:MAX_RANKED_PHOTOS]
    found = find_most_frequent_people(Face.objects.filter(photo__in=newest), limit)
    if len(found) < limit:
        found += list_people().exclude(pk__in=[person.pk for person in found])[: limit - len(found)]
    return found


def count_photos_by_person(user: User, people: Iterable[int]) -> dict[int, int]:
    """On how many photos that this user may see each of these people is."""
    wanted = list(people)
    if not wanted:
        return {}
    return dict(
        fetch_rows(get_query_key(user, "photos of people"), partial(_query_photo_counts, user), ids=wanted)
    )


def _query_photo_counts(user: User) -> QuerySet[Face, Any]:
    faces = (
        visible_faces_for_counting(user)
        .filter(person__in=given_ids())
        .exclude(decision__in=NAMELESS_DECISIONS)
    )
    return faces.order_by().values_list("person").annotate(Count("photo", distinct=True))


def get_person_cards(user: User, people: Iterable[Person], *, is_counted: bool = True) -> list[PersonCard]:
    """Cards for people; at most four queries, however many they are. Where `times` is known, it is not counted."""
    found = list(people)
    uncounted = [person.pk for person in found if is_counted and not hasattr(person, "times")]
    counts = count_photos_by_person(user, uncounted)
    references = _get_card_references(user, found)
    faces = _get_card_faces(user, [person.pk for person in found if person.pk not in references])
    return [
        PersonCard(
            person,
            references.get(person.pk),
            faces.get(person.pk),
            counts.get(person.pk, getattr(person, "times", 0)) if is_counted else None,
        )
        for person in found
    ]


def _get_card_references(user: User, people: list[Person]) -> dict[int, Reference]:
    """For each person the cover, else the first approved reference."""
    visible = visible_references(user).only("person", "sha256")
    chosen = [person.cover_id for person in people if person.cover_id]
    covers = {found.person_id: found for found in visible.filter(pk__in=chosen)} if chosen else {}
    rest = [person.pk for person in people if person.pk not in covers]
    if not rest:
        return covers
    firsts = fetch_rows(
        get_query_key(user, "first references"), partial(_query_first_references, user), ids=rest
    )
    found = [Reference.from_db(DEFAULT_DB_ALIAS, ("id", "person_id", "sha256"), row) for row in firsts]
    return covers | {reference.person_id: reference for reference in found}


def _query_first_references(user: User) -> QuerySet[Reference, Any]:
    approved = visible_references(user).filter(person__in=given_ids(), status=Reference.Judgement.APPROVED)
    first_ids = approved.order_by().values("person").annotate(first=Min("pk")).values("first")
    return Reference.objects.filter(pk__in=first_ids).order_by().values_list("pk", "person", "sha256")


def _get_card_faces(user: User, people: list[int]) -> dict[int, Face]:
    if not people:
        return {}
    found = {}
    for *columns, sha256 in fetch_rows(
        get_query_key(user, "newest faces"), partial(_query_newest_faces, user), ids=people
    ):
        face = Face.from_db(DEFAULT_DB_ALIAS, CARD_FACE_COLUMNS, columns)
        face.photo = Photo.from_db(DEFAULT_DB_ALIAS, ("id", "sha256"), (face.photo_id, sha256))
        found[columns[-1]] = face
    return found


def _query_newest_faces(user: User) -> QuerySet[Face, Any]:
    named = (
        visible_faces_for_counting(user)
        .filter(person__in=given_ids())
        .exclude(decision__in=NAMELESS_DECISIONS)
    )
    ids = named.order_by().values("person").annotate(newest=Max("pk")).values("newest")
    return Face.objects.filter(pk__in=ids).order_by().values_list(*CARD_FACE_COLUMNS, "photo__sha256")


def list_photos_of_person(user: User, person: Person) -> QuerySet[Photo]:
    """All photos with this person."""
    return list_photos_of_person_id(user, person.pk)


def list_photos_of_person_id(user: User, person: int) -> QuerySet[Photo]:
    """Those of the person of this id."""
    faces = Face.objects.filter(person=person).exclude(decision__in=NAMELESS_DECISIONS)
    return visible_photos(user).filter(pk__in=faces.values("photo"))


def find_people_seen_with(user: User, person: Person, limit: int = 12) -> list[Person]:
    """Who is on the same photos, most often first, with `times`."""
    together = Face.objects.filter(photo__in=list_photos_of_person(user, person).values("pk"))
    return find_most_frequent_people(together.exclude(person=person), limit)


MAX_COMPARED_YEARS = 100  # that are told apart by comparing


@dataclass(frozen=True, slots=True)
class PersonTimeline:
    """On how many photos somebody is: in each year, the newest first, and in all."""

    years: dict[int, int]
    photos: int


def get_person_timeline(user: User, person: Person) -> PersonTimeline:
    """Photos a year, by the date they were taken; those without a date count in all."""
    span = _get_year_range()
    if span is None:
        return PersonTimeline({}, list_photos_of_person(user, person).count())
    key = get_query_key(user, "timeline", *span, MAX_COMPARED_YEARS, timezone.get_current_timezone_name())
    by_year = fetch_rows(key, partial(_query_photos_by_year, user, *span), pk=person.pk)
    found = {year and int(year): photos for year, photos in by_year}
    years = {year: found[year] for year in sorted(filter(None, found), reverse=True)}
    return PersonTimeline(years, sum(found.values()))


def _get_year_range() -> tuple[int, int] | None:
    """The years of the first and of the last photo; None where none is dated."""
    ends = Photo.objects.order_by().aggregate(first=Min("taken_at"), last=Max("taken_at"))
    if ends["first"] is None:
        return None
    return timezone.localtime(ends["first"]).year, timezone.localtime(ends["last"]).year


def _query_photos_by_year(user: User, first: int, last: int) -> QuerySet[Photo, Any]:
    """Photos a year, of the person that is given."""
    seen = (
        list_photos_of_person_id(user, GIVEN_ID).order_by().annotate(year=_make_year_expression(first, last))
    )
    return seen.values_list("year").annotate(photos=Count("pk"))


def _make_year_expression(first: int, last: int) -> Case | ExtractYear:
    """The year a photo was taken in, if anybody knows.

    It is told by comparing: when each year begins is asked of the calendar once, and not for each photo what
    year it is.
    """
    if last - first > MAX_COMPARED_YEARS:
        return ExtractYear("taken_at")
    zone = timezone.get_current_timezone()
    whens = [
        When(taken_at__gte=datetime(year, 1, 1, tzinfo=zone), then=Value(year))
        for year in range(last, first, -1)
    ]
    rest = When(taken_at__isnull=False, then=Value(first))
    return Case(*whens, rest, output_field=IntegerField())


def get_person_by_name(name: str) -> Person | None:
    return Person.objects.filter(key=get_name_key(name)).first()


def find_person_by_name(name: str) -> Person | None:
    """The person of this name; case and Unicode form do not count."""
    return Person.objects.filter(key=get_name_key(name)).first()
