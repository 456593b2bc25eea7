"""Files that are kept beside a photo: the camera raw file of a JPEG, the video of a Live or motion photo.

Two files are one picture where the same person sent them from one folder under one name, and they were taken within
two seconds; which of them comes first does not matter. Whoever sees the photo sees its companions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path, PurePath

from django.db import transaction
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import CannotUndo
from gallery.core.limits import get_upload_limits
from gallery.history.changeset import record_event
from gallery.history.undo import describe_later_change
from gallery.jobs import dispatch
from gallery.models import Album, AlbumPhoto, Companion, Event, Photo, User
from gallery.models.clock import get_database_time
from gallery.models.people import get_search_key
from gallery.models.querysets import PhotoQuerySet
from gallery.models.storage import ReceivedFile, build_photo_name, get_media_path, receive_file
from gallery.photos.moments import find_moment, get_moment_columns
from gallery.photos.selectors import get_next_copy_number
from recognition.errors import ImageError
from recognition.images.motion import find_content_identifier, holds_bytes
from recognition.images.sandbox import probe_photo

PAIR_SECONDS = 2
PICTURES_WITH_RAW = PICTURES_WITH_VIDEO = ("JPEG", "HEIC")
# What of a photo is about its file
FILE_COLUMNS = ("file", "sha256", "copy", "bytes", "name", "search", "format")
CHUNK_BYTES = 1024 * 1024


def find_twin(user: User | None, photo: Photo, album: Album | None) -> Photo | None:
    """The photo of which this one, not yet stored, is the camera raw file or the other way round."""
    if photo.taken_at is None or photo.format not in ("RAW", *PICTURES_WITH_RAW):
        return None
    formats = PICTURES_WITH_RAW if photo.format == "RAW" else ("RAW",)
    around = timedelta(seconds=PAIR_SECONDS)
    rows = _find_neighbours(user, photo.name, photo.folder, album, Companion.Kind.PICTURE).filter(
        format__in=formats, taken_at__range=(photo.taken_at - around, photo.taken_at + around)
    )
    return next(_filter_same_stem(rows, photo.name), None)


def _find_neighbours(
    user: User | None, name: str, folder: str, album: Album | None, kind: str
) -> PhotoQuerySet:
    """Photos sent by the same person from this folder, for the same readers, that have no such companion yet."""
    rows = Photo.objects.outside_trash().filter(
        uploaded_by=user, folder=folder, name__istartswith=PurePath(name).stem
    )
    rows = rows.filter(albums=album) if album else rows.filter(albums=None, limited_by=None)
    return rows.exclude(companions__kind=kind).order_by("-pk")


def _filter_same_stem(rows: Iterable[Photo], name: str) -> Iterator[Photo]:
    stem = PurePath(name).stem.casefold()
    return (row for row in rows if PurePath(row.name).stem.casefold() == stem)


@transaction.atomic
def keep_twin(user: User | None, newcomer: Photo, photo: Photo) -> Companion:
    """Keep the file of a photo that is not stored beside its twin. The developed picture is shown, where faces that
    were found in the camera raw file stay in their places."""
    held = Photo.objects.select_for_update().get(pk=photo.pk)
    is_same_size = (held.width, held.height) == (newcomer.width, newcomer.height)
    if held.format == "RAW" and is_same_size and not held.turn:
        for column in FILE_COLUMNS:
            shown, other = getattr(newcomer, column), getattr(held, column)
            setattr(held, column, shown)
            setattr(newcomer, column, other)
        held.save(update_fields=FILE_COLUMNS)
    companion = Companion.objects.create(
        photo=held,
        kind=Companion.Kind.PICTURE,
        file=str(newcomer.file),
        name=newcomer.name,
        sha256=newcomer.sha256,
        copy=newcomer.copy,
        bytes=newcomer.bytes,
        uploaded_by=user,
    )
    summary = {"name": companion.name, "photo": held.name}
    record_event(user, "photo.pair", held, summary, {"companion": companion.pk})
    return companion


def keep_video(
    user: User | None, received: ReceivedFile, name: str, folder: str, album: Album | None, copy: int
) -> Companion:
    """Keep the video beside its photo. Raises ImageError where there is none."""
    rows = _find_neighbours(user, name, folder, album, Companion.Kind.VIDEO).filter(
        format__in=PICTURES_WITH_VIDEO
    )
    identifier = find_content_identifier(received.path)
    photo = next((row for row in _filter_same_stem(rows, name) if _belongs_to(identifier, row)), None)
    if photo is None:
        raise ImageError("lone_video")
    with transaction.atomic():
        companion = _store_video(photo, received, name, copy, user)
        record_event(user, "photo.video", photo, {"name": name, "photo": photo.name})
    return companion


def _belongs_to(identifier: bytes, photo: Photo) -> bool:
    path = get_media_path(str(photo.file))
    return not identifier or (path.exists() and holds_bytes(path, identifier))


def keep_video_inside(photo: Photo, start: int, end: int) -> Companion | None:
    """Keep the video of a motion photo as a file of its own; it stays in the original, too."""
    if photo.companions.filter(kind=Companion.Kind.VIDEO).exists():
        return None
    received = receive_file(_read_part(get_media_path(str(photo.file)), start, end), end - start)
    try:
        copy = get_next_copy_number(received.sha256)
        return _store_video(photo, received, f"{PurePath(photo.name).stem}.mp4", copy, None)
    finally:
        received.drop()


def _read_part(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(CHUNK_BYTES, end - start))):
            start += len(chunk)
            yield chunk


def _store_video(photo: Photo, received: ReceivedFile, name: str, copy: int, user: User | None) -> Companion:
    suffix = PurePath(name).suffix.lower()
    suffix = suffix if suffix in (".mov", ".mp4") else ".mp4"
    return Companion.objects.create(
        photo=photo,
        kind=Companion.Kind.VIDEO,
        file=received.keep(build_photo_name(received.sha256, suffix, copy)),
        name=name,
        sha256=received.sha256,
        copy=copy,
        bytes=received.bytes,
        uploaded_by=user,
    )


def separate_twins(user: User, event: Event) -> None:
    """Make the companion a photo of its own again, in the albums of the photo that it was beside."""
    undo = event.undo or {}
    companion = Companion.objects.select_for_update().filter(pk=undo.get("companion", 0)).first()
    if companion is None:
        raise CannotUndo(describe_later_change(event))
    beside = companion.photo
    try:
        info = probe_photo(companion.file.path, get_upload_limits())
    except ImageError as error:
        raise CannotUndo(str(error)) from error
    companion.delete()
    photo = Photo.objects.create(
        file=str(companion.file),
        sha256=companion.sha256,
        copy=companion.copy,
        bytes=companion.bytes,
        name=companion.name,
        folder=beside.folder,
        search=get_search_key(companion.name)[:400],
        format=info.kind,
        width=info.width,
        height=info.height,
        **get_moment_columns(find_moment(info, companion.name)),
        rating=info.rating,
        uploaded_by=companion.uploaded_by,
        limited_by=beside.limited_by,
        is_recognised=beside.is_recognised,
        trashed_at=beside.trashed_at,
        trashed_by=beside.trashed_by,
        queued_at=get_database_time(),
    )
    albums = beside.albums.order_by("pk")
    AlbumPhoto.objects.bulk_create([AlbumPhoto(album=album, photo=photo) for album in albums])
    dispatch.send_task("process_photo", photo.pk)


EVENT_DESCRIPTIONS = {
    "photo.pair": gettext_lazy("added “%(name)s” to the picture “%(photo)s”"),
    "photo.video": gettext_lazy("added the video “%(name)s” to “%(photo)s”"),
}
