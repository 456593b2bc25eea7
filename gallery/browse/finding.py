"""Finding by one search box: people, albums, dates, file names; and photos with A and B, without C.

A text of names between commas is understood as people: "Anna, Bảo, -Eva" are the photos with Anna and Bảo on
which Eva is not. What is no such list is looked for in all names, with or without accents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.http import QueryDict

from gallery.browse import photos
from gallery.browse.albums import albums
from gallery.browse.dates import Span, span_of
from gallery.browse.paging import as_id
from gallery.models import Album, Face, Person, Photo, User
from gallery.models.people import name_key, search_key
from gallery.visibility import visible_albums, visible_photos

HIDDEN = ("ignored", "not_a_face")
MOST = 8  # people in one question
FEW = 16  # people
WITHOUT = ("-", "without ", "not ")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for."""

    text: str = ""
    people: tuple[Person, ...] = field(default=())  # all of them on the photo
    without: tuple[Person, ...] = field(default=())  # none of them
    is_unnamed: bool = False  # with a face that has no name
    span: Span | None = None
    lost: tuple[str, ...] = field(default=())  # names typed of whom nobody, or more than one, is known

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.people or self.without or self.is_unnamed)


def wish(text: str, people: Sequence[int], without: Sequence[int], *, is_unnamed: bool) -> Wish:
    """The wish of a page's address; names typed into the text join those chosen before."""
    found = Person.objects.in_bulk([*people[:MOST], *without[:MOST]])
    asked = Wish(
        text.strip(),
        tuple(found[pk] for pk in dict.fromkeys(people[:MOST]) if pk in found),
        tuple(found[pk] for pk in dict.fromkeys(without[:MOST]) if pk in found and pk not in people),
        is_unnamed,
    )
    named = _as_people(asked.text)
    if named is not None:
        with_them, without_them = named
        return replace(
            asked,
            text="",
            people=_joined(asked.people, with_them),
            without=_joined(asked.without, without_them),
        )
    return replace(asked, span=span_of(asked.text))


def wish_of(query: QueryDict) -> Wish:
    """The wish of an address: `q`, `with` and `without` (ids, several), `unnamed`; `also` and `but` add names."""
    people, without, lost = _ids(query, "with"), _ids(query, "without"), []
    typed = [(name.strip(), people) for name in query.get("also", "").split(",")]
    typed += [(name.strip(), without) for name in query.get("but", "").split(",")]
    for name, chosen in typed[:MOST]:
        person = _one_person(_bare(name)) if _bare(name) else None
        if person:
            (without if _is_without(name) else chosen).append(person.pk)
        elif name:
            lost.append(_bare(name))
    found = wish(query.get("q", ""), people, without, is_unnamed=query.get("unnamed") == "1")
    return replace(found, lost=tuple(lost))


def _ids(query: QueryDict, name: str) -> list[int]:
    return [pk for pk in map(as_id, query.getlist(name)) if pk is not None]


def _joined(first: tuple[Person, ...], second: Iterable[Person]) -> tuple[Person, ...]:
    return tuple({person.pk: person for person in (*first, *second)}.values())


def _as_people(text: str) -> tuple[list[Person], list[Person]] | None:
    """The people a list of names means: at least two names, or one to leave out; None for other text."""
    terms = [term.strip() for term in text.split(",") if term.strip()]
    if not terms or (len(terms) == 1 and not _is_without(terms[0])):
        return None
    with_them: list[Person] = []
    without: list[Person] = []
    for term in terms[:MOST]:
        person = _one_person(_bare(term))
        if person is None:
            return None
        (without if _is_without(term) else with_them).append(person)
    return with_them, without


def _is_without(term: str) -> bool:
    return term.casefold().startswith(WITHOUT)


def _bare(term: str) -> str:
    start = next((start for start in WITHOUT if term.casefold().startswith(start)), "")
    return term[len(start) :].strip()


def _one_person(name: str) -> Person | None:
    """The person of this name, else the only one whose name holds it."""
    exact = Person.objects.filter(key=name_key(name)).first()
    if exact or not search_key(name):
        return exact
    found = list(Person.objects.filter(search__contains=search_key(name))[:2])
    return found[0] if len(found) == 1 else None


def found_photos(user: User, asked: Wish) -> QuerySet[Photo]:
    """Photos that fulfil the wish; with nothing but text, by file name, album, people and date."""
    rows = visible_photos(user)
    for person in asked.people:
        rows = rows.filter(pk__in=_photos_with([person]))
    if asked.without:
        rows = rows.exclude(pk__in=_photos_with(asked.without))
    if asked.is_unnamed:
        rows = photos.chosen(rows, "unnamed")
    return rows.filter(_about(user, asked)) if asked.text else rows


def _photos_with(people: Iterable[Person]) -> QuerySet[Face, Any]:
    rows = Face.objects.filter(person__in=[person.pk for person in people]).exclude(decision__in=HIDDEN)
    return rows.order_by().values("photo")


def _about(user: User, asked: Wish) -> Q:
    key = search_key(asked.text)
    named_albums = visible_albums(user).filter(search__contains=key).values("pk")
    found = Q(search__contains=key) | Q(album__in=named_albums) | _shows_one_named(key)
    return found | _in_span(asked.span) if asked.span else found


def _shows_one_named(key: str) -> Q:
    """Photos of people whose name holds this.

    Of a few people all photos are gathered; of many there is one on nearly each photo, so each is asked.
    """
    named = Person.objects.filter(search__contains=key).order_by().values_list("pk", flat=True)
    some = list(named[: FEW + 1])
    if len(some) <= FEW:
        faces = Face.objects.filter(person__in=some).exclude(decision__in=HIDDEN)
        return Q(pk__in=faces.order_by().values("photo"))
    on_it = Face.objects.filter(photo=OuterRef("pk"), person__in=named).exclude(decision__in=HIDDEN)
    first = Subquery(on_it.values("pk")[:1])  # of what merely exists PostgreSQL would gather all, too
    return Q(IsNull(first, False))


def _in_span(span: Span) -> Q:
    taken = Q(taken_at__date__gte=span.first, taken_at__date__lte=span.last)
    undated = Q(taken_at__isnull=True, album__date__gte=span.first, album__date__lte=span.last)
    return taken | undated


def found_albums(user: User, asked: Wish) -> QuerySet[Album]:
    """Albums by name, or by date."""
    if not asked.text:
        return Album.objects.none()
    hit = Q(search__contains=search_key(asked.text))
    if asked.span:
        hit |= Q(date__gte=asked.span.first, date__lte=asked.span.last)
    return albums(user).filter(hit)
