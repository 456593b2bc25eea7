"""Makes a backup while the site runs.

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
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from facesite import VERSION
from gallery.backup.bucket import is_in_bucket, pull_lists, push_backup
from gallery.backup.database import DatabaseContents, NamedFile, get_database
from gallery.backup.encryption import AGE_SUFFIX, encrypt_bytes, encrypt_file
from gallery.backup.errors import convert_to_backup_errors
from gallery.backup.layout import (
    DETAILS_FILE,
    FORMAT_VERSION,
    LISTING_FILE,
    MANIFEST_FILE,
    PARTIAL_BACKUP_PREFIX,
    PLAIN_FORMAT,
    STAMP_FORMAT,
    STORED_FILE,
    SUMS_FILE,
    Backup,
    BackupEntry,
    Manifest,
    collect_settings,
)
from gallery.backup.ledger import get_key_id, write_ledger
from gallery.backup.store import (
    BACKING_UP,
    EncryptedStore,
    FileStore,
    hold_folder_lock,
    hold_scratch_folder,
    open_store,
    prune_backups,
    remove_partial_backups,
    remove_unheld_files,
)
from gallery.core.erased import get_digest_key
from gallery.models import Companion, Photo, Reference
from gallery.models.storage import INDEX_AREA, get_media_path, get_storage
from recognition.files import compute_sha256, sync_path, write_atomically, write_synced_text

T = TypeVar("T")
ProgressCallback = Callable[[str, int, int], None]  # step, done, total
PROGRESS_INTERVAL = 50  # files between two progress reports
MAX_SNAPSHOTS = 5  # attempts to copy the database with none of its files gone


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
    media_sizes: dict[str, int] = field(default_factory=dict)  # of the files in a bucket

    def take_named_files(self) -> None:
        """Take the files that rows name now: the long part, before the database is copied."""
        photos = Photo.objects.exclude(file="").values_list("file", "sha256")
        references = Reference.objects.exclude(image="").values_list("image", "sha256")
        wanted: list[tuple[QuerySet[Any, Any], str]] = [(photos, "photos"), (references, "references")]
        if Companion._meta.db_table in connection.introspection.table_names():  # not before `migrate`
            wanted.append((Companion.objects.values_list("file", "sha256"), "companions"))
        for rows, step in wanted:
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
                sha256, size = self._put_media_file(each)
            except FileNotFoundError:
                self.missing.append(each.name)
                continue
            self.entries[name] = BackupEntry(name, sha256, size)
            if each.sha256 != sha256:
                self.altered.append(each.name)

    def _put_media_file(self, each: NamedFile) -> tuple[str, int]:
        """One that is in a bucket is fetched only if the store lacks it."""
        size = self.media_sizes.get(each.name)
        if each.sha256 and size is not None and self.store.holds(each.sha256, size):
            return each.sha256, size
        return self.store.put(get_media_path(each.name), each.sha256)

    def copy_database(self) -> DatabaseContents:
        """Copy the database until every file that its rows name is in the store, or was lost before."""
        if not self.recipients:
            return self._copy_database_to(self.part)
        with hold_scratch_folder(BACKING_UP) as scratch:
            found = self._copy_database_to(scratch)
            encrypt_file(scratch / get_database().dump_file, self.database, self.recipients)
        return found

    def _copy_database_to(self, folder: Path) -> DatabaseContents:
        def take_new_files(found: DatabaseContents) -> None:
            self._take(found.files, "new files", len(found.files))

        for attempt in range(MAX_SNAPSHOTS):
            self.progress("database", attempt, MAX_SNAPSHOTS)
            self.missing, self.altered = [], []
            found = get_database().copy_to(folder, take_new_files)
            if not any(_is_unnamed_file(name) for name in self.missing):
                break
        named = {f"media/{each.name}" for each in found.files}
        self.entries = {name: entry for name, entry in self.entries.items() if name in named}
        return found

    def take_index_files(self, builds: list[str]) -> None:
        """Take the files of the active builds; a build that is gone by now is rebuilt after a restore."""
        self.progress("index", 0, len(builds))
        for build in builds:
            folder, taken = get_storage(INDEX_AREA).fetch_folder(build), {}
            try:
                for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                    name = f"index/{build}/{path.relative_to(folder).as_posix()}"
                    taken[name] = BackupEntry(name, *self.store.put(path, ""))
            except FileNotFoundError:
                continue
            self.entries |= taken

    def write_lists(self, name: str, made_at: datetime, found: DatabaseContents, started: float) -> Manifest:
        """Write the list of files, the manifest, and the checksums of both and of the database."""
        self.progress("write", 0, 1)
        entries = [self.entries[each] for each in sorted(self.entries)]
        sums = {self.database.name: compute_sha256(self.database)}
        listing = self._write(LISTING_FILE, "".join(f"{self._describe(each)}\n" for each in entries))
        files: dict[str, int | str] = {"files": len(entries), "bytes": sum(each.bytes for each in entries)}
        sums[listing.name] = compute_sha256(listing)
        if isinstance(self.store, EncryptedStore):
            stored = self._write_stored_sums(self.store)
            files["stored"] = sums[stored.name] = compute_sha256(stored)
        manifest = Manifest(
            name=name,
            made_at=made_at,
            version=VERSION,
            seconds=round(time.monotonic() - started, 1),
            engine=connection.vendor,
            database={
                "file": self.database.name,
                "sha256": sums[self.database.name],
                "bytes": self.database.stat().st_size,
            },
            listing={"sha256": sums[listing.name], **files},
            migrations=found.migrations,
            counts=found.counts,
            settings=collect_settings(),
            missing=self.missing,
            altered=self.altered,
            has_index=any(each.startswith("index/") for each in self.entries),
            erased_key=get_key_id(get_digest_key()),
            recipients=self.recipients,
            format=FORMAT_VERSION if self.recipients else PLAIN_FORMAT,
        )
        said = manifest
        if self.recipients:
            details = self._write(DETAILS_FILE, _format_manifest(manifest))
            sums[details.name] = compute_sha256(details)
            said = replace(manifest, settings={}, missing=[], altered=[])
        write_synced_text(self.part / MANIFEST_FILE, _format_manifest(said))
        sums[MANIFEST_FILE] = compute_sha256(self.part / MANIFEST_FILE)
        write_synced_text(self.part / SUMS_FILE, "".join(f"{sums[each]}  {each}\n" for each in sums))
        sync_path(self.part)
        return manifest

    @property
    def recipients(self) -> list[str]:
        return list(self.store.recipients) if isinstance(self.store, EncryptedStore) else []

    @property
    def database(self) -> Path:
        name = get_database().dump_file
        return self.part / (name + AGE_SUFFIX if self.recipients else name)

    def _describe(self, entry: BackupEntry) -> str:
        """A line of the listing."""
        line: dict[str, Any] = {"name": entry.name, "sha256": entry.sha256, "bytes": entry.bytes}
        if self.recipients:
            line["stored"] = self._get_stored_name(self.store.path(entry.sha256))
        return json.dumps(line, ensure_ascii=False)

    def _write_stored_sums(self, store: EncryptedStore) -> Path:
        """Of the encrypted files as they lie there: with these they can be verified and pruned without the key."""
        paths = sorted({store.path(entry.sha256) for entry in self.entries.values()})
        lines = (f"{store.get_sum(path)}  ../{self._get_stored_name(path)}\n" for path in paths)
        write_synced_text(self.part / STORED_FILE, "".join(lines))
        return self.part / STORED_FILE

    def _get_stored_name(self, path: Path) -> str:
        return path.relative_to(self.store.root.parent).as_posix()

    def _write(self, name: str, text: str) -> Path:
        """Write a file of the backup, encrypted if the backup is."""
        if not self.recipients:
            write_synced_text(self.part / name, text)
            return self.part / name
        path = self.part / (name + AGE_SUFFIX)
        write_atomically(path, encrypt_bytes(text.encode(), self.recipients), is_synced=True)
        return path


def _format_manifest(manifest: Manifest) -> str:
    return json.dumps(manifest.as_json(), ensure_ascii=False, indent=1) + "\n"


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
        pull_lists(place)
        remove_partial_backups(place)
        store = open_store(place, settings.BACKUP_KEYS)
        made_at = datetime.now(UTC).replace(microsecond=0)
        stamp = made_at.strftime(STAMP_FORMAT)
        names = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
        name = next(name for name in names if not (place / name).exists())
        part = place / f"{PARTIAL_BACKUP_PREFIX}{name}"
        part.mkdir(mode=0o700)  # it holds all personal data
        making = BackupInProgress(part, store, progress)
        try:
            if settings.STORAGE:
                making.media_sizes = {file.name: file.bytes for file in get_storage().list_files()}
            making.take_named_files()
            found = making.copy_database()
            if with_index:
                making.take_index_files(found.builds)
            manifest = making.write_lists(name, made_at, found, started)
            progress("finish", 0, 1)
            with suppress(DatabaseError):  # one of an earlier release has no such table
                write_ledger(place, settings.BACKUP_KEYS)
            if is_in_bucket(place):
                push_backup(part, place / name)
                shutil.rmtree(part)
                pull_lists(place)
            else:
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
        return Backup(place / name, manifest)
