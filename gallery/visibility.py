"""Who may see what: the one place where it is decided. Views and queries start from these.

Albums limited to chosen users exist only for those users, whoever made the album, and administrators. What is
hidden with an album: its photos, their faces, references cut from those faces, and every count of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from gallery.compiled import first_column
from gallery.models import Album, Decision, Face, Photo, Reference, ShareLink, Status, User
from gallery.models.users import token_hash
from gallery.recognising import masked, recognisable

OF_REFERENCE = "source_face__photo__album"
REMEMBERED = "hidden_albums"  # a user's attribute, see `ask_once`
MOST_REMEMBERED = 100


def visible_albums(user: User) -> QuerySet[Album]:
    """Open albums, those the user made, and limited ones the user was chosen for."""
    if user.is_administrator:
        return Album.objects.all()
    return Album.objects.filter(Q(is_limited=False) | Q(created_by=user) | Q(pk__in=_chosen(user)))


def _chosen(user: User) -> QuerySet[Album]:
    return Album.objects.filter(members=user).only("pk")


def ask_once(user: User) -> None:
    """Which albums are hidden from this user is asked once and remembered with them.

    For a user who lives no longer than one request that changes nothing: its page has ten queries, each of which
    would ask anew, and mostly for nothing.
    """
    if not hasattr(user, REMEMBERED):
        setattr(user, REMEMBERED, None)


def seen_through(user: User, path: str) -> Q:
    """A condition on rows that reach their photo's album by `path`: "album", "photo__album", ..."""
    if user.is_administrator:
        return Q()
    hidden = hidden_albums(user)
    if hidden == []:
        return Q()
    if path.endswith(
        OF_REFERENCE
    ):  # from where all faces would be joined to few references: told by the hidden ones
        path = path.removesuffix("__photo__album")
        hidden = Face.objects.filter(photo__album__in=hidden).order_by().values("pk")
    return Q(**{f"{path}__isnull": True}) | ~Q(**{f"{path}__in": hidden})


def hidden_albums(user: User) -> QuerySet[Any, Any] | list[int]:
    """Ids of the albums hidden from the user, remembered or still to be asked for."""
    found: list[int] | None = getattr(user, REMEMBERED, None)
    if found is None and hasattr(user, REMEMBERED):
        key = ("hidden albums", user.pk, MOST_REMEMBERED)
        found = first_column(key, lambda: _hidden_from(user)[: MOST_REMEMBERED + 1])
        setattr(user, REMEMBERED, found)
    return found if found is not None and len(found) <= MOST_REMEMBERED else _hidden_from(user)


def _hidden_from(user: User) -> QuerySet[Any, Any]:
    limited = Album.objects.filter(is_limited=True).order_by()
    return limited.exclude(created_by=user).exclude(pk__in=_chosen(user)).values_list("pk", flat=True)


def sight(user: User) -> Hashable:
    """Equal for users who see the same; None where that would have to be asked for."""
    if user.is_administrator:
        return "all"
    hidden = hidden_albums(user)
    return tuple(hidden) if isinstance(hidden, list) else None


def kept_for(user: User, *key: Hashable) -> Hashable:
    """A key by which a query of what this user sees is kept (see `compiled`); None where it cannot be."""
    seen = sight(user)
    return None if seen is None else (*key, seen)


def visible_photos(user: User, *, trashed: bool = False) -> QuerySet[Photo]:
    """Photos outside the trash, or those in it."""
    return Photo.objects.filter(seen_through(user, "album"), trashed_at__isnull=not trashed)


def viewable_photos(user: User) -> QuerySet[Photo]:
    """Photos whose pictures the user may be shown: those in the trash too, for who may restore them."""
    photos = Photo.objects.filter(seen_through(user, "album"))
    return photos if user.is_contributor else photos.filter(trashed_at__isnull=True)


def visible_faces(user: User) -> QuerySet[Face]:
    """Faces in photos the user may see, outside the trash."""
    return Face.objects.filter(seen_through(user, "photo__album"), photo__trashed_at__isnull=True)


def counted_faces(user: User) -> QuerySet[Face]:
    """The faces of `visible_faces`, found the other way round: for counting many, and for going through all."""
    return in_sight(Face.objects.all(), user)


def in_sight(faces: QuerySet[Face], user: User) -> QuerySet[Face]:
    """Without those in photos that are not seen: there are few, and the others' photos need not be looked at."""
    trashed = Photo.objects.filter(trashed_at__isnull=False).order_by()
    shown = faces.exclude(photo__in=trashed.values("pk"))
    if user.is_administrator:
        return shown
    albums = hidden_albums(user)
    if albums == []:
        return shown
    hidden = Photo.objects.filter(album__in=albums).order_by()
    return shown.exclude(photo__in=hidden.values("pk"))


def unseen_faces(user: User) -> QuerySet[Face]:
    """The rest: in the trash, or in albums for others."""
    unseen = Photo.objects.filter(~seen_through(user, "album") | Q(trashed_at__isnull=False)).order_by()
    return Face.objects.filter(photo__in=unseen.values("pk")).order_by()


def visible_references(user: User) -> QuerySet[Reference]:
    """References, but for those cut from photos that the user may not see."""
    return Reference.objects.filter(seen_through(user, OF_REFERENCE))


def open_link(token: str) -> ShareLink | None:
    """The link that this token opens, while it has neither expired nor been taken back."""
    found = ShareLink.objects.filter(token_hash=token_hash(token), revoked_at=None)
    return found.filter(expires_at__gt=timezone.now()).select_related("album").first()


def shared_photos(link: ShareLink) -> QuerySet[Photo]:
    """What a link shows: photos whose faces have been looked at, so that who must be hidden is hidden."""
    return Photo.objects.filter(album=link.album_id, trashed_at__isnull=True, work=Status.DONE)


def _of_the_masked() -> Q:
    """Faces of people who may not be recognised, and that bore such a name until it was withdrawn or erased."""
    return masked("person") | Q(person__isnull=True, is_veiled=True) | Q(is_erased=True)


def hidden_faces(photos: Sequence[Photo], *, is_unnamed_hidden: bool = False) -> dict[int, list[Face]]:
    """By photo, the faces to be made unrecognisable in what is shared: of people who may not be recognised.

    Where recognition is off for the photo or its album, nobody has looked whose faces they are: all of them. The
    photos' albums are looked at (select_related them).
    """
    unwatched = [photo.pk for photo in photos if not photo.may_be_recognised]
    wanted = _of_the_masked() | Q(photo__in=unwatched)
    if is_unnamed_hidden:
        wanted |= Q(person__isnull=True)
    found: dict[int, list[Face]] = {photo.pk: [] for photo in photos}
    rows = Face.objects.filter(wanted, photo__in=photos).exclude(decision=Decision.NOT_A_FACE)
    for face in rows.order_by("pk"):
        found[face.photo_id].append(face)
    return found


def silent_faces(photo: Photo) -> QuerySet[Face]:
    """Faces of people who may not be recognised, as far as anybody knows: their names are handed to nobody."""
    return photo.faces.exclude(decision=Decision.NOT_A_FACE).filter(_of_the_masked()).order_by("pk")


def shared_names(photo: Photo) -> QuerySet[Face]:
    """Faces whose names a link with names may say, from left to right."""
    known = Q(decision=Decision.CONFIRMED) | Q(decision="", state=Face.State.KNOWN)
    named = photo.faces.filter(known, recognisable("person"), person__is_hidden=False)
    if not photo.may_be_recognised:
        named = named.none()
    return named.select_related("person").order_by("left")
