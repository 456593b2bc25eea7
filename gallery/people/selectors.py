"""People for pages: how often they appear, what they look like, with whom, and in which years."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath, PureWindowsPath

from django.db.models import Case, Count, Exists, Max, Min, OuterRef, Q, QuerySet, When
from django.db.models.functions import ExtractYear

from gallery.core.erased import find_erased
from gallery.core.pagination import PageCursor
from gallery.faces.namesakes import find_people_called, tell_namesakes_apart
from gallery.faces.selectors import find_most_frequent_people
from gallery.models import (
    ErasedDigest,
    Face,
    Membership,
    OtherName,
    PeopleGroup,
    Person,
    Photo,
    Reference,
    User,
)
from gallery.models.people import LABEL_COLUMNS, clean_name, get_name_key, get_search_key

COPY_NUMBER = re.compile(r"[\s-]*(\(\d+\)|\d+)\s*$")
NUMBERED_FILE = re.compile(
    r"(?i)(img|dsc|dscn|dscf|pxl|mvi|dji|gopr|p|image|photo|scan|foto|bild)?[\W_]*\d[\d\W_]*"
)
PEOPLE_PER_PAGE = 48
MAX_SUGGESTED_PEOPLE = 8
MAX_RANKED_PHOTOS = 300  # newest photos, for who is seen most
CARD_FACE_COLUMNS = (
    "left",
    "top",
    "width",
    "height",
    "person",
    "photo__sha256",
    "photo__turn",
)  # for its picture


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person as a card shows them: with a reference, or with a face from a photo, or with neither."""

    person: Person
    reference: Reference | None
    face: Face | None
    photos: int | None  # None where they were not counted
    other_name: str = ""  # by which they were found
    group: str = ""  # whose other people are on the photo: see groups.find_likely_people


def list_people(
    *,
    hidden: bool = False,
    text: str = "",
    favourite_of: User | None = None,
    group: PeopleGroup | None = None,
) -> QuerySet[Person]:
    """People by name. Their photos are counted where they are shown, by `get_person_cards`: not of everybody."""
    found = Person.objects.filter(is_hidden=hidden)
    if favourite_of:
        found = found.filter(favourite_of=favourite_of)
    if group:
        found = found.filter(pk__in=Membership.objects.filter(group=group).values("person"))
    if text:
        found = found.named(text)
    return found.order_by("search", "pk")


def suggest_people(user: User, text: str, likely: Collection[int] = ()) -> list[Person]:
    """People to choose from while a name is being typed: likely ones first, then the user's favourites."""
    stars = user.favourite_people.through._default_manager.filter(user=user, person=OuterRef("pk"))
    is_likely = Case(When(pk__in=likely, then=True), default=False)
    found = list_people(text=text).annotate(is_favourite=Exists(stars), is_likely=is_likely)
    return list(found.order_by("-is_likely", "-is_favourite", "search", "pk")[:MAX_SUGGESTED_PEOPLE])


def get_people_page(
    people: QuerySet[Person], after: PageCursor | None
) -> tuple[list[Person], PageCursor | None]:
    """People by name, behind the cursor; and the cursor of the next page."""
    if after is not None:
        behind = Q(search__gt=after.value) | Q(pk__gt=after.pk)
        people = people.filter(behind, search__gte=after.value)
    found = list(people.order_by("search", "pk")[: PEOPLE_PER_PAGE + 1])
    last = found[PEOPLE_PER_PAGE - 1] if len(found) > PEOPLE_PER_PAGE else None
    return found[:PEOPLE_PER_PAGE], PageCursor(last.pk, last.search) if last else None


def list_person_labels(user: User, limit: int = 500) -> list[str]:
    """Names to choose from while typing."""
    shown = list(Person.objects.shown().order_by("search", "pk").only(*LABEL_COLUMNS)[:limit])
    tell_namesakes_apart(user, shown)
    return [person.label for person in shown]


def find_most_seen_people(user: User, limit: int = 12) -> list[Person]:
    """Who is on the most of the newest photos, with `times` of these; then others by name.

    Takes as long however many photos there are.
    """
    newest = Photo.objects.visible_to(user).order_by("-pk").values("pk")[:MAX_RANKED_PHOTOS]
    found = find_most_frequent_people(Face.objects.filter(photo__in=newest), limit)
    if len(found) < limit:
        found += list_people().exclude(pk__in=[person.pk for person in found])[: limit - len(found)]
    return found


def count_photos_by_person(user: User, people: Iterable[int]) -> dict[int, int]:
    """On how many photos that this user may see each of these people is."""
    faces = Face.objects.visible_to(user).named().filter(person__in=people).order_by()
    return dict(faces.values_list("person").annotate(Count("photo", distinct=True)))


def count_references_by_person(user: User, people: Iterable[int]) -> dict[int, int]:
    """How many approved references, of those this user may see, each of these people has."""
    references = Reference.objects.visible_to(user).approved().filter(person__in=people).order_by()
    return dict(references.values_list("person").annotate(Count("pk")))


