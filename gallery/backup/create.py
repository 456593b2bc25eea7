"""Makes a backup while the site runs, and verifies one.

The order makes a backup consistent. First every file that a row names is taken into the store, which may take long;
then the database is copied, in a moment; then the files that were added in between. If a file is gone by then because
the site has removed its row since the copy, the database is copied again. So every row of a backup has its file,
unless the file was lost before, which the manifest says. A backup holds the site as it was at some moment after
`made_at`, so what was erased before that is not in it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from facesite import VERSION
from gallery.backup.database import DatabaseContents, NamedFile, get_database
from gallery.backup.layout import (
    LISTING_FILE,
    MANIFEST_FILE,
    PARTIAL_BACKUP_PREFIX,
    STAMP_FORMAT,
    SUMS_FILE,
    Backup,
    BackupDamaged,
    BackupEntry,
    Manifest,
    collect_settings,
    convert_to_backup_errors,
    read_backup,
)
from gallery.backup.ledger import get_key_id, write_ledger
from gallery.backup.store import (
    FileStore,
    hold_folder_lock,
    prune_backups,
    remove_partial_backups,
    remove_unheld_files,
)
from gallery.core.erased import get_digest_key
from gallery.models import Photo, Reference
from recognition.files import compute_sha256, sync_path, write_synced_text

T = TypeVar("T")
ProgressCallback = Callable[[str, int, int], None]  # step, done, total
PROGRESS_INTERVAL = 50  # files between two progress reports
MAX_SNAPSHOTS = 5  # attempts to copy the database with none of its files gone
MAX_LISTED_FILES = 20


def ignore_progress(step: str, done: int, total: int) -> None:
    """Report nothing."""


def report_progress(items: Iterable[T], progress: ProgressCallback, step: str, total: int) -> Iterator[T]:
    """Yield the items and report progress now and then."""
    for done, each in enumerate(items):
        if done % PROGRESS_INTERVAL == 0:
            progress(step, done, total)
        yield each


@dataclass(slots=True)
class BackupInProgress:
    """A backup while it is made, in a folder of its own."""

    part: Path
    store: FileStore
    progress: ProgressCallback
    entries: dict[str, BackupEntry] = field(default_factory=dict)  # by name
    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)

    def take_named_files(self) -> None:
        """Take the files that rows name now: the long part, before the database is copied."""
        photos = Photo.objects.exclude(file="").values_list("file", "sha256")
        references = Reference.objects.exclude(image="").values_list("image", "sha256")
        for rows, step in ((photos, "photos"), (references, "references")):
            named = (NamedFile(*row) for row in rows.order_by("pk").iterator(chunk_size=2_000))
            self._take(named, step, rows.count())

    def _take(self, named: Iterable[NamedFile], step: str, total: int) -> None:
        """Put files into the store, and note those that are gone or altered."""
        for each in report_progress(named, self.progress, step, total):
            name = f"media/{each.name}"
            known = self.entries.get(name)
            if known is not None and known.sha256 == each.sha256:
                continue
            try:
                sha256, size = self.store.put(Path(settings.MEDIA_ROOT) / each.name, each.sha256)
            except FileNotFoundError:
                self.missing.append(each.name)
                continue
            self.entries[name] = BackupEntry(name, sha256, size)
            if each.sha256 != sha256:
                self.altered.append(each.name)

    def copy_database(self) -> DatabaseContents:
        """Copy the database until every file that its rows name is in the store, or was lost before."""

        def take_new_files(found: DatabaseContents) -> None:
            self._take(found.files, "new files", len(found.files))

        for attempt in range(MAX_SNAPSHOTS):
            self.progress("database", attempt, MAX_SNAPSHOTS)
            self.missing, self.altered = [], []
            found = get_database().copy_to(self.part, take_new_files)
            if not any(_is_unnamed_file(name) for name in self.missing):
                break
        named = {f"media/{each.name}" for each in found.files}
        self.entries = {name: entry for name, entry in self.entries.items() if name in named}
        return found

    def take_index_files(self, builds: list[str]) -> None:
        """Take the files of the active builds; a build that is gone by now is rebuilt after a restore."""
        self.progress("index", 0, len(builds))
        for build in builds:
            folder = Path(settings.INDEX_ROOT) / build
            taken = {}
            try:
                for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                    name = f"index/{path.relative_to(settings.INDEX_ROOT).as_posix()}"
                    taken[name] = BackupEntry(name, *self.store.put(path, ""))
            except FileNotFoundError:
                continue
            self.entries |= taken

    def write_lists(self, name: str, made_at: datetime, found: DatabaseContents, started: float) -> None:
        """Write the list of files, the manifest, and the checksums of both and of the database."""
        self.progress("write", 0, 1)
        listing, database = self.part / LISTING_FILE, self.part / get_database().dump_file
        entries = [self.entries[each] for each in sorted(self.entries)]
        lines = (
            json.dumps({"name": each.name, "sha256": each.sha256, "bytes": each.bytes}, ensure_ascii=False)
            for each in entries
        )
        write_synced_text(listing, "".join(f"{line}\n" for line in lines))
        sums = {path.name: compute_sha256(path) for path in (listing, database)}
        manifest = Manifest(
            name=name,
            made_at=made_at,
            version=VERSION,
            seconds=round(time.monotonic() - started, 1),
            engine=connection.vendor,
            database={
                "file": database.name,
                "sha256": sums[database.name],
                "bytes": database.stat().st_size,
            },
            listing={
                "sha256": sums[listing.name],
                "files": len(entries),
                "bytes": sum(each.bytes for each in entries),
            },
            migrations=found.migrations,
            counts=found.counts,
            settings=collect_settings(),
            missing=self.missing,
            altered=self.altered,
            has_index=any(each.startswith("index/") for each in self.entries),
            erased_key=get_key_id(get_digest_key()),
        )
        text = json.dumps(manifest.as_json(), ensure_ascii=False, indent=1)
        write_synced_text(self.part / MANIFEST_FILE, text + "\n")
        sums[MANIFEST_FILE] = compute_sha256(self.part / MANIFEST_FILE)
        write_synced_text(self.part / SUMS_FILE, "".join(f"{sums[each]}  {each}\n" for each in sums))
        sync_path(self.part)


def _is_unnamed_file(name: str) -> bool:
    """Whether no row names this file any more: then it was removed, not lost."""
    return not (Photo.objects.filter(file=name).exists() or Reference.objects.filter(image=name).exists())


def make_backup(
    place: Path, *, with_index: bool = False, keep: int = 0, progress: ProgressCallback = ignore_progress
) -> Backup:
    """Make a backup in this place, and keep the newest `keep` there (0: all). Raises BackupError without one."""
    started = time.monotonic()
    with (
        convert_to_backup_errors(place),
        hold_folder_lock(place, _("Another backup to %(place)s is being made.") % {"place": place}),
    ):
        progress("clean", 0, 1)
        remove_partial_backups(place)
        made_at = datetime.now(UTC).replace(microsecond=0)
        stamp = made_at.strftime(STAMP_FORMAT)
        names = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
        name = next(name for name in names if not (place / name).exists())
        part = place / f"{PARTIAL_BACKUP_PREFIX}{name}"
        part.mkdir(mode=0o700)  # it holds all personal data
        making = BackupInProgress(part, FileStore(place / "files"), progress)
        try:
            making.take_named_files()
            found = making.copy_database()
            if with_index:
                making.take_index_files(found.builds)
            making.write_lists(name, made_at, found, started)
            progress("finish", 0, 1)
            with suppress(DatabaseError):  # one of an earlier release has no such table
                write_ledger(place)
            part.replace(place / name)
            sync_path(place)
        except BaseException as error:
            shutil.rmtree(part, ignore_errors=True)
            if isinstance(error, OSError | sqlite3.Error):
                remove_unheld_files(place)  # frees the space that the unfinished backup took
            raise
        progress("prune", 0, 1)
        prune_backups(place, keep)
        progress("done", 1, 1)
        return read_backup(place / name)


@dataclass(slots=True)
class VerifyResult:
    backup: str
    files: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not (self.missing or self.damaged)

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": self.backup,
            "is_sound": self.is_sound,
            "files": self.files,
            "missing": {"count": len(self.missing), "first": self.missing[:MAX_LISTED_FILES]},
            "damaged": {"count": len(self.damaged), "first": self.damaged[:MAX_LISTED_FILES]},
        }


def verify_backup(backup: Backup, progress: ProgressCallback = ignore_progress) -> VerifyResult:
    """Read all of a backup. Raises BackupDamaged if its own lists cannot be trusted."""
    _check_sums(backup)
    found = VerifyResult(backup.folder.name)
    total = int(backup.manifest.listing["files"])
    for entry in report_progress(backup.entries(), progress, "verify", total):
        found.files += 1
        path = backup.get_stored_file(entry)
        if not path.is_file():
            found.missing.append(entry.name)
        elif compute_sha256(path) != entry.sha256:
            found.damaged.append(entry.name)
    return found


def _check_sums(backup: Backup) -> None:
    manifest, written = backup.manifest, backup.folder / SUMS_FILE
    lines = written.read_text().splitlines() if written.is_file() else []
    sums = {
        MANIFEST_FILE: "",
        **{line[66:]: line[:64] for line in lines},
        LISTING_FILE: str(manifest.listing["sha256"]),
        str(manifest.database["file"]): str(manifest.database["sha256"]),
    }
    for name, digest in sums.items():
        path = backup.folder / name
        if not path.is_file() or compute_sha256(path) != digest:
            text = _("%(path)s is damaged. This backup cannot be relied on; take the one before.")
            raise BackupDamaged(text % {"path": path})
