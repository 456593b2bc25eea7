"""Filters on people, photos, faces and references: who may be recognised, and who may see what.

This is the one place where both are decided; views and queries start from these. A person may be recognised unless
somebody has said no or their consent has expired; only the date counts. Limited albums exist only for their members,
whoever made them, and administrators; so do the photos in them, their faces, the references cut from those faces, and
every count of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from gallery.models import (
    Album,
    Decision,
    Face,
    Person,
    Photo,
    Reference,
    SiteSetting,
    User,
)
from gallery.models.sql import fetch_first_column


def get_today() -> date:
    """The day it is where the site is."""
    return timezone.localdate()


def recognisable_q(path: str = "") -> Q:
    """A condition on people, or on rows that reach a person by `path`: "person", "reference__person"."""
    before = f"{path}__" if path else ""
    lasting = Q(**{f"{before}consent_until__isnull": True}) | Q(
        **{f"{before}consent_until__gte": get_today()}
    )
    return Q(**{f"{before}is_recognised": True}) & lasting


def not_recognisable_q(path: str = "") -> Q:
    """The opposite of `recognisable`; rows without a person are neither."""
    before = f"{path}__" if path else ""
    return Q(**{f"{before}is_recognised": False}) | Q(**{f"{before}consent_until__lt": get_today()})


def consent_expired_q() -> Q:
    """People who would be recognised but for a consent that has run out."""
    return Q(is_recognised=True, consent_until__lt=get_today())


def recognition_off_q(path: str = "") -> Q:
    """A condition on photos, or on rows that reach one by `path`, in which nobody may be recognised."""
    before = f"{path}__" if path else ""
    return Q(**{f"{before}is_recognised": False}) | Q(**{f"{before}album__is_recognised": False})


def is_embedding_forbidden(face: Face) -> bool:
    """Whether this face must not be made comparable: it is, or was, somebody's who may not be recognised."""
    if face.decision == Decision.CONFIRMED and face.person is not None:
        return not face.person.may_be_recognised
    return face.is_veiled and face.decision == Decision.NONE


NAMED_FACE_Q = Q(person__isnull=False) & ~Q(decision__in=(Decision.IGNORED, Decision.NOT_A_FACE))


