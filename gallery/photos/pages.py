"""The further pages of a TIFF are photos of their own; the file as it came is the first one's."""

from __future__ import annotations

import logging
from pathlib import PurePath
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from gallery.core.exceptions import CannotUndo
from gallery.core.limits import get_upload_limits
from gallery.history.changeset import ChangeSet, apply_effects, record_event, reverse_groups
from gallery.history.undo import describe_later_change
from gallery.jobs import dispatch
from gallery.models import AlbumPhoto, Event, Photo, User
from gallery.models.clock import get_database_time, get_site_time
from gallery.models.people import get_search_key
from gallery.models.storage import ReceivedFile, build_photo_name, receive_file
from gallery.photos.selectors import get_next_copy_number
from recognition.errors import ImageError
from recognition.images.sandbox import extract_page, probe_photo

log = logging.getLogger(__name__)
MAX_PAGES = 200  # of one file that become photos


def add_pages(user: User | None, photo: Photo, pages: int) -> list[Photo]:
    """Make a photo of each further page, in the albums of the first, for the same readers."""
    added = []
    for number in range(2, min(pages, MAX_PAGES) + 1):
        try:
            content = extract_page(photo.file.path, number - 1, get_upload_limits())
        except ImageError as error:
            log.warning("page %d of photo %d cannot be read: %s", number, photo.pk, error)
            continue
        if content is not None:
            received = receive_file([content], len(content))
            try:
                added.append(_add_page(user, photo, number, received))
            finally:
                received.drop()
    if added:
        summary = {"name": photo.name, "count": len(added)}
        undo = {"pages": [page.pk for page in added]}
        record_event(user, "photo.pages", photo, summary, undo, subjects={"photo": undo["pages"]})
    return added


@transaction.atomic
def _add_page(user: User | None, photo: Photo, number: int, received: ReceivedFile) -> Photo:
    copy = get_next_copy_number(received.sha256)
    info = probe_photo(received.path, get_upload_limits())
    stem = PurePath(photo.name).stem[:200]
    name = _("%(file)s, page %(number)s") % {"file": stem, "number": number} + ".tif"
    page = Photo.objects.create(
        file=received.keep(build_photo_name(received.sha256, ".tif", copy)),
        sha256=received.sha256,
        copy=copy,
        bytes=received.bytes,
        name=name,
        folder=photo.folder,
        search=get_search_key(name)[:400],
        format=info.kind,
        width=info.width,
        height=info.height,
        taken_at=photo.taken_at,
        taken_source=photo.taken_source,
        taken_precision=photo.taken_precision,
        uploaded_by=user,
        limited_by=photo.limited_by,
        is_recognised=photo.is_recognised,
        page_of=photo,
        trashed_at=photo.trashed_at,
        trashed_by=photo.trashed_by,
        queued_at=get_database_time(),
    )
    albums = photo.albums.order_by("pk")
    AlbumPhoto.objects.bulk_create([AlbumPhoto(album=album, photo=page) for album in albums])
    dispatch.send_task("process_photo", page.pk)
    return page


def list_pages(user: User, photo: Photo) -> list[Photo]:
    """The photos of the pages of one file, as far as the user sees them; none where it has but one."""
    first = photo.page_of_id or photo.pk
    rows = Photo.objects.visible_to(user).filter(Q(pk=first) | Q(page_of=first)).order_by("pk")
    found = list(rows)
    return found if len(found) > 1 else []


def undo_pages(user: User, event: Event) -> dict[str, Any]:
    """Put the pages into the trash, or what was so taken back in turn."""
    undo = event.undo or {}
    if "rows" in undo:
        changes = reverse_groups(undo["rows"])
    else:
        changes = ChangeSet()
        there = Photo.objects.outside_trash().filter(pk__in=undo.get("pages", ()))
        changes.update(there, trashed_at=get_site_time(), trashed_by=user)
    if not changes.groups:
        raise CannotUndo(describe_later_change(event))
    apply_effects(changes)
    return {"rows": changes.groups}


EVENT_DESCRIPTIONS = {
    "photo.pages": ngettext_lazy(
        "made %(count)s photo of a further page of “%(name)s”",
        "made %(count)s photos of further pages of “%(name)s”",
        "count",
    ),
}
