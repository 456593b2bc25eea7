"""Clears what is left of an erasure once its rows are gone: claimed, cleared, and complete only when nothing is left.

Every step may be repeated, so a process that is killed only delays the rest. An erasure is never set aside: what
cannot be cleared now is tried again until it can.

SQLite overwrites deleted content with zeros (`secure_delete`, set for every connection); what the write-ahead log
still holds goes when it is truncated. PostgreSQL keeps dead rows until they are vacuumed; the space is then free, but
is overwritten only when it is used again, and so is its own log. docs/privacy.md says so.
"""

from __future__ import annotations

import base64
import logging
import mmap
from collections.abc import Callable, Sequence
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from gallery.backup.layout import get_backup_folder
from gallery.backup.store import is_folder_locked
from gallery.core.exceptions import ActionRefused, JobFailed
from gallery.history.redaction import (
    ErasedObjects,
    delete_admin_log,
    delete_session_messages,
    redact_all_events,
    redact_bulk_acts,
    redact_sources,
)
from gallery.index.builds import (
    drop_build_files,
    list_orphans,
    remove_orphan_directories,
    request_build,
    run_build,
)
from gallery.index.change_writer import erase_in_place, list_writable_builds, may_hold_erased_q
from gallery.jobs import dispatch
from gallery.jobs.leases import claim_row, finish_row, hold_lease, postpone_row
from gallery.maintenance.storage_move import list_storages_of
from gallery.models import (
    Build,
    Candidate,
    Erasure,
    Event,
    EventSubject,
    Face,
    Person,
    Photo,
    Reference,
    Status,
    User,
)
from gallery.models import ReferenceVector as Vector
from gallery.models.index import IndexContents
from gallery.models.storage import EXPORT_AREA, MEDIA_AREA
from gallery.people.gallery_export import ErasedRows, remove_from_exports
from gallery.photos.partial_uploads import forget_partial_uploads
from gallery.photos.renditions import delete_photo_renditions, delete_reference_renditions
from gallery.photos.sidecars import refresh_sidecars
from gallery.privacy.erasure import describe_kept_backups
from gallery.privacy.host_copies import ask_hosts, is_awaiting_hosts
from gallery.privacy.restored import erase_again
from recognition.errors import RecognitionError


def remove_erased_files(erasure: Erasure) -> bool:
    """Originals, crops and what was exported about a person, gone even if the machine loses power now."""
    for name in erasure.todo["files"]:
        places = list_storages_of(MEDIA_AREA)
        is_there = any(storage.exists(name) for storage in places)
        for storage in places:  # also where none is: a copy of it may be left here
            storage.delete(name)
        add_to_receipt(erasure, "files", int(is_there))
    for name in erasure.todo.get("person_files", ()):
        for storage in list_storages_of(EXPORT_AREA):
            storage.delete(name)
    return True


def remove_erased_renditions(erasure: Erasure) -> bool:
    """Smaller copies and crops made for showing."""
    for sha256 in erasure.todo["photos"]:
        delete_photo_renditions(sha256)
    for sha256 in erasure.todo["references"]:
        delete_reference_renditions(sha256)
    return True


def redact_erased_history(erasure: Erasure) -> bool:
    """Every event, also those that do not say that they are about what is gone."""
    gone = ErasedObjects.from_json(erasure.todo["gone"])
    if gone.names or gone.frozen or any(gone.ids.values()):
        add_to_receipt(erasure, "events", redact_all_events(gone))
        delete_admin_log(gone)
        delete_session_messages(gone)
        redact_sources(gone)
        return redact_bulk_acts(gone)
    return True


def clear_gallery_exports(erasure: Erasure) -> bool:
    """Galleries exported to a folder that is still there."""
    gone = ErasedObjects.from_json(erasure.todo["gone"])
    photos = set(gone.names) if "photo" in gone.ids else set()
    erased = ErasedRows(gone.ids.get("person", set()), gone.ids.get("reference", set()), photos, gone.names)
    if erased.people or erased.references or erased.photos:
        cleared, unreached = remove_from_exports(erased)
        add_to_receipt(erasure, "exports", cleared)
        erasure.counts |= {"exports_gone": unreached} if unreached else {}
    return True


def clear_sidecars(erasure: Erasure) -> bool:
    """Files with names that the site wrote into folders for other programs."""
    written, unreached = refresh_sidecars()
    add_to_receipt(erasure, "sidecars", written)
    erasure.counts |= {"sidecars_gone": unreached} if unreached else {}
    return True


def remove_partial_uploads(erasure: Erasure) -> bool:
    """What had arrived of files that an erased account was sending: its rows went with the account."""
    forget_partial_uploads()
    return True


def add_to_receipt(erasure: Erasure, what: str, more: int = 1) -> None:
    """Add to what the receipt says; stored at once, so that a kill forgets none of it."""
    if more:
        erasure.counts[what] = erasure.counts.get(what, 0) + more
        Erasure.objects.filter(pk=erasure.pk).update(counts=erasure.counts)


def clear_index_builds(erasure: Erasure) -> bool:
    """Drop earlier builds and make the serving ones anew; False while another process is building."""
    wanted = [
        (contents, embedder_id, change)
        for contents, key in ((IndexContents.REFERENCES, "builds"), (IndexContents.FACES, "face_builds"))
        for embedder_id, change in erasure.todo.get(key, {}).items()
    ]
    for contents, embedder_id, change in wanted:
        for build in list_writable_builds():
            if (build.contents, build.embedder_id) == (contents, embedder_id) and erase_in_place(
                build, change
            ):
                add_to_receipt(erasure, "builds")
        stale = _get_stale_builds(contents, embedder_id, change)
        for build in stale.filter(is_active=False):
            drop_build_files(build)
            add_to_receipt(erasure, "builds")
        if not stale.exists() and not list_orphans(embedder_id):
            continue
        if _is_building():
            return False
        if not _rebuild_index(contents, embedder_id, change):
            if _is_building():
                return False
            # None serves then, and what it held is searched one by one.
            stale.update(is_active=False)
            remove_orphan_directories(embedder_id)
        add_to_receipt(erasure, "builds")
        for build in stale:
            drop_build_files(build)
    return not any(_get_stale_builds(*each).exists() or list_orphans(each[1]) for each in wanted)


