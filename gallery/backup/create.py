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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from facesite import VERSION
from gallery.backup.database import (
    DatabaseContents,
    NamedFile,
    get_database_engine,
    get_dump_file_name,
    snapshot_database,
)
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
from gallery.backup.store import (
    FileStore,
    compute_sha256,
    hold_folder_lock,
    prune_backups,
    remove_partial_backups,
    remove_unheld_files,
    write_synced_text,
)
from gallery.models import Photo, Reference
from gallery.models.storage import sync_folder

ProgressCallback = Callable[[str, int, int], None]  # step, done, of how many
MAX_SNAPSHOTS = 5  # copies of the database until none of its files is gone
TAKE_PROGRESS_INTERVAL = 50  # files between two reports


def ignore_progress(step: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class BackupInProgress:
    """A backup being made in a folder of its own."""

    part: Path
    store: FileStore
    progress: ProgressCallback
    entries: dict[str, BackupEntry] = field(default_factory=dict)  # by name
    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)

    def take(self, named: Iterable[NamedFile], total: int, step: str) -> None:
        """Bring files that rows name into the store; what is gone or altered is noted."""
        for done, each in enumerate(named):
            if done % TAKE_PROGRESS_INTERVAL == 0:
                self.progress(step, done, total)
            self._take_one(each)

    def look(self, found: DatabaseContents) -> None:
        self.take(found.files, len(found.files), "new files")

    def _take_one(self, named: NamedFile) -> None:
        name = f"media/{named.name}"
        known = self.entries.get(name)
        if known is not None and known.sha256 == named.sha256:
            return
        try:
            sha256, size = self.store.put(Path(settings.MEDIA_ROOT) / named.name, named.sha256)
        except FileNotFoundError:
            self.missing.append(named.name)
            return
        self.entries[name] = BackupEntry(name, sha256, size)
        if named.sha256 != sha256:
            self.altered.append(named.name)


def make_backup(
    place: Path, *, with_index: bool = False, keep: int = 0, progress: ProgressCallback = ignore_progress
) -> Backup:
    """Make one in this place, and keep as many as said there (0: all). BackupError, and no backup, if it fails."""
    started = time.monotonic()
    with (
        convert_to_backup_errors(place),
        hold_folder_lock(place, _("Another backup to %(place)s is being made.") % {"place": place}),
    ):
        progress("clean", 0, 1)
        remove_partial_backups(place)
        made_at = datetime.now(UTC).replace(microsecond=0)
        name = _choose_free_name(place, made_at)
        making = BackupInProgress(
            place / f"{PARTIAL_BACKUP_PREFIX}{name}", FileStore(place / "files"), progress
        )
        making.part.mkdir(mode=0o700)  # it holds everything about everybody
        try:
            _fill_backup(making, name, made_at, with_index=with_index, started=started)
            progress("finish", 0, 1)
            making.part.replace(place / name)
            sync_folder(place)
        except BaseException as error:
            shutil.rmtree(making.part, ignore_errors=True)
            if isinstance(error, OSError | sqlite3.Error):
                remove_unheld_files(place)  # gives back the room that an unfinished backup took
            raise
        progress("prune", 0, 1)
        prune_backups(place, keep)
        progress("done", 1, 1)
        return read_backup(place / name)


def _choose_free_name(place: Path, made_at: datetime) -> str:
    stamp = made_at.strftime(STAMP_FORMAT)
    names = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
    return next(name for name in names if not (place / name).exists())


def _fill_backup(
    making: BackupInProgress, name: str, made_at: datetime, *, with_index: bool, started: float
) -> None:
    _take_named_files(making)
    found = _copy_database(making)
    if with_index:
        _take_index_files(making, found.builds)
    making.progress("write", 0, 1)
    listing = _write_listing(making)
    database = making.part / get_dump_file_name()
    manifest = Manifest(
        name=name,
        made_at=made_at,
        version=VERSION,
        seconds=round(time.monotonic() - started, 1),
        engine=get_database_engine(),
        database=_describe_file(database),
        listing=listing,
        migrations=found.migrations,
        counts=found.counts,
        settings=collect_settings(),
        missing=making.missing,
        altered=making.altered,
        has_index=any(each.startswith("index/") for each in making.entries),
    )
    _write_manifest(making.part, manifest, database)


