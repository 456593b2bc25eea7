"""The history as a page shows it: what the user may know of, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from gallery import audit, quota
from gallery.browse.paging import Page, page_of
from gallery.models import Album, Event, EventSubject, Face, Person, Photo, User
from gallery.services.history import may_undo
from gallery.services.sentences import say
from gallery.visibility import hidden_albums, visible_faces, visible_photos

PAGE = 40
NO_ACTS = (*audit.ONLY_AUDIT, quota.REFUSED)


@dataclass(frozen=True, slots=True)
class Entry:
    event: Event
    says: str
    may_undo: bool
    face: Face | None  # what to show beside it, if the user may see it
    photo: Photo | None
    person: Person | None


def events(user: User, *, actor: int | None, person: int | None, photo: int | None) -> QuerySet[Event]:
    """Acts of one user, or about one person or photo, or all of them: as lines of a history."""
    rows = visible_events(user)
    if actor is not None:
        rows = rows.filter(actor=actor)
    for kind, pk in (("person", person), ("photo", photo)):
        if pk is not None:
            rows = rows.filter(pk__in=_about(kind, pk))
    if person is None and photo is None:
        return rows.filter(batch__isnull=True)  # an act on many is one line here
    return rows.exclude(object_type="bulkact")  # and where it is about one of them, its part is


def visible_events(user: User) -> QuerySet[Event]:
    """Acts, but for those about photos and albums that the user may not see; users are administrators' business.

    Acts on many are here both as one and as their parts. Who came and what they saw is no act: that is the audit
    trail.
    """
    rows = Event.objects.select_related("actor", "undone_by").exclude(verb__in=NO_ACTS)
    if user.is_administrator:
        return rows
    hidden = hidden_albums(user)
    if hidden != []:
        rows = rows.exclude(pk__in=_about_hidden(hidden))
    return rows.exclude(pk__in=_of_gone_albums(user)).exclude(object_type__in=("user", "invitation"))


def _about(kind: str, pk: int) -> QuerySet[EventSubject, Any]:
    return EventSubject.objects.filter(object_type=kind, object_id=pk).values("event")


def _about_hidden(albums: QuerySet[Any, Any] | list[int]) -> QuerySet[EventSubject, Any]:
    """Acts on these albums and on their photos."""
    photos = Photo.objects.filter(album__in=albums).order_by()
    of_albums = Q(object_type="album", object_id__in=albums)
    of_photos = Q(object_type="photo", object_id__in=photos.values("pk"))
    return EventSubject.objects.filter(of_albums | of_photos).values("event")


def _of_gone_albums(user: User) -> QuerySet[Event, Any]:
    """Others' acts on albums that are gone, unless everybody could see these when they were removed."""
    removed = Event.objects.filter(verb="album.remove", undone_at=None)  # one undone says nothing of the last
    opened = removed.filter(summary__is_open=True).values("object_id")
    there = Album.objects.order_by().values("pk")
    of_albums = EventSubject.objects.filter(object_type="album").exclude(object_id__in=there)
    gone = of_albums.exclude(object_id__in=opened).values("event")
    return Event.objects.filter(pk__in=gone).exclude(actor=user).order_by().values("pk")


def page(user: User, rows: QuerySet[Event], after: int | None) -> tuple[list[Entry], Page[Event]]:
    """A page of entries, in a constant number of queries."""
    found = page_of(rows, after, PAGE)
    return entries(user, found.rows), found


def entries(user: User, found: Iterable[Event]) -> list[Entry]:
    found = list(found)
    subjects = _subjects(found)
    faces = (
        visible_faces(user)
        .select_related("photo")
        .in_bulk([pk for kind, pk in subjects.values() if kind == "face"])
    )
    photo_ids = [event.summary.get("photo_id") or _own(event, "photo") for event in found]
    photos = visible_photos(user).in_bulk([pk for pk in photo_ids if pk])
    people = Person.objects.in_bulk([pk for pk in (_person(event) for event in found) if pk])
    return [
        Entry(
            event,
            say(event),
            may_undo(user, event),
            faces.get(subjects[event.pk][1]) if event.pk in subjects else None,
            photos.get(photo or 0),
            people.get(_person(event) or 0),
        )
        for event, photo in zip(found, photo_ids, strict=True)
    ]


def _own(event: Event, kind: str) -> int | None:
    return event.object_id if event.object_type == kind else None


def _person(event: Event) -> int | None:
    found = event.summary.get("person_id") or _own(event, "person")
    return int(found) if found else None


def _subjects(found: list[Event]) -> dict[int, tuple[str, int]]:
    """For each event the first of its faces."""
    rows = EventSubject.objects.filter(event__in=found, object_type="face").order_by("-object_id")
    return {event: ("face", pk) for event, pk in rows.values_list("event_id", "object_id")}
