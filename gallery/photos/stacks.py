"""Stacks as people see them, and take them apart."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy

from gallery.history.changeset import ChangeSet, apply_effects, record_event, split_into_chunks
from gallery.models import Album, AlbumPhoto, Event, Photo, User
from gallery.models.photos import READING
from gallery.models.querysets import PhotoQuerySet, among_ids
from gallery.photos.membership import list_limiting_albums


def list_stack(user: User, photo: Photo) -> PhotoQuerySet:
    """The photos of this one's stack that the user sees, the front one first; none where it stands alone."""
    if photo.stack is None:
        return Photo.objects.none()
    return Photo.objects.visible_to(user).filter(stack=photo.stack).order_by("-stack_score", "pk")


@transaction.atomic
def unstack_photos(user: User, photo: Photo) -> Event | None:
    """Show each photo of the stack that the user sees by itself; they are not stacked again."""
    changes = ChangeSet()
    ids = changes.update(list_stack(user, photo), stack=None, is_stackable=False)
    if not ids:
        return None
    apply_effects(changes)
    subjects = {"photo": ids, "album": list_limiting_albums(user, ids)}
    summary = {"name": photo.name, "count": len(ids)}
    return record_event(user, "photo.unstack", photo, summary, changes, subjects=subjects)


def unstack_moved_photos(changes: ChangeSet) -> None:
    """Give up the stacks of photos that an act shows to others, or hides from them: they were made among photos that
    the same people saw. Rows that others have locked are not waited for."""
    opened = changes.list_changed_ids("photo", "limited_by_id")
    turned = changes.list_changed_ids("album", "is_limited")
    albums = Album.objects.filter(pk__in=changes.list_referenced_ids("albumphoto", "album_id"))
    groups = [group for group in changes.groups if group["model"] == "album"]
    is_gone = any((group["before"] or {}).get("is_limited") for group in groups)
    is_limited = opened or turned or is_gone or albums.filter(is_limited=True).exists()
    moved = {*opened, *changes.list_referenced_ids("albumphoto", "photo_id")}
    moved |= set(AlbumPhoto.objects.filter(album__in=turned).values_list("photo_id", flat=True))
    for some in split_into_chunks(sorted(moved)):
        rows = Photo.objects.filter(pk__in=some, stack__isnull=False).order_by()
        if not is_limited:  # then only those are seen by others that open albums have opened
            in_limited = AlbumPhoto.objects.filter(album__is_limited=True).values("photo")
            rows = rows.filter(Q(limited_by__isnull=False) | Q(pk__in=in_limited))
        fellows = Photo.objects.filter(stack__in=rows.values("stack")).order_by()
        held = fellows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
        # Their files are looked at once more (maintenance.rereading), which stacks those that still belong together
        Photo.objects.filter(pk__in=among_ids(list(held))).update(stack=None, reading=READING - 1)


EVENT_DESCRIPTIONS = {"photo.unstack": gettext_lazy("took the stack of “%(name)s” apart")}
