"""Checks that files and rows match, and repairs what does not.

The check looks for rows without their file, files without a row, files whose content has changed, and
leftovers. What is younger than an hour is left out, since a file is in its place before its row is committed.

Mending deletes nothing that could be anybody's photo. A lost or altered file comes back from a backup that
holds its SHA-256; a photo whose file no backup holds is marked as failed, with the reason. Files without a
row go to the area lost+found of the storage, under the names they had. Only what can be made
again is removed: half-written files, directories of the index that no build names, renditions of originals
that are gone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from gallery.backup.bucket import fetch_file
from gallery.backup.encryption import AGE_SUFFIX, Identities, copy_decrypted, read_identities
from gallery.backup.errors import BackupDamaged
from gallery.backup.layout import get_backup_folder
from gallery.backup.store import list_copies
from gallery.core.exceptions import JobFailed
from gallery.core.limits import remove_stale_files
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.services import track_job
from gallery.maintenance.jobs import SANITY_CHECK_JOB
from gallery.models import Build, Companion, Photo, Reference, Status
from gallery.models.base import build_failure_columns, get_job
from gallery.models.clock import get_site_time
from gallery.models.storage import INDEX_AREA, QUARANTINE_AREA, StoredFile, get_storage
from gallery.photos.renditions import delete_orphan_renditions

YOUNG_SECONDS = 3600.0  # an upload, import or build is done or dead by then
MAX_LISTED_FILES = 20
FILE_LOST = "file_lost"  # failure code of rows whose file is in no backup
MEDIA_FOLDERS = ("photos", "references")  # in the media folder
CHECK_INTERVAL, HASHED_CHECK_INTERVAL = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column that names files, and the task that works on its rows."""

    model: type[Photo] | type[Reference] | type[Companion]
    name: str
    task: str = ""


FILE_COLUMNS = (
    FileColumn(Photo, "file", "process_photo"),
    FileColumn(Reference, "image", "embed_reference"),
    FileColumn(Companion, "file"),
)


@dataclass(frozen=True, slots=True)
class LostFile:
    """A row whose file is missing or altered."""

    column: FileColumn
    pk: int
    file: str
    sha256: str

    def get_rows(self) -> QuerySet[Any]:
        """The row, if it still exists and names this file: it may have been erased or given another meanwhile."""
        return self.column.model._default_manager.filter(pk=self.pk, **{self.column.name: self.file})


@dataclass(slots=True)
class SanityReport:
    rows: int = 0
    files: int = 0
    is_hashed: bool = False
    lost: list[LostFile] = field(default_factory=list)
    altered: list[LostFile] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)  # below the media folder
    indexes: list[str] = field(default_factory=list)  # below the index folder, of no build
    # What the repair did
    restored: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)  # in encrypted backups that no key was given for
    removed: int = 0  # half-written files, index directories, renditions of deleted originals

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.altered or self.orphans or self.indexes)

    def as_json(self) -> dict[str, Any]:
        lists = {
            "lost": [each.file for each in self.lost],
            "altered": [each.file for each in self.altered],
            "orphans": self.orphans,
            "indexes": self.indexes,
            "restored": self.restored,
            "failed": self.failed,
            "quarantined": self.quarantined,
            "locked": self.locked,
        }
        return {
            "is_sound": self.is_sound,
            "rows": self.rows,
            "files": self.files,
            "is_hashed": self.is_hashed,
            **{name: {"count": len(each), "first": each[:MAX_LISTED_FILES]} for name, each in lists.items()},
            "removed": self.removed,
        }


def find_file_problems(*, with_hash: bool = False) -> SanityReport:
    """Compare files and rows; with `with_hash`, read every file. Changes nothing."""
    found, names, storage = SanityReport(is_hashed=with_hash), set[str](), get_storage()
    files = {file.name: file for shelf in MEDIA_FOLDERS for file in storage.list_files(shelf)}
    found.files = len(files)
    for row in _read_file_rows():
        found.rows += 1
        names.add(row.file)
        if row.file not in files and not storage.exists(row.file):
            found.lost.append(row)
        elif with_hash and row.sha256 and storage.compute_sha256(row.file) != row.sha256:
            found.altered.append(row)
    found.orphans = [
        name
        for name, file in files.items()
        if name not in names and not is_young_file(file) and not is_file_named(name) and storage.exists(name)
    ]
    found.lost = [row for row in found.lost if row.get_rows().exists()]
    found.altered = [row for row in found.altered if row.get_rows().exists()]
    found.indexes = list(_find_unowned_indexes())
    return found


