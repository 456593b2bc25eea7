"""What an erasure would remove, and what it would not, before anybody says yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from gallery.models import Album, Event, Face, Person, Photo, Reference, ReferenceVector, User
from gallery.privacy.erasure import (
    describe_kept_backups,
    find_faces_of_person,
    find_references_cut_from,
    get_likely_faces_filter,
    must_lose_references,
)

BackupDates = list[dict[str, str | None]]


@dataclass(frozen=True, slots=True)
class PersonErasurePreview:
    references: int
    faces: int  # that bear the name
    by_machine: int  # of them, named by the machine alone
    likely: int  # not named, but first of all proposed as the person
    photos: int
    embeddings: int
    mentions: int  # photos, albums and notes whose own text has the name: these stay as they are
    backups: BackupDates


@dataclass(frozen=True, slots=True)
class PhotoErasurePreview:
    faces: int
    names: int  # of them with a name
    references: int  # cut from the photo
    must_lose_references: bool
    backups: BackupDates


@dataclass(frozen=True, slots=True)
class PhotosErasurePreview:
    photos: int
    bytes: int
    faces: int
    names: int  # of the faces with a name
    references: int  # cut from the photos, which may stay
    lost_references: int  # cut from photos in albums for chosen users, which go
    backups: BackupDates


@dataclass(frozen=True, slots=True)
class UserErasurePreview:
    acts: int
    photos: int  # uploaded, which stay
    backups: BackupDates


def preview_person_erasure(person: Person) -> PersonErasurePreview:
    faces, references = find_faces_of_person(person), Reference.objects.filter(person=person)
    embedded = faces.filter(embedding__isnull=False).count()
    return PersonErasurePreview(
        references=references.count(),
        faces=faces.count(),
        by_machine=faces.undecided().count(),
        likely=Face.objects.filter(get_likely_faces_filter(person)).count(),
        photos=faces.values("photo").distinct().count(),
        embeddings=embedded + ReferenceVector.objects.filter(reference__person=person).count(),
        mentions=_count_mentions(person),
        backups=describe_kept_backups(),
    )


def _count_mentions(person: Person) -> int:
    texts = Q(search__contains=person.search)
    albums = Album.objects.filter(texts | Q(note__icontains=person.name))
    others = Person.objects.exclude(pk=person.pk).filter(note__icontains=person.name)
    return Photo.objects.filter(texts).count() + albums.count() + others.count()


def preview_photo_erasure(photo: Photo) -> PhotoErasurePreview:
    faces = Face.objects.filter(photo=photo)
    return PhotoErasurePreview(
        faces=faces.count(),
        names=faces.filter(person__isnull=False).count(),
        references=find_references_cut_from(photo).count(),
        must_lose_references=must_lose_references(photo),
        backups=describe_kept_backups(),
    )


def preview_photos_erasure(photos: Sequence[Photo]) -> PhotosErasurePreview:
    faces, references = Face.objects.filter(photo__in=photos), Q(source_face__photo__in=photos)
    limited = Reference.objects.filter(references, source_face__photo__album__is_limited=True).count()
    return PhotosErasurePreview(
        photos=len(photos),
        bytes=sum(photo.bytes for photo in photos),
        faces=faces.count(),
        names=faces.filter(person__isnull=False).count(),
        references=Reference.objects.filter(references).count() - limited,
        lost_references=limited,
        backups=describe_kept_backups(),
    )


def preview_user_erasure(user: User) -> UserErasurePreview:
    return UserErasurePreview(
        acts=Event.objects.filter(actor=user).count(),
        photos=Photo.objects.filter(uploaded_by=user).count(),
        backups=describe_kept_backups(),
    )