def _take_named_files(making: BackupInProgress) -> None:
    """The long part, before the copy of the database: what the rows of now name."""
    photos = Photo.objects.exclude(file="").values_list("file", "sha256")
    references = Reference.objects.exclude(image="").values_list("image", "sha256")
    for rows, step in ((photos, "photos"), (references, "references")):
        named = (NamedFile(*row) for row in rows.order_by("pk").iterator(chunk_size=2_000))
        making.take(named, rows.count(), step)


def _copy_database(making: BackupInProgress) -> DatabaseContents:
    """Copy the database, until every file that its rows name is here or was lost before."""
    for attempt in range(MAX_SNAPSHOTS):
        making.progress("database", attempt, MAX_SNAPSHOTS)
        making.missing, making.altered = [], []
        found = snapshot_database(making.part, making.look)
        if not any(_is_unnamed_file(name) for name in making.missing):
            break
    named = {f"media/{each.name}" for each in found.files}
    making.entries = {name: entry for name, entry in making.entries.items() if name in named}
    return found


def _is_unnamed_file(name: str) -> bool:
    """No row names this file any more: it was removed, not lost."""
    return not (Photo.objects.filter(file=name).exists() or Reference.objects.filter(image=name).exists())


def _take_index_files(making: BackupInProgress, builds: list[str]) -> None:
    """The files of the builds that serve; a build that is no longer there is made anew after a restore."""
    making.progress("index", 0, len(builds))
    for build in builds:
        folder = Path(settings.INDEX_ROOT) / build
        taken = {}
        try:
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                name = f"index/{path.relative_to(settings.INDEX_ROOT).as_posix()}"
                taken[name] = BackupEntry(name, *making.store.put(path, ""))
        except FileNotFoundError:
            continue
        making.entries |= taken


def _write_listing(making: BackupInProgress) -> dict[str, object]:
    path = making.part / LISTING_FILE
    entries = [making.entries[name] for name in sorted(making.entries)]
    lines = (
        json.dumps({"name": each.name, "sha256": each.sha256, "bytes": each.bytes}, ensure_ascii=False)
        for each in entries
    )
    write_synced_text(path, "".join(f"{line}\n" for line in lines))
    return {
        "sha256": compute_sha256(path),
        "files": len(entries),
        "bytes": sum(each.bytes for each in entries),
    }


def _describe_file(path: Path) -> dict[str, object]:
    return {"file": path.name, "sha256": compute_sha256(path), "bytes": path.stat().st_size}


def _write_manifest(part: Path, manifest: Manifest, database: Path) -> None:
    text = json.dumps(manifest.as_json(), ensure_ascii=False, indent=1)
    write_synced_text(part / MANIFEST_FILE, text + "\n")
    sums = {
        MANIFEST_FILE: compute_sha256(part / MANIFEST_FILE),
        LISTING_FILE: manifest.listing["sha256"],
        database.name: manifest.database["sha256"],
    }
    write_synced_text(part / SUMS_FILE, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    sync_folder(part)


MAX_LISTED_FILES = 20
VERIFY_PROGRESS_INTERVAL = 50  # files between two reports


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
    """Read all of it. BackupDamaged where its own lists cannot be trusted."""
    _check_sums(backup)
    found = VerifyResult(backup.folder.name)
    total = int(backup.manifest.listing["files"])
    for entry in backup.entries():
        if found.files % VERIFY_PROGRESS_INTERVAL == 0:
            progress("verify", found.files, total)
        found.files += 1
        path = backup.store / entry.sha256[:2] / entry.sha256
        if not path.is_file():
            found.missing.append(entry.name)
        elif compute_sha256(path) != entry.sha256:
            found.damaged.append(entry.name)
    return found


def _check_sums(backup: Backup) -> None:
    for name, digest in _list_sums(backup):
        path = backup.folder / name
        if not path.is_file() or compute_sha256(path) != digest:
            text = _("%(path)s is damaged. This backup cannot be relied on; take the one before.")
            raise BackupDamaged(text % {"path": path})


def _list_sums(backup: Backup) -> Iterator[tuple[str, str]]:
    manifest = backup.manifest
    yield LISTING_FILE, str(manifest.listing["sha256"])
    yield str(manifest.database["file"]), str(manifest.database["sha256"])
    sums = backup.folder / SUMS_FILE
    lines = sums.read_text().splitlines() if sums.is_file() else []
    written = {line[66:]: line[:64] for line in lines}
    yield MANIFEST_FILE, written.get(MANIFEST_FILE, "")
