"""A large site made up row by row, seeded, without pictures or engines: for measuring pages and their queries."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import TypeVar

from django.db import connection
from django.db.models import Model

from bench import curated
from gallery.models import (
    Album,
    AlbumPhoto,
    Build,
    Candidate,
    Event,
    EventSubject,
    Face,
    Person,
    Photo,
    Reference,
    Role,
    Status,
    User,
)
from gallery.models.people import get_name_key, get_search_key

FACES_A_PHOTO = 10
REFERENCES_A_PERSON = 5
PHOTOS_AN_ALBUM = 100
FIRST = datetime(2015, 1, 1, tzinfo=UTC)
BATCH = 2_000
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Crowd:
    """A site of so many people and photos, with ten faces a photo."""

    person: int  # who is on most photos
    photos: list[int]  # ids, the first added first
    curator: User
    administrator: User


def fill(people: int, photos: int, references: int = 0, seed: int = 7) -> Crowd:
    """Of the references there are five a person, unless a larger number of them is asked for."""
    chance = random.Random(seed)
    curator = User.objects.create_user(f"curator-{seed}", role=Role.CURATOR)
    User.objects.create_user(f"administrator-{seed}", role=Role.ADMINISTRATOR)
    everybody = _saved(Person, (_person(number) for number in range(people)))
    each = max(REFERENCES_A_PERSON, references // people)
    held = _saved(Reference, curated.references(everybody, each, chance))
    albums = _saved(Album, (_album(number, curator) for number in range(photos // PHOTOS_AN_ALBUM + 1)))
    shots = _saved(Photo, (_photo(number, curator) for number in range(photos)))
    _saved(AlbumPhoto, _places(shots, albums))
    faces = _saved(Face, (_face(photo, place, everybody, chance) for photo in shots for place in range(10)))
    _saved(Candidate, _candidates(faces, everybody, held[::each], chance))
    _acts(curator, shots, photos // 4)
    _saved(Build, (_build(number) for number in range(max(1, people // 10))))
    curated.fill(curator, everybody, held, chance)
    return found(seed)


def settle() -> None:
    """Let PostgreSQL look after its tables now, instead of within a minute or two by itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def found(seed: int = 7) -> Crowd:
    """What `fill` has made, maybe in another process."""
    photos = list(Photo.objects.order_by("pk").values_list("pk", flat=True))
    users = [User.objects.get(username=f"{role}-{seed}") for role in ("curator", "administrator")]
    return Crowd(Person.objects.order_by("pk").values_list("pk", flat=True)[0], photos, *users)


def _saved(model: type[Row], rows: Iterator[Row]) -> list[Row]:
    made: list[Row] = []
    while some := list(islice(rows, BATCH)):
        made += model._default_manager.bulk_create(some)
    return made


def _person(number: int) -> Person:
    name = f"{chr(65 + number * 7 % 26)}nna Nguyễn {number}"
    return Person(name=name, key=get_name_key(name), search=get_search_key(name), is_hidden=number % 50 == 49)


def _album(number: int, curator: User) -> Album:
    name = f"Trip {number}"
    date = (FIRST + timedelta(days=30 * number)).date()
    return Album(
        name=name, search=get_search_key(name), date=date, is_limited=number % 20 == 19, created_by=curator
    )


def _photo(number: int, curator: User) -> Photo:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    taken = FIRST + timedelta(hours=8 * number)
    return Photo(
        file=f"photos/{digest[:2]}/{digest}.jpg",
        name=f"IMG_{number:05}.jpg",
        search=f"img_{number:05}.jpg",
        sha256=digest,
        width=4000,
        height=3000,
        taken_at=taken,
        uploaded_by=curator,
        work=Status.FAILED if number % 40 == 19 else Status.DONE,
        queued_at=taken,
        started_at=taken,
        finished_at=taken + timedelta(milliseconds=150),
        trashed_at=taken if number % 40 == 39 else None,
        milliseconds={"decode": 8.0, "detect": 60.0, "embed": 20.0, "search": 3.0},
    )


def _places(photos: list[Photo], albums: list[Album]) -> Iterator[AlbumPhoto]:
    """Two photos in three are in three albums each: that of their time, and two that gather from everywhere."""
    for number, photo in enumerate(photos):
        if number % 3:
            wanted = {number // PHOTOS_AN_ALBUM, number % len(albums), number * 7 % len(albums)}
            yield from (AlbumPhoto(album=albums[place], photo=photo) for place in sorted(wanted))


def _face(photo: Photo, place: int, people: list[Person], chance: random.Random) -> Face:
    """Six in ten are known, two unsure, two unknown; those in groups of some ten, or alone."""
    kind = chance.random()
    state = Face.State.KNOWN if kind < 0.6 else Face.State.UNSURE if kind < 0.8 else Face.State.UNKNOWN
    person = chance.choices(people, cum_weights=_weights(len(people)))[0] if kind < 0.6 else None
    return Face(
        photo=photo,
        left=380.0 * place,
        top=100.0 + 100 * (place % 3),
        width=200.0,
        height=250.0,
        score=0.9 + chance.random() / 10,
        state=state,
        person=person,
        similarity=0.9 + chance.random() / 10,
        decision="confirmed" if kind < 0.1 else "",
        embedder_id="made-up",
        embedding=chance.randbytes(512),
        cluster=chance.randrange(1, 1 + len(people) * 2) if state == Face.State.UNKNOWN else None,
    )


@functools.cache
def _weights(count: int) -> list[float]:
    """Some people are on many photos and most on few; running totals."""
    return list(accumulate(1 / (number + 10) for number in range(count)))


def _candidates(
    faces: list[Face], people: list[Person], references: Sequence[Reference], chance: random.Random
) -> Iterator[Candidate]:
    for face in faces:
        for rank in range({"known": 1, "unsure": 3, "unknown": 0}[face.state]):
            number = chance.randrange(len(people))
            yield Candidate(
                face=face,
                person=people[number],
                reference=references[number],
                similarity=0.93 - rank / 100,
                rank=rank,
            )


def _acts(curator: User, photos: list[Photo], count: int) -> None:
    rows = (
        Event(actor=curator, verb="photo.add", object_type="photo", object_id=photo.pk)
        for photo in photos[:count]
    )
    events = _saved(Event, rows)
    _saved(
        EventSubject,
        (EventSubject(event=event, object_type="photo", object_id=event.object_id or 0) for event in events),
    )


def _build(number: int) -> Build:
    return Build(embedder_id="made-up", work=Status.DONE, is_active=not number, vectors=100, dimension=128)
