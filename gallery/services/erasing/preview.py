"""What an erasure would remove, and what it would not, before anybody says yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from gallery.models import Album, Decision, Event, Face, Person, Photo, Reference, ReferenceVector, User
from gallery.services.erasing.begun import backups_now
from gallery.services.erasing.people import faces_of, likely
from gallery.services.erasing.photos import must_lose_references, references_of

Backups = list[dict[str, str | None]]


@dataclass(frozen=True, slots=True)
class PersonPreview:
    references: int
    faces: int  # that bear the name
    by_machine: int  # of them, named by the machine alone
    likely: int  # not named, but first of all proposed as the person
    photos: int
    embeddings: int
    mentions: int  # photos, albums and notes whose own text has the name: these stay as they are
    backups: Backups


@dataclass(frozen=True, slots=True)
class PhotoPreview:
    faces: int
    names: int  # of them with a name
    references: int  # cut from the photo
    must_lose_references: bool
    backups: Backups


@dataclass(frozen=True, slots=True)
class PhotosPreview:
    photos: int
    bytes: int
    faces: int
    names: int  # of the faces with a name
    references: int  # cut from the photos, which may stay
    lost_references: int  # cut from photos in albums for chosen users, which go
    backups: Backups


@dataclass(frozen=True, slots=True)
class UserPreview:
    acts: int
    photos: int  # uploaded, which stay
    backups: Backups


def preview_person(person: Person) -> PersonPreview:
    faces, references = faces_of(person), Reference.objects.filter(person=person)
    embedded = faces.filter(embedding__isnull=False).count()
    return PersonPreview(
        references=references.count(),
        faces=faces.count(),
        by_machine=faces.filter(decision=Decision.NONE).count(),
        likely=Face.objects.filter(likely(person)).count(),
        photos=faces.values("photo").distinct().count(),
        embeddings=embedded + ReferenceVector.objects.filter(reference__person=person).count(),
        mentions=_mentions(person),
        backups=backups_now(),
    )


def _mentions(person: Person) -> int:
    texts = Q(search__contains=person.search)
    albums = Album.objects.filter(texts | Q(note__icontains=person.name))
    others = Person.objects.exclude(pk=person.pk).filter(note__icontains=person.name)
    return Photo.objects.filter(texts).count() + albums.count() + others.count()


def preview_photo(photo: Photo) -> PhotoPreview:
    faces = Face.objects.filter(photo=photo)
    return PhotoPreview(
        faces=faces.count(),
        names=faces.filter(person__isnull=False).count(),
        references=references_of(photo).count(),
        must_lose_references=must_lose_references(photo),
        backups=backups_now(),
    )


def preview_photos(photos: Sequence[Photo]) -> PhotosPreview:
    faces, references = Face.objects.filter(photo__in=photos), Q(source_face__photo__in=photos)
    limited = Reference.objects.filter(references, source_face__photo__album__is_limited=True).count()
    return PhotosPreview(
        photos=len(photos),
        bytes=sum(photo.bytes for photo in photos),
        faces=faces.count(),
        names=faces.filter(person__isnull=False).count(),
        references=Reference.objects.filter(references).count() - limited,
        lost_references=limited,
        backups=backups_now(),
    )


def preview_user(user: User) -> UserPreview:
    return UserPreview(
        acts=Event.objects.filter(actor=user).count(),
        photos=Photo.objects.filter(uploaded_by=user).count(),
        backups=backups_now(),
    )
