"""Consents that have run out or soon will, and what switching recognition off would take away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, QuerySet

from gallery.browse.paging import Mark
from gallery.browse.people import Portrait, portraits
from gallery.models import Album, Decision, Face, Person, Photo, Reference, User
from gallery.recognising import today
from gallery.visibility import visible_faces, visible_references

SOON_DAYS = 30
PAGE = 60


@dataclass(frozen=True, slots=True)
class Counts:
    expired: int
    soon: int


def expired_people() -> QuerySet[Person]:
    """Longest ago first."""
    return Person.objects.filter(consent_until__lt=today()).order_by("consent_until", "pk")


def soon_people() -> QuerySet[Person]:
    """Whose consent holds today and will not in 30 days; the next first."""
    soon = Person.objects.filter(consent_until__gte=today())
    return soon.filter(consent_until__lt=today() + timedelta(days=SOON_DAYS)).order_by("consent_until", "pk")


def counts() -> Counts:
    return Counts(expired_people().count(), soon_people().count())


def page(user: User, rows: QuerySet[Person], after: Mark | None) -> tuple[list[Portrait], Mark | None]:
    """Some of these people as cards, and what the next page begins behind."""
    found = list(_behind(rows, after).select_related("cover")[: PAGE + 1])
    shown, last = found[:PAGE], found[PAGE - 1 : PAGE]
    following = Mark(last[0].pk, str(last[0].consent_until)) if len(found) > PAGE else None
    return portraits(user, shown), following


def _behind(rows: QuerySet[Person], after: Mark | None) -> QuerySet[Person]:
    try:
        last = date.fromisoformat(after.value) if after else None
    except ValueError:
        last = None
    if after is None or last is None:
        return rows
    return rows.filter(Q(consent_until__gt=last) | Q(consent_until=last, pk__gt=after.pk))


@dataclass(frozen=True, slots=True)
class Losses:
    """What goes when recognition is switched off, and what stays; as far as the user may know of it."""

    compared: int  # faces that are compared with others
    guessed: int  # names the machine gave
    said: int  # names people gave
    references: int = 0


def photo_losses(user: User, photo: Photo) -> Losses:
    return _losses(visible_faces(user).filter(photo=photo))


def album_losses(user: User, album: Album) -> Losses:
    return _losses(visible_faces(user).filter(photo__album=album))


def person_losses(user: User, person: Person) -> Losses:
    references = visible_references(user).filter(person=person, status=Reference.Judgement.APPROVED)
    return _losses(visible_faces(user).filter(person=person), references.count())


def _losses(faces: QuerySet[Face], references: int = 0) -> Losses:
    guessed = Q(decision=Decision.NONE, state=Face.State.KNOWN, person__isnull=False)
    return Losses(
        faces.filter(embedding__isnull=False).count(),
        faces.filter(guessed).count(),
        faces.filter(decision=Decision.CONFIRMED).count(),
        references,
    )
