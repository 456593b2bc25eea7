"""Reads. Who may see what is decided in `gallery.visibility`."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from gallery.models import Build, Calibration, Face, Person, Photo, Reference, SiteSetting, User
from gallery.models.people import name_key
from gallery.recognising import recognisable
from gallery.visibility import seen_through, visible_albums, visible_faces, visible_photos

SERVING = "serving"  # the SiteSetting with the recipe of the embedder whose index answers

__all__ = ["visible_albums", "visible_faces", "visible_photos"]


def find_photo(sha256: str, user: User | None = None) -> Photo | None:
    """The photo of this file, if this user may know of it (nobody in particular: any)."""
    found = Photo.objects.filter(sha256=sha256).order_by("copy")
    return (found.filter(seen_through(user, "album")) if user else found).first()


def copies(sha256: str) -> int:
    """The number for one more copy of this file: 0 unless there is one in an album for others."""
    newest: int | None = Photo.objects.filter(sha256=sha256).aggregate(newest=Max("copy"))["newest"]
    return 0 if newest is None else newest + 1


def find_person(name: str) -> Person | None:
    return Person.objects.filter(key=name_key(name)).first()


def searchable_references() -> QuerySet[Reference]:
    """References that faces may be matched to: approved, of a person who may be recognised."""
    return Reference.objects.filter(recognisable("person"), status=Reference.Judgement.APPROVED)


def searchable_persons() -> int:
    """How many people a face may be matched to. Asked for each photo, so it looks at people, not references."""
    approved = Reference.objects.filter(person=OuterRef("pk"), status=Reference.Judgement.APPROVED)
    return Person.objects.filter(recognisable(), Exists(approved)).count()


def reference_counts(persons: Collection[int]) -> dict[int, int]:
    """How many references each of these people can be matched to by."""
    rows = searchable_references().filter(person__in=persons)
    return dict(rows.order_by("person").values_list("person").annotate(number=Count("*")))


def undecided_faces() -> QuerySet[Face]:
    """Faces whose name the machine may still change."""
    return Face.objects.filter(decision="", photo__trashed_at__isnull=True)


def active_build(embedder_id: str) -> Build | None:
    return Build.objects.filter(embedder_id=embedder_id, is_active=True).first()


def applied_calibration(embedder_id: str) -> Calibration | None:
    found = Calibration.objects.filter(embedder_id=embedder_id, applied_at__isnull=False)
    return found.order_by("-applied_at").first()


def setting(key: str, default: object = None) -> object:
    found = SiteSetting.objects.filter(pk=key).values_list("value", flat=True).first()
    return default if found is None else found


def is_paused() -> bool:
    """Processing of photos is paused by a curator."""
    return setting("is_paused", False) is True
