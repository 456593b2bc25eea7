"""People: how often they appear, what they look like, and with whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count, Max, Min, Q, QuerySet

from gallery.browse.paging import Mark
from gallery.compiled import given_ids, rows
from gallery.models import Face, Person, Photo, Reference, User
from gallery.models.people import search_key
from gallery.visibility import counted_faces, kept_for, visible_photos, visible_references

NOT_NAMED = ("ignored", "not_a_face")
PAGE = 48
LOOKED_THROUGH = 300  # newest photos, for who is seen most
FACE = (
    "id",
    "photo_id",
    "left",
    "top",
    "width",
    "height",
    "person_id",
)  # for its picture, as the model has them


@dataclass(frozen=True, slots=True)
class Portrait:
    """A person as a card shows them: with a reference, or with a face from a photo, or with neither."""

    person: Person
    reference: Reference | None
    face: Face | None
    photos: int | None  # None where they were not counted


def people(*, hidden: bool = False, text: str = "") -> QuerySet[Person]:
    """People by name. Their photos are counted where they are shown, by `portraits`: not of everybody."""
    found = Person.objects.filter(is_hidden=hidden)
    if text:
        found = found.filter(search__contains=search_key(text))
    return found.order_by("search", "pk")


def page(people: QuerySet[Person], after: Mark | None) -> tuple[list[Person], Mark | None]:
    """People by name, from behind a mark on; and the mark of the next page."""
    if after is not None:
        behind = Q(search__gt=after.value) | Q(pk__gt=after.pk)
        people = people.filter(behind, search__gte=after.value)
    found = list(people.order_by("search", "pk")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return found[:PAGE], Mark(last.pk, last.search) if last else None


def names(limit: int = 500) -> list[str]:
    """Names to choose from while typing."""
    shown = Person.objects.filter(is_hidden=False).order_by("search")
    return list(shown.values_list("name", flat=True)[:limit])


def most_seen(user: User, limit: int = 12) -> list[Person]:
    """Who is on the most of the newest photos, with `times` of these; then others by name.

    Takes as long however many photos there are.
    """
    newest = visible_photos(user).order_by("-pk").values("pk")[:LOOKED_THROUGH]
    found = most_often(Face.objects.filter(photo__in=newest), limit)
    if len(found) < limit:
        found += people().exclude(pk__in=[person.pk for person in found])[: limit - len(found)]
    return found


def most_often(faces: QuerySet[Face], limit: int) -> list[Person]:
    """Whose names stand on these faces in the most photos, with `times`; nobody who is hidden.

    The hidden are left out afterwards: they are few, and the faces would each have to be asked for theirs.
    """
    named = faces.filter(person__isnull=False).exclude(decision__in=NOT_NAMED)
    times = named.order_by().values("person").annotate(times=Count("photo", distinct=True))
    ranked = times.order_by("-times", "person").values_list("person", "times")
    most, found, counts = 0, list[Person](), dict[int, int]()
    while len(found) < limit and len(counts) == most:
        most = 4 * most or 2 * limit  # once is enough, unless half of them are hidden
        counts = dict(ranked[:most])
        found = list(Person.objects.filter(pk__in=counts, is_hidden=False))
    for person in found:
        person.times = counts[person.pk]  # type: ignore[attr-defined]  # as an annotation would
    return sorted(found, key=lambda person: (-counts[person.pk], person.search))[:limit]


def photo_counts(user: User, people: Iterable[int]) -> dict[int, int]:
    """On how many photos that this user may see each of these people is."""
    wanted = list(people)
    if not wanted:
        return {}
    return dict(rows(kept_for(user, "photos of people"), partial(_photos_each, user), ids=wanted))


def _photos_each(user: User) -> QuerySet[Face, Any]:
    faces = counted_faces(user).filter(person__in=given_ids()).exclude(decision__in=NOT_NAMED)
    return faces.order_by().values_list("person").annotate(Count("photo", distinct=True))


def portraits(user: User, people: Iterable[Person], *, is_counted: bool = True) -> list[Portrait]:
    """Cards for people; at most four queries, however many they are. Where `times` is known, it is not counted."""
    found = list(people)
    uncounted = [person.pk for person in found if is_counted and not hasattr(person, "times")]
    counts = photo_counts(user, uncounted)
    references = _references(user, found)
    faces = _faces(user, [person.pk for person in found if person.pk not in references])
    return [
        Portrait(
            person,
            references.get(person.pk),
            faces.get(person.pk),
            counts.get(person.pk, getattr(person, "times", 0)) if is_counted else None,
        )
        for person in found
    ]


def _references(user: User, people: list[Person]) -> dict[int, Reference]:
    """For each person the cover, else the first approved reference."""
    visible = visible_references(user).only("person", "sha256")
    chosen = [person.cover_id for person in people if person.cover_id]
    covers = {found.person_id: found for found in visible.filter(pk__in=chosen)} if chosen else {}
    rest = [person.pk for person in people if person.pk not in covers]
    if not rest:
        return covers
    firsts = rows(kept_for(user, "first references"), partial(_firsts, user), ids=rest)
    found = [Reference.from_db(DEFAULT_DB_ALIAS, ("id", "person_id", "sha256"), row) for row in firsts]
    return covers | {reference.person_id: reference for reference in found}


def _firsts(user: User) -> QuerySet[Reference, Any]:
    approved = visible_references(user).filter(person__in=given_ids(), status=Reference.Judgement.APPROVED)
    first_ids = approved.order_by().values("person").annotate(first=Min("pk")).values("first")
    return Reference.objects.filter(pk__in=first_ids).order_by().values_list("pk", "person", "sha256")


def _faces(user: User, people: list[int]) -> dict[int, Face]:
    if not people:
        return {}
    found = {}
    for *columns, sha256 in rows(kept_for(user, "newest faces"), partial(_newest, user), ids=people):
        face = Face.from_db(DEFAULT_DB_ALIAS, FACE, columns)
        face.photo = Photo.from_db(DEFAULT_DB_ALIAS, ("id", "sha256"), (face.photo_id, sha256))
        found[columns[-1]] = face
    return found


def _newest(user: User) -> QuerySet[Face, Any]:
    named = counted_faces(user).filter(person__in=given_ids()).exclude(decision__in=NOT_NAMED)
    ids = named.order_by().values("person").annotate(newest=Max("pk")).values("newest")
    return Face.objects.filter(pk__in=ids).order_by().values_list(*FACE, "photo__sha256")


def photos_of(user: User, person: Person) -> QuerySet[Photo]:
    """All photos with this person."""
    return photos_with(user, person.pk)


def photos_with(user: User, person: int) -> QuerySet[Photo]:
    """Those of the person of this id."""
    faces = Face.objects.filter(person=person).exclude(decision__in=NOT_NAMED)
    return visible_photos(user).filter(pk__in=faces.values("photo"))


def appears_with(user: User, person: Person, limit: int = 12) -> list[Person]:
    """Who is on the same photos, most often first, with `times`."""
    together = Face.objects.filter(photo__in=photos_of(user, person).values("pk"))
    return most_often(together.exclude(person=person), limit)
