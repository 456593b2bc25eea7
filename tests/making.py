"""Rows for tests, made without engines."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np

from gallery.models import (
    Album,
    AlbumPhoto,
    Candidate,
    Face,
    Person,
    Photo,
    Reference,
    ReferenceVector,
    Role,
    Status,
    User,
)
from gallery.models.fields import vector_to_bytes
from tests.fake_people import fake_people

EMBEDDER = "test-0123456789ab"
_numbers = itertools.count(1)


def a_user(name: str = "Mai", role: Role = Role.CURATOR) -> User:
    return User.objects.create(username=name, role=role)


def a_person(name: str = "Anna") -> Person:
    person = Person()
    person.set_name(name)
    person.save()
    return person


def a_photo(name: str = "", album: Album | None = None, **columns: Any) -> Photo:
    number = next(_numbers)
    name = name or f"IMG_{number}.jpg"
    values: dict[str, Any] = {
        "file": f"photos/{number}.jpg",
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "width": 800,
        "height": 600,
        "work": Status.DONE,
        **columns,
    }
    photo = Photo.objects.create(name=name, search=name.casefold(), **values)
    if album:
        AlbumPhoto.objects.create(album=album, photo=photo)
    return photo


def a_vector(seed: int, near: bytes | None = None, spread: float = 0.1, dimension: int = 16) -> bytes:
    """A unit vector; one near another where `near` is given."""
    vector = np.random.default_rng(seed).normal(size=dimension)
    if near is not None:
        vector = np.frombuffer(near, "<f4") + spread * vector / np.linalg.norm(vector)
    return (vector / np.linalg.norm(vector)).astype("<f4").tobytes()


def a_face(photo: Photo | None = None, **columns: Any) -> Face:
    number = next(_numbers)
    place = {"left": 10.0 + number % 600, "top": 20.0, "width": 40.0, "height": 50.0, "score": 0.99}
    return Face.objects.create(photo=photo or a_photo(), **{**place, **columns})


def a_named_face(person: Person, photo: Photo | None = None, **columns: Any) -> Face:
    """A face the machine has named."""
    face = a_face(photo, person=person, state=Face.State.KNOWN, similarity=0.96, **columns)
    Candidate.objects.create(face=face, person=person, similarity=0.96, rank=0)
    return face


def an_unsure_face(*people: Person, photo: Photo | None = None, **columns: Any) -> Face:
    """A face with these people proposed, the likeliest first."""
    face = a_face(photo, state=Face.State.UNSURE, similarity=0.93, **columns)
    for rank, person in enumerate(people):
        Candidate.objects.create(face=face, person=person, similarity=0.93 - rank / 100, rank=rank)
    return face


def a_reference(person: Person, **columns: Any) -> Reference:
    number = next(_numbers)
    values: dict[str, Any] = {
        "image": f"references/{number}.jpg",
        "sha256": hashlib.sha256(f"r{number}".encode()).hexdigest(),
        "status": Reference.Judgement.APPROVED,
        "work": Status.DONE,
        **columns,
    }
    reference = Reference.objects.create(person=person, **values)
    ReferenceVector.objects.create(reference=reference, embedder_id=EMBEDDER, vector=a_vector(number))
    return reference


def fill_gallery(persons: int, pictures: int) -> None:
    """People with references whose vectors are like those of real people."""
    vectors, whose = fake_people(persons, pictures, seed=31)
    people = [a_person(f"Person {number}") for number in range(persons)]
    for vector, person in zip(vectors, whose, strict=True):
        reference = a_reference(people[person])
        ReferenceVector.objects.update_or_create(
            reference=reference, embedder_id=EMBEDDER, defaults={"vector": vector_to_bytes(vector)}
        )
