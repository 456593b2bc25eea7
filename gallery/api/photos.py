"""Photos: sent, listed, looked at, put into the trash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

from django.core.files.uploadedfile import UploadedFile as DjangoFile
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import File, Form, Header, Query, Status, UploadedFile

from gallery.api.base import ApiRequest, api
from gallery.api.documentation import describe_file
from gallery.api.faces import show_face
from gallery.api.schemas import (
    ActOut,
    Id,
    IdempotencyKey,
    Page,
    PhotoCursor,
    PhotoOrderWord,
    PhotoOut,
    Pixels,
    SentPhotoOut,
)
from gallery.core.downloads import ASK_EACH_TIME, picture_response, tagged_response
from gallery.core.exceptions import EditConflict
from gallery.core.idempotency import Outcome, do_once
from gallery.faces.selectors import list_faces_by_photo
from gallery.history.audit import record_view
from gallery.models import Album, ApiScope, Person, Photo, Role, User
from gallery.models.photos import PhotoOrder
from gallery.people.selectors import list_photos_of_person
from gallery.photos.albums import list_albums_by_photo, list_photos_in_album
from gallery.photos.exports import original_response
from gallery.photos.ordering import paginate_photos
from gallery.photos.renditions import choose_photo_width, get_photo_rendition, photo_digest
from gallery.photos.services import add_photo, trash_photo

PHOTOS_PER_PAGE = 50
ORDERS = {"added": PhotoOrder.ADDED, "taken": PhotoOrder.TAKEN, "-taken": PhotoOrder.LATEST}


def show_photos(user: User, photos: Sequence[Photo]) -> list[PhotoOut]:
    prefetch_related_objects(photos, "tags")
    faces, albums = list_faces_by_photo(user, photos), list_albums_by_photo(user, photos)
    return [
        PhotoOut(
            id=photo.pk,
            name=photo.name,
            status=cast("Any", photo.work),
            reason=photo.failure_text or None,
            width=photo.width,
            height=photo.height,
            turn=90 * photo.turn,
            added=photo.added_at,
            taken=photo.taken_at,
            caption=photo.caption,
            tags=[tag.name for tag in photo.tags.all()],
            rating=photo.rating,
            albums=albums[photo.pk],
            faces=[show_face(face) for face in faces[photo.pk]],
        )
        for photo in photos
    ]


def find_photo(user: User, pk: int) -> Photo:
    found: Photo = get_object_or_404(Photo.objects.visible_to(user), pk=pk)
    return found


def hash_upload(file: DjangoFile[bytes], *where: object) -> str:
    """What makes two uploads the same: the file, and where it goes."""
    digest = hashlib.sha256(repr(where).encode())
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


@api.call(
    "POST",
    "/photos",
    ApiScope.UPLOAD,
    Role.CONTRIBUTOR,
    takes_files=True,
    response={200: SentPhotoOut, 201: SentPhotoOut},
    tags=["photos"],
    summary="Send a photo",
)
def send_photo(
    request: ApiRequest,
    file: File[UploadedFile],
    album: Form[Id | None] = None,
    idempotency_key: Header[IdempotencyKey | None] = None,
) -> Status[PhotoOut]:
    """201 for a new photo, which a worker will look at; 200 with `duplicate` where the same file is here already."""
    user = request.user
    into = get_object_or_404(Album.objects.visible_to(user), pk=album) if album else None

    def add() -> Outcome:
        added = add_photo(user, file.chunks(), file.name or _("photo"), into)
        return Outcome(200 if added.is_duplicate else 201, added.photo.pk)

    if idempotency_key:
        outcome = do_once(request.auth, idempotency_key, hash_upload(file, "photo", album), add)
    else:
        outcome = add()
    if outcome.status == 200 and not Photo.objects.visible_to(user).filter(pk=outcome.object_id).exists():
        raise EditConflict(_("Already here, in the trash. It can be restored from there."))
    [shown] = show_photos(user, [find_photo(user, outcome.object_id)])
    return Status(outcome.status, SentPhotoOut(**dict(shown), duplicate=outcome.status == 200))


@api.call(
    "GET",
    "/photos",
    ApiScope.READ,
    response=Page[PhotoOut],
    tags=["photos"],
    summary="Photos",
)
def list_photos(
    request: ApiRequest,
    album: Query[Id | None] = None,
    person: Query[Id | None] = None,
    order: Query[PhotoOrderWord] = "added",
    cursor: Query[PhotoCursor | None] = None,
) -> Page[PhotoOut]:
    """Last added first; or by the moment taken, the oldest or (`-taken`) the newest first. Where nothing says when it
    was taken, a photo stands where it was added."""
    user = request.user
    photos: Any = Photo.objects.visible_to(user)
    if album:
        chosen = get_object_or_404(Album.objects.visible_to(user), pk=album)
        photos = photos.filter(pk__in=list_photos_in_album(user, chosen).order_by().values("pk"))
    if person:
        photos &= list_photos_of_person(user, get_object_or_404(Person, pk=person))
    page = paginate_photos(photos, ORDERS[order], cursor, PHOTOS_PER_PAGE)
    return Page(items=show_photos(user, page.rows), next=str(page.after) if page.after else None)


@api.call(
    "GET",
    "/photos/{int:pk}",
    ApiScope.READ,
    response=PhotoOut,
    tags=["photos"],
    summary="One photo, its faces",
)
def get_photo(request: ApiRequest, pk: int) -> PhotoOut:
    photo = find_photo(request.user, pk)
    record_view(request.user, photo)
    return show_photos(request.user, [photo])[0]


@api.call(
    "GET",
    "/photos/{int:pk}/picture",
    ApiScope.READ,
    tags=["photos"],
    summary="The photo for showing, as WebP",
    openapi_extra=describe_file("image/webp"),
)
def get_photo_picture(request: ApiRequest, pk: int, width: Pixels = 1280) -> HttpResponseBase:
    """At the smallest width made that is no smaller than asked for: 320, 640, 1280 or 2048."""
    photo, made = find_photo(request.user, pk), choose_photo_width(width)
    tag = f"{photo_digest(photo)}-{made}"
    return picture_response(request, tag, lambda: get_photo_rendition(photo, made), ASK_EACH_TIME)


@api.call(
    "GET",
    "/photos/{int:pk}/original",
    ApiScope.READ,
    Role.CONTRIBUTOR,
    tags=["photos"],
    summary="The file as it was sent",
    openapi_extra=describe_file("*/*"),
)
def get_photo_original(request: ApiRequest, pk: int, position: bool = False) -> HttpResponseBase:
    """Without the place where it was taken, unless `position` is true."""
    photo = find_photo(request.user, pk)
    tag = f"{photo.sha256}{'-position' if position else ''}"
    return tagged_response(
        request, tag, lambda: original_response(request.user, photo, has_position=position), ASK_EACH_TIME
    )


@api.call(
    "DELETE",
    "/photos/{int:pk}",
    ApiScope.CURATE,
    Role.CONTRIBUTOR,
    response=ActOut,
    tags=["photos"],
    summary="Put a photo into the trash",
)
def delete_photo(request: ApiRequest, pk: int) -> ActOut:
    """It can be restored, or this undone; erasing for good is for the pages."""
    event = trash_photo(request.user, find_photo(request.user, pk))
    if event is None:
        raise Http404
    return ActOut(event=event.pk)