def mark_duplicate_names(faces: Collection[int]) -> None:
    """Say it anew for all faces of these faces' photos; at most a few hundred ids."""
    photos = Face.objects.filter(pk__in=faces).values("photo_id")
    of_photos = Face.objects.filter(photo_id__in=photos)
    twice = (
        of_photos.filter(NAMED_FACE_Q)
        .order_by()
        .values("photo_id", "person_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
        .values_list("photo_id", "person_id")
    )
    doubled = Q(pk__in=[])
    for photo, person in twice:
        doubled |= Q(photo_id=photo, person_id=person)
    of_photos.filter(is_twice=True).exclude(NAMED_FACE_Q & doubled).update(is_twice=False)
    of_photos.filter(NAMED_FACE_Q & doubled, is_twice=False).update(is_twice=True)


REFERENCE_ALBUM_PATH = "source_face__photo__album"
HIDDEN_ALBUMS_ATTRIBUTE = "hidden_albums"  # a user's attribute, see `ask_once`
MAX_REMEMBERED_ALBUMS = 100


def visible_albums(user: User) -> QuerySet[Album]:
    """Open albums, those the user made, and limited ones the user was chosen for."""
    if user.is_administrator:
        return Album.objects.all()
    return Album.objects.filter(Q(is_limited=False) | Q(created_by=user) | Q(pk__in=_member_albums(user)))


def _member_albums(user: User) -> QuerySet[Album]:
    return Album.objects.filter(members=user).only("pk")


def visible_album_q(user: User, path: str) -> Q:
    """A condition on rows that reach their photo's album by `path`: "album", "photo__album", ..."""
    if user.is_administrator:
        return Q()
    hidden = get_hidden_albums(user)
    if hidden == []:
        return Q()
    if path.endswith(
        REFERENCE_ALBUM_PATH
    ):  # from where all faces would be joined to few references: told by the hidden ones
        path = path.removesuffix("__photo__album")
        hidden = Face.objects.filter(photo__album__in=hidden).order_by().values("pk")
    return Q(**{f"{path}__isnull": True}) | ~Q(**{f"{path}__in": hidden})


def get_hidden_albums(user: User) -> QuerySet[Any, Any] | list[int]:
    """Ids of the albums hidden from the user, remembered or still to be asked for."""
    found: list[int] | None = getattr(user, HIDDEN_ALBUMS_ATTRIBUTE, None)
    if found is None and hasattr(user, HIDDEN_ALBUMS_ATTRIBUTE):
        key = ("hidden albums", user.pk, MAX_REMEMBERED_ALBUMS)
        found = fetch_first_column(key, lambda: _query_hidden_albums(user)[: MAX_REMEMBERED_ALBUMS + 1])
        setattr(user, HIDDEN_ALBUMS_ATTRIBUTE, found)
    return found if found is not None and len(found) <= MAX_REMEMBERED_ALBUMS else _query_hidden_albums(user)


def _query_hidden_albums(user: User) -> QuerySet[Any, Any]:
    limited = Album.objects.filter(is_limited=True).order_by()
    return limited.exclude(created_by=user).exclude(pk__in=_member_albums(user)).values_list("pk", flat=True)


def visible_photos(user: User, *, trashed: bool = False) -> QuerySet[Photo]:
    """Photos outside the trash, or those in it."""
    return Photo.objects.filter(visible_album_q(user, "album"), trashed_at__isnull=not trashed)


def viewable_photos(user: User) -> QuerySet[Photo]:
    """Photos whose pictures the user may be shown: those in the trash too, for who may restore them."""
    photos = Photo.objects.filter(visible_album_q(user, "album"))
    return photos if user.is_contributor else photos.filter(trashed_at__isnull=True)


def visible_faces(user: User) -> QuerySet[Face]:
    """Faces in photos the user may see, outside the trash."""
    return Face.objects.filter(visible_album_q(user, "photo__album"), photo__trashed_at__isnull=True)


def visible_faces_for_counting(user: User) -> QuerySet[Face]:
    """The faces of `visible_faces`, found the other way round: for counting many, and for going through all."""
    return exclude_unseen_faces(Face.objects.all(), user)


def exclude_unseen_faces(faces: QuerySet[Face], user: User) -> QuerySet[Face]:
    """Without those in photos that are not seen: there are few, and the others' photos need not be looked at."""
    trashed = Photo.objects.filter(trashed_at__isnull=False).order_by()
    shown = faces.exclude(photo__in=trashed.values("pk"))
    if user.is_administrator:
        return shown
    albums = get_hidden_albums(user)
    if albums == []:
        return shown
    hidden = Photo.objects.filter(album__in=albums).order_by()
    return shown.exclude(photo__in=hidden.values("pk"))


def unseen_faces(user: User) -> QuerySet[Face]:
    """The rest: in the trash, or in albums for others."""
    unseen = Photo.objects.filter(~visible_album_q(user, "album") | Q(trashed_at__isnull=False)).order_by()
    return Face.objects.filter(photo__in=unseen.values("pk")).order_by()


def visible_references(user: User) -> QuerySet[Reference]:
    """References, but for those cut from photos that the user may not see."""
    return Reference.objects.filter(visible_album_q(user, REFERENCE_ALBUM_PATH))


def searchable_references() -> QuerySet[Reference]:
    """References that faces may be matched to: approved, of a person who may be recognised."""
    return Reference.objects.filter(recognisable_q("person"), status=Reference.Judgement.APPROVED)


def count_searchable_people() -> int:
    """How many people a face may be matched to. Asked for each photo, so it looks at people, not references."""
    approved = Reference.objects.filter(person=OuterRef("pk"), status=Reference.Judgement.APPROVED)
    return Person.objects.filter(recognisable_q(), Exists(approved)).count()


def count_searchable_references(persons: Collection[int]) -> dict[int, int]:
    """How many references each of these people can be matched to by."""
    rows = searchable_references().filter(person__in=persons)
    return dict(rows.order_by("person").values_list("person").annotate(number=Count("*")))


def undecided_faces() -> QuerySet[Face]:
    """Faces whose name the machine may still change."""
    return Face.objects.filter(decision="", photo__trashed_at__isnull=True)


def get_site_setting(key: str, default: object = None) -> object:
    found = SiteSetting.objects.filter(pk=key).values_list("value", flat=True).first()
    return default if found is None else found