def _get_stale_builds(contents: str, embedder_id: str, change: int) -> QuerySet[Build]:
    rows = Build.objects.filter(may_hold_erased_q(change), contents=contents, embedder_id=embedder_id)
    return rows.exclude(directory="")


def _is_building() -> bool:
    return Build.objects.filter(work=Status.PROCESSING).exists()


def _rebuild_index(contents: str, embedder_id: str, change: int) -> bool:
    """A build that knows of the erasure serves now, and what was there before it is gone."""
    asked = request_build("something was erased", delay=0, embedder_id=embedder_id, contents=contents)
    made = run_build(asked.pk)
    return made is not None and made.is_active and made.upto_change >= change


def note_holding_backups(erasure: Erasure) -> bool:
    """Write down which backups hold what was erased; False while one is being made that may."""
    if is_folder_locked(get_backup_folder()):
        return False
    erasure.backups = describe_kept_backups(before=erasure.at)
    Erasure.objects.filter(pk=erasure.pk).update(backups=erasure.backups)
    return True


VACUUMED_MODELS = (Person, Reference, Vector, Photo, Face, Candidate, Event, EventSubject, User, Erasure)


def clear_database_remains(needles: Sequence[bytes]) -> bool:
    """Clear them, now that the transaction is over; False while somebody reads what is being cleared.

    `needles` must not be found in SQLite's file afterwards; if one is, the file is written anew.
    """
    if connection.in_atomic_block:
        return True  # nothing is final yet; only tests get here
    if connection.vendor == "postgresql":
        tables = ", ".join(f'"{model._meta.db_table}"' for model in VACUUMED_MODELS)
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {tables}")
        return True
    if not _truncate_write_ahead_log():
        return False
    if needles and _has_any_needle(Path(str(connection.settings_dict["NAME"])), needles):
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
        return _truncate_write_ahead_log()
    return True


def _truncate_write_ahead_log() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy = cursor.fetchone()[0]
    return not is_busy


def _has_any_needle(path: Path, needles: Sequence[bytes]) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(needle) >= 0 for needle in needles)


log = logging.getLogger(__name__)
RETRY_SOON_SECONDS = 3  # while something is in the way, as another build
RETRY_LATER_SECONDS = 60  # after an error

# Each clears one kind of remains and says whether it could; pictures twice, as one may be made meanwhile.
CLEANUP_STEPS: tuple[Callable[[Erasure], bool], ...] = (
    remove_erased_files,
    remove_erased_renditions,
    redact_erased_history,
    clear_gallery_exports,
    clear_sidecars,
    remove_partial_uploads,
    clear_index_builds,
    remove_erased_renditions,
    note_holding_backups,
    ask_hosts,
)


def revive_erasures() -> None:
    """What dead processes left waits again, however often that has happened."""
    tried = Q(work=Status.FAILED) | Q(work=Status.QUEUED, attempts__gt=0)
    Erasure.objects.filter(tried).update(work=Status.QUEUED, attempts=0, finished_at=None)


def finish_erasure(pk: int) -> bool:
    """Clear what is left of this erasure; whether it is complete now."""
    revive_erasures()
    erasure = claim_row(Erasure.objects.all(), pk)
    if erasure is None:
        return Erasure.objects.filter(pk=pk, work=Status.DONE).exists()
    with hold_lease(erasure):
        try:
            if "again" in erasure.todo:
                erase_again(erasure)
            return _clear_remains(erasure)
        except (ActionRefused, OSError, RecognitionError) as error:
            log.error("erasure %s waits: %s", pk, error)
            _put_back_erasure(erasure, RETRY_LATER_SECONDS, JobFailed("not_removed_yet", error=error))
    return False


def finish_known_erasures() -> list[Erasure]:
    """After a restore, before the site opens: erase again what the backup has brought back; what was known of."""
    known = list(Erasure.objects.filter(todo__has_key="again").order_by("pk"))
    for erasure in known:
        finish_erasure(erasure.pk)
    for pk in Erasure.objects.exclude(work=Status.DONE).values_list("pk", flat=True) if known else ():
        finish_erasure(pk)
    return known


def _clear_remains(erasure: Erasure) -> bool:
    needles = [base64.b64decode(needle) for needle in erasure.todo.get("needles", ())]
    is_clear = not erasure.todo or all(step(erasure) for step in CLEANUP_STEPS)
    if is_clear:
        # From here on the database itself does not know any more what was erased.
        Erasure.objects.filter(pk=erasure.pk).update(todo={}, counts=erasure.counts)
    if not is_clear or not clear_database_remains(needles):
        _put_back_erasure(erasure, RETRY_SOON_SECONDS)
        return False
    if is_awaiting_hosts(erasure):
        _put_back_erasure(erasure, RETRY_LATER_SECONDS)
        return False
    finish_row(erasure, Status.DONE)
    return True


def _put_back_erasure(erasure: Erasure, seconds: float, error: JobFailed | None = None) -> None:
    with transaction.atomic():
        Erasure.objects.filter(pk=erasure.pk).update(counts=erasure.counts)
        postpone_row(erasure, seconds, error)
        dispatch.send_task("erase", erasure.pk, countdown=seconds + 0.5)
