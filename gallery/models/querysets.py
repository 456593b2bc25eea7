"""Querysets of people, photos, faces and references: who may be recognised, and who may see what.

This is the one place where both are decided. A person may be recognised unless somebody has said no or their consent
has expired; only the date counts. Limited albums exist only for their members, whoever made them, and administrators.
A photo is seen by who sees any of its albums; one in no album by everybody, unless the last album it has left was
limited: then by who was chosen for that. What is hidden is hidden with its faces, the references cut from those
faces, and every count of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from gallery.models.accounts import User
from gallery.models.clock import get_site_time

if TYPE_CHECKING:  # the models take their managers from here
    from gallery.models.people import Person, Reference
    from gallery.models.photos import Album, Face, Photo

NAMELESS_DECISIONS = ("ignored", "not_a_face")
SOURCE_PHOTO_PATH = "source_face__photo"  # of a reference


def get_today() -> date:
    """The day it is where the site is."""
    return timezone.localdate(get_site_time())


def _path_q(path: str, **lookups: Any) -> Q:
    """A condition on rows, or on others that reach them by `path`."""
    return Q(**{f"{path}__{name}" if path else name: value for name, value in lookups.items()})


def recognisable_q(path: str = "") -> Q:
    """A condition on people, or on rows that reach a person by `path`: "person", "reference__person"."""
    lasting = _path_q(path, consent_until__isnull=True) | _path_q(path, consent_until__gte=get_today())
    return _path_q(path, is_recognised=True) & lasting


def not_recognisable_q(path: str = "") -> Q:
    """The opposite of `recognisable_q`; rows without a person are neither."""
    return _path_q(path, is_recognised=False) | _path_q(path, consent_until__lt=get_today())


def recognition_off_q(path: str = "") -> Q:
    """A condition on photos, or on rows that reach one by `path`, in which nobody may be recognised: where the photo
    says so, or any of its albums."""
    from gallery.models.photos import AlbumPhoto

    closed = AlbumPhoto.objects.filter(album__is_recognised=False).values("photo")
    return _path_q(path, is_recognised=False) | Q(**{f"{path or 'pk'}__in": closed})


def _chosen_for_q(user: User, path: str = "") -> Q:
    """A condition on albums, or on rows that reach one by `path`: the user made it, or was chosen for it."""
    chosen = user.albums.through.objects.filter(user=user).values("album")
    return _path_q(path, created_by=user) | Q(**{f"{path or 'pk'}__in": chosen})


def _seen_album_q(user: User | None, path: str = "") -> Q:
    """A condition on albums that this user sees; without a user those that everybody does."""
    is_open = _path_q(path, is_limited=False)
    return is_open | _chosen_for_q(user, path) if user else is_open


def hidden_photo_q(user: User | None, path: str = "pk") -> Q:
    """A condition on photos, or on rows that reach one by `path` ("photo", "source_face__photo", ...), that the user
    may not know of; without a user, that are not for everybody.

    Two plain lists of ids, since such conditions stand deep in others: SQLite refuses those that are too deep.
    """
    from gallery.models.photos import AlbumPhoto, Photo  # which take their managers from here

    if user and user.is_administrator:
        return Q(pk__in=[])
    shown = Exists(AlbumPhoto.objects.filter(_seen_album_q(user, "album"), photo=OuterRef("photo")))
    in_hidden = AlbumPhoto.objects.exclude(_seen_album_q(user, "album")).exclude(shown)
    left = Photo.objects.order_by().filter(limited_by__isnull=False, albums=None)
    if user:
        left = left.exclude(_chosen_for_q(user, "limited_by"))
    return Q(**{f"{path}__in": in_hidden.values("photo")}) | Q(**{f"{path}__in": left.values("pk")})


def visible_photo_q(user: User, path: str = "pk") -> Q:
    """The opposite of `hidden_photo_q`; rows that reach no photo are visible.

    The hidden are excluded: they are few, and to find a person's faces SQLite would else go through all photos.
    """
    return Q() if user.is_administrator else ~hidden_photo_q(user, path)


class AlbumQuerySet(QuerySet["Album"]):
    def visible_to(self, user: User) -> Self:
        """Open albums, those the user made, and limited ones the user was chosen for."""
        return self.all() if user.is_administrator else self.filter(_seen_album_q(user))

    def hidden_from(self, user: User) -> Self:
        if user.is_administrator:
            return self.none()
        return self.exclude(_seen_album_q(user))


class PhotoQuerySet(QuerySet["Photo"]):
    def outside_trash(self) -> Self:
        return self.filter(trashed_at__isnull=True)

    def in_trash(self) -> Self:
        return self.filter(trashed_at__isnull=False)

    def in_visible_albums(self, user: User) -> Self:
        """Photos that the user may know of, in the trash or not."""
        return self.filter(visible_photo_q(user))

    def limited(self) -> Self:
        """Photos that are not for everybody."""
        return self.filter(hidden_photo_q(None))

    def visible_to(self, user: User) -> Self:
        return self.in_visible_albums(user).outside_trash()

    def viewable_by(self, user: User) -> Self:
        """Photos whose pictures the user may be shown: those in the trash too, for who may restore them."""
        photos = self.in_visible_albums(user)
        return photos if user.is_contributor else photos.outside_trash()


class FaceQuerySet(QuerySet["Face"]):
    def outside_trash(self) -> Self:
        return self.filter(photo__trashed_at__isnull=True)

    def visible_to(self, user: User) -> Self:
        """Faces in photos the user may see, outside the trash; see `visible_photo_q`."""
        from gallery.models.photos import Photo

        trash = Photo.objects.in_trash().order_by().values("pk")
        return self.exclude(photo__in=trash).filter(visible_photo_q(user, "photo"))

    def comparable(self, embedder_id: str) -> Self:
        """Faces with a vector of this embedder; nobody's who may not be recognised."""
        embedded = self.filter(embedder_id=embedder_id, embedding__isnull=False)
        return embedded.exclude(not_recognisable_q("person"))

    def undecided(self) -> Self:
        """Faces whose name the machine may still change."""
        return self.filter(decision="")

    def unnamed(self) -> Self:
        """Faces without a name and without a decision."""
        return self.undecided().filter(person__isnull=True)

    def named(self) -> Self:
        """Faces that bear a name, given by somebody or by the machine."""
        return self.filter(person__isnull=False).exclude(decision__in=NAMELESS_DECISIONS)

    def mark_duplicate_names(self) -> None:
        """Note for all faces of these faces' photos whether another face of the photo bears the same name.

        Of undecided faces that are unsure for that reason, whoever searched them has noted it.
        """
        faces = self.model.objects.filter(photo__in=self.order_by().values("photo"))
        twice = (
            faces.named()
            .order_by()
            .values("photo_id", "person_id")
            .annotate(times=Count("pk"))
            .filter(times__gt=1)
            .values_list("photo_id", "person_id")
        )
        doubled = Q(pk__in=[])
        for photo, person in twice:
            doubled |= Q(photo=photo, person=person)
        named_twice = faces.named().filter(doubled).order_by()
        noted = faces.filter(is_twice=True).exclude(decision="", state="unsure")
        noted.exclude(pk__in=named_twice.values("pk")).update(is_twice=False)
        named_twice.filter(is_twice=False).update(is_twice=True)


