"""Share links: made and revoked, what they show, and whose faces and names they hide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from gallery.history.changeset import record_event
from gallery.models import Album, Decision, Face, Photo, ShareLink, Status, User
from gallery.models.accounts import create_token, hash_token
from gallery.models.clock import get_site_time
from gallery.models.querysets import PhotoQuerySet, not_recognisable_q, recognisable_q, recognition_off_q
from gallery.photos.album_order import annotate_places

MAX_LINK_DAYS = 365


@transaction.atomic
def share_album(
    user: User, album: Album, *, days: int, has_names: bool = False, hides_unnamed: bool = False
) -> tuple[ShareLink, str]:
    """A link and its token, which is said this once and kept nowhere."""
    token = create_token()
    link = ShareLink.objects.create(
        album=album,
        token_hash=hash_token(token),
        has_names=has_names,
        hides_unnamed=hides_unnamed,
        created_by=user,
        expires_at=get_site_time() + timedelta(days=min(max(days, 1), MAX_LINK_DAYS)),
    )
    record_event(user, "album.share", album, {"name": album.name, "names": has_names, "days": days})
    return link, token


@transaction.atomic
def revoke_share_link(user: User, link: ShareLink) -> None:
    """From now on the link leads nowhere."""
    changed = ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=get_site_time())
    if changed:
        record_event(user, "album.unshare", link.album, {"name": link.album.name})


def find_share_link(token: str) -> ShareLink | None:
    """The link that this token opens, while it has neither expired nor been taken back."""
    found = ShareLink.objects.filter(token_hash=hash_token(token), revoked_at=None)
    return found.filter(expires_at__gt=get_site_time()).select_related("album").first()


def shared_photos(link: ShareLink) -> PhotoQuerySet:
    """What a link shows: photos whose faces have been looked at, so that who must be hidden is hidden."""
    photos = Photo.objects.outside_trash().filter(albums=link.album_id, work=Status.DONE)
    return annotate_places(photos, link.album)


def _unshareable_face_q() -> Q:
    """Faces of people who may not be recognised, and that bore such a name until it was withdrawn or erased."""
    return not_recognisable_q("person") | Q(person__isnull=True, is_veiled=True) | Q(is_erased=True)


def find_faces_to_hide(photos: Sequence[Photo], *, is_unnamed_hidden: bool = False) -> dict[int, list[Face]]:
    """By photo, the faces to be made unrecognisable in what is shared: of people who may not be recognised.

    Where recognition is off for the photo or an album of its, nobody has looked whose faces they are: all of them.
    """
    wanted = _unshareable_face_q() | recognition_off_q("photo")
    if is_unnamed_hidden:
        wanted |= Q(person__isnull=True)
    found: dict[int, list[Face]] = {photo.pk: [] for photo in photos}
    rows = Face.objects.filter(wanted, photo__in=photos).exclude(decision=Decision.NOT_A_FACE)
    for face in rows.order_by("pk"):
        found[face.photo_id].append(face)
    return found


def faces_without_consent(photo: Photo) -> QuerySet[Face]:
    """Faces of people who may not be recognised, as far as anybody knows: their names are handed to nobody."""
    return photo.faces.exclude(decision=Decision.NOT_A_FACE).filter(_unshareable_face_q()).order_by("pk")


def faces_with_shared_names(photo: Photo) -> QuerySet[Face]:
    """Faces whose names a link with names may say, from left to right."""
    known = Q(decision=Decision.CONFIRMED) | Q(decision="", state=Face.State.KNOWN)
    named = photo.faces.filter(known, recognisable_q("person"), person__is_hidden=False)
    if not photo.may_be_recognised:
        named = named.none()
    return named.select_related("person").order_by("left")


EVENT_DESCRIPTIONS = {
    "album.share": gettext_lazy("shared the album “%(name)s” by a link"),
    "album.unshare": gettext_lazy("took back a link to the album “%(name)s”"),
}