def get_person_cards(
    user: User, people: Iterable[Person], *, is_counted: bool = True, text: str = ""
) -> list[PersonCard]:
    """Cards for people; at most seven queries, however many they are. Where `times` is known, it is not counted.

    `text` is what they were found by.
    """
    found = list(people)
    tell_namesakes_apart(user, found)
    uncounted = [person.pk for person in found if is_counted and not hasattr(person, "times")]
    counts = count_photos_by_person(user, uncounted)
    references = _get_card_references(user, found)
    faces = _get_card_faces(user, [person.pk for person in found if person.pk not in references])
    other_names = _find_other_names(found, text) if text else {}
    return [
        PersonCard(
            person,
            references.get(person.pk),
            faces.get(person.pk),
            counts.get(person.pk, getattr(person, "times", 0)) if is_counted else None,
            other_names.get(person.pk, ""),
        )
        for person in found
    ]


def _find_other_names(people: list[Person], text: str) -> dict[int, str]:
    """An other name of each that holds the text, where their own does not."""
    key = get_search_key(text)
    rows = OtherName.objects.filter(
        person__in=[person.pk for person in people if key not in person.search], search__contains=key
    )
    return dict(rows.order_by("-pk").values_list("person", "name"))


def _get_card_references(user: User, people: list[Person]) -> dict[int, Reference]:
    """For each person the cover, else the first approved reference."""
    visible = Reference.objects.visible_to(user).only("person", "sha256")
    chosen = [person.cover_id for person in people if person.cover_id]
    covers = {found.person_id: found for found in visible.filter(pk__in=chosen)} if chosen else {}
    rest = [person.pk for person in people if person.pk not in covers]
    approved = visible.approved().filter(person__in=rest).order_by()
    firsts = approved.values("person").annotate(first=Min("pk")).values("first")
    return covers | {found.person_id: found for found in visible.filter(pk__in=firsts)}


def _get_card_faces(user: User, people: list[int]) -> dict[int, Face]:
    """For each person the newest face that bears their name."""
    named = Face.objects.visible_to(user).named().filter(person__in=people).order_by()
    newest = named.values("person").annotate(newest=Max("pk")).values("newest")
    found = Face.objects.filter(pk__in=newest).select_related("photo").only(*CARD_FACE_COLUMNS)
    return {face.person_id or 0: face for face in found}


def list_photos_of_person(user: User, person: Person) -> QuerySet[Photo]:
    """All photos with this person."""
    faces = Face.objects.named().filter(person=person)
    return Photo.objects.visible_to(user).filter(pk__in=faces.values("photo"))


def find_people_seen_with(user: User, person: Person, limit: int = 12) -> list[Person]:
    """Who is on the same photos, most often first, with `times`."""
    together = Face.objects.filter(photo__in=list_photos_of_person(user, person).values("pk"))
    return find_most_frequent_people(together.exclude(person=person), limit)


@dataclass(frozen=True, slots=True)
class PersonTimeline:
    """On how many photos somebody is: in each year, the newest first, and in all."""

    years: dict[int, int]
    photos: int


def get_person_timeline(user: User, person: Person) -> PersonTimeline:
    """Photos a year, by the date they were taken; those without a date count in all."""
    photos = list_photos_of_person(user, person).order_by()
    by_year = photos.annotate(year=ExtractYear("taken_at")).values_list("year")
    found: dict[int | None, int] = dict(by_year.annotate(number=Count("pk")))
    years = {year: found[year] for year in sorted(filter(None, found), reverse=True)}
    return PersonTimeline(years, sum(found.values()))


def get_name_in_file_name(path: PurePath) -> str:
    """Whom a file is called after, as in "Anna_Nguyen-2.jpg"; "" for a camera's number."""
    if NUMBERED_FILE.fullmatch(path.stem):
        return ""
    return clean_name(COPY_NUMBER.sub("", path.stem.replace("_", " ")))


def map_folders_to_labels() -> dict[str, str]:
    """By the key of a folder's name, whose references came from such a folder: the person with most of them."""
    rows = Reference.objects.exclude(status=Reference.Judgement.REJECTED).exclude(source_path="")
    places = (
        (place.parent.name, person)
        for path, person, key in rows.values_list("source_path", "person", "person__key").iterator()
        if get_name_key(get_name_in_file_name(place := PureWindowsPath(path)))
        != key  # which takes either slash
    )
    times = Counter((folder, person) for folder, person in places if folder)
    labels = {person.pk: person.label for person in Person.objects.only(*LABEL_COLUMNS)}
    return {get_name_key(folder): labels[pk] for (folder, pk), _times in reversed(times.most_common())}


def find_present_label(folder: str, labels_by_folder: Mapping[str, str]) -> str:
    """The folder's name where somebody has it, or had it and was erased; else that of who came from such a folder."""
    if find_people_called(folder) or find_erased(ErasedDigest.Kind.NAME, [get_search_key(folder)]):
        return folder
    return labels_by_folder.get(get_name_key(folder), folder)