def _read_file_rows() -> Iterator[LostFile]:
    for column in FILE_COLUMNS:
        named = column.model._default_manager.exclude(**{column.name: ""}).order_by("pk")
        columns = named.values_list("pk", column.name, "sha256")
        for row in columns.iterator(chunk_size=2_000):
            yield LostFile(column, *row)


def is_file_named(name: str) -> bool:
    return any(each.model._default_manager.filter(**{each.name: name}).exists() for each in FILE_COLUMNS)


def is_young_file(file: StoredFile) -> bool:
    """Whether it was created or renamed within the hour."""
    return time.time() - file.changed_at < YOUNG_SECONDS


def _find_unowned_indexes() -> Iterator[str]:
    """Index directories that no build names; none while a build is running."""
    if Build.objects.filter(work=Status.PROCESSING).exists():
        return
    named = set(Build.objects.exclude(directory="").values_list("directory", flat=True))
    for folder in get_storage(INDEX_AREA).list_folders("*/*"):
        if folder.name not in named and not is_young_file(folder):
            yield folder.name


def mend_files(found: SanityReport, identities: Identities = ()) -> None:
    """Repair everything in the report, checking each item once more just before, and add what was done.

    Files in encrypted backups come back with an identity that opens them; without one they are left as they are.
    """
    for row in [*found.lost, *found.altered]:
        if not row.get_rows().exists():
            continue
        copies = list_copies(get_backup_folder(), row.sha256) if row.sha256 else []
        if any(_restore_copy(row, copy, identities) for copy in copies):
            found.restored.append(row.file)
        elif any(copy.suffix == AGE_SUFFIX for copy in copies):
            found.locked.append(row.file)
        elif row in found.lost and row.column.task:
            failure = {"work": Status.FAILED, "finished_at": get_site_time()}
            failure |= build_failure_columns(JobFailed("file_lost"))
            row.get_rows().exclude(work=Status.PROCESSING).update(**failure)
            found.failed.append(row.file)
    for name in found.orphans:
        if not is_file_named(name) and _quarantine_file(name):
            found.quarantined.append(name)
    for name in found.indexes:
        get_storage(INDEX_AREA).delete_folder(name)
    found.removed = len(found.indexes) + remove_stale_files() + delete_orphan_renditions()


def _restore_copy(row: LostFile, copy: Path, identities: Identities) -> bool:
    """Restore a file from the backups; an altered one is quarantined first. A row that had failed is requeued."""
    storage = get_storage()
    part = storage.incoming / f"part-mending-{os.getpid()}"
    try:
        with fetch_file(copy) as stored:
            if copy_decrypted(stored, part, identities) != row.sha256:
                return False
        _quarantine_file(row.file)
        storage.put_file(part, row.file)
    except BackupDamaged:
        return False
    finally:
        part.unlink(missing_ok=True)
    if row.column.task and enqueue_rows(row.get_rows().filter(work=Status.FAILED, failure_code=FILE_LOST)):
        dispatch.send_task(row.column.task, row.pk)
    return True


def _quarantine_file(name: str) -> bool:
    """Move a file into quarantine, under its own name or with a number added."""
    storage, quarantine = get_storage(), get_storage(QUARANTINE_AREA)
    target, number = Path(name), 0
    while quarantine.exists(str(target)):
        number += 1
        target = target.with_name(f"{Path(name).stem}-{number}{target.suffix}")
    try:
        quarantine.put_file(Path(storage.path(name)), str(target))
    except FileNotFoundError:
        return False
    storage.delete(name)
    return True


def is_sanity_check_due(now: datetime | None = None) -> bool:
    now, job = now or get_site_time(), get_job(SANITY_CHECK_JOB)
    return job.is_late or job.done_at is None or job.done_at < now - CHECK_INTERVAL


def run_sanity_check(*, is_mending: bool = False) -> None:
    """Check the files, repair them if `is_mending`, and keep the result for the page."""
    now, before = get_site_time(), get_job(SANITY_CHECK_JOB).result
    last_hashed = before.get("hashed_at")
    is_hash_due = not last_hashed or datetime.fromisoformat(last_hashed) < now - HASHED_CHECK_INTERVAL
    with track_job(SANITY_CHECK_JOB) as result:
        result["hashed_at"] = last_hashed
        found = find_file_problems(with_hash=is_hash_due)
        if is_mending:
            mend_files(found, read_identities(settings.BACKUP_IDENTITY))
        result.update(found.as_json(), is_mended=is_mending)
        if is_hash_due:
            result["hashed_at"] = now.isoformat()