class ReferenceQuerySet(QuerySet["Reference"]):
    def visible_to(self, user: User) -> Self:
        """References, but for those cut from photos that the user may not see."""
        return self.filter(visible_photo_q(user, SOURCE_PHOTO_PATH))

    def approved(self) -> Self:
        return self.filter(status=self.model.Judgement.APPROVED)

    def searchable(self) -> Self:
        """References that faces may be matched to: approved, of a person who may be recognised."""
        return self.approved().filter(recognisable_q("person"))


class PersonQuerySet(QuerySet["Person"]):
    def named(self, text: str) -> Self:
        """People whose name, label or other name holds this; with or without accents."""
        from gallery.models.people import OtherName, get_search_key  # which take their manager from here

        key = get_search_key(text)
        bare = " ".join(key.translate(str.maketrans("()", "  ")).split())  # as the columns have a label
        called = OtherName.objects.filter(search__contains=key).values("person")
        return self.filter(Q(search__contains=key) | Q(search__contains=bare or key) | Q(pk__in=called))

    def shown(self) -> Self:
        """People who are not hidden."""
        return self.filter(is_hidden=False)

    def recognisable(self) -> Self:
        return self.filter(recognisable_q())

    def not_recognisable(self) -> Self:
        return self.filter(not_recognisable_q())

    def with_expired_consent(self) -> Self:
        """People who would be recognised but for a consent that has run out."""
        return self.filter(is_recognised=True, consent_until__lt=get_today())


def among_ids(ids: Iterable[int]) -> RawSQL:
    """For `pk__in=among_ids(ids)`: any number of ids as one parameter, where a list has a parameter for each."""
    listed = [int(pk) for pk in ids]
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [listed])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(listed)])
