"""One backup, made while the site runs.

The order makes it consistent. First every file that a row names is taken into the store, which may take long;
then the database is copied, in a moment; then the files that came between. A file that is gone by then, whose
row the site has removed since the copy, is nowhere any more: then the database is copied again. So every row of
a backup has its file, unless the file was lost before, which the manifest says. A backup holds the site as it was
at some moment after `made_at`, so what was erased before that is not in it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from facesite import VERSION
from gallery.backup import databases, layout
from gallery.backup.databases import Contents, Named
from gallery.backup.errors import told
from gallery.backup.layout import Backup, Entry, Manifest
from gallery.backup.lock import only_one
from gallery.backup.pruning import prune, sweep, tidy
from gallery.backup.settings_kept import settings_kept
from gallery.backup.store import Store, sha256_of, write_synced
from gallery.models import Photo, Reference
from gallery.storage import sync_folder

Progress = Callable[[str, int, int], None]  # step, done, of how many
SNAPSHOTS = 5  # copies of the database until none of its files is gone
BETWEEN = 50  # files between two reports


def silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Making:
    """A backup being made in a folder of its own."""

    part: Path
    store: Store
    progress: Progress
    entries: dict[str, Entry] = field(default_factory=dict)  # by name
    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)

    def take(self, named: Iterable[Named], total: int, step: str) -> None:
        """Bring files that rows name into the store; what is gone or altered is noted."""
        for done, each in enumerate(named):
            if done % BETWEEN == 0:
                self.progress(step, done, total)
            self._take_one(each)

    def look(self, found: Contents) -> None:
        self.take(found.files, len(found.files), "new files")

    def _take_one(self, named: Named) -> None:
        name = f"media/{named.name}"
        known = self.entries.get(name)
        if known is not None and known.sha256 == named.sha256:
            return
        try:
            sha256, size = self.store.put(Path(settings.MEDIA_ROOT) / named.name, named.sha256)
        except FileNotFoundError:
            self.missing.append(named.name)
            return
        self.entries[name] = Entry(name, sha256, size)
        if named.sha256 != sha256:
            self.altered.append(named.name)


def make_backup(
    place: Path, *, with_index: bool = False, keep: int = 0, progress: Progress = silent
) -> Backup:
    """Make one in this place, and keep as many as said there (0: all). BackupError, and no backup, if it fails."""
    started = time.monotonic()
    with told(place), only_one(place, _("Another backup to %(place)s is being made.") % {"place": place}):
        progress("clean", 0, 1)
        sweep(place)
        made_at = datetime.now(UTC).replace(microsecond=0)
        name = _free_name(place, made_at)
        making = Making(place / f"{layout.PART}{name}", Store(place / "files"), progress)
        making.part.mkdir(mode=0o700)  # it holds everything about everybody
        try:
            _make(making, name, made_at, with_index=with_index, started=started)
            progress("finish", 0, 1)
            making.part.replace(place / name)
            sync_folder(place)
        except BaseException as error:
            shutil.rmtree(making.part, ignore_errors=True)
            if isinstance(error, OSError | sqlite3.Error):
                tidy(place)  # gives back the room that an unfinished backup took
            raise
        progress("prune", 0, 1)
        prune(place, keep)
        progress("done", 1, 1)
        return layout.read(place / name)


def _free_name(place: Path, made_at: datetime) -> str:
    stamp = made_at.strftime(layout.STAMP)
    names = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
    return next(name for name in names if not (place / name).exists())


def _make(making: Making, name: str, made_at: datetime, *, with_index: bool, started: float) -> None:
    _take_what_is_there(making)
    found = _snapshot(making)
    if with_index:
        _take_index(making, found.builds)
    making.progress("write", 0, 1)
    listing = _write_listing(making)
    database = making.part / databases.file_name()
    manifest = Manifest(
        name=name,
        made_at=made_at,
        version=VERSION,
        seconds=round(time.monotonic() - started, 1),
        engine=databases.engine(),
        database=_described(database),
        listing=listing,
        migrations=found.migrations,
        counts=found.counts,
        settings=settings_kept(),
        missing=making.missing,
        altered=making.altered,
        has_index=any(each.startswith("index/") for each in making.entries),
    )
    _write_manifest(making.part, manifest, database)


def _take_what_is_there(making: Making) -> None:
    """The long part, before the copy of the database: what the rows of now name."""
    photos = Photo.objects.exclude(file="").values_list("file", "sha256")
    references = Reference.objects.exclude(image="").values_list("image", "sha256")
    for rows, step in ((photos, "photos"), (references, "references")):
        named = (Named(*row) for row in rows.order_by("pk").iterator(chunk_size=2_000))
        making.take(named, rows.count(), step)


def _snapshot(making: Making) -> Contents:
    """Copy the database, until every file that its rows name is here or was lost before."""
    for attempt in range(SNAPSHOTS):
        making.progress("database", attempt, SNAPSHOTS)
        making.missing, making.altered = [], []
        found = databases.snapshot(making.part, making.look)
        if not any(_is_unnamed(name) for name in making.missing):
            break
    named = {f"media/{each.name}" for each in found.files}
    making.entries = {name: entry for name, entry in making.entries.items() if name in named}
    return found


def _is_unnamed(name: str) -> bool:
    """No row names this file any more: it was removed, not lost."""
    return not (Photo.objects.filter(file=name).exists() or Reference.objects.filter(image=name).exists())


def _take_index(making: Making, builds: list[str]) -> None:
    """The files of the builds that serve; a build that is no longer there is made anew after a restore."""
    making.progress("index", 0, len(builds))
    for build in builds:
        folder = Path(settings.INDEX_ROOT) / build
        taken = {}
        try:
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                name = f"index/{path.relative_to(settings.INDEX_ROOT).as_posix()}"
                taken[name] = Entry(name, *making.store.put(path, ""))
        except FileNotFoundError:
            continue
        making.entries |= taken


def _write_listing(making: Making) -> dict[str, object]:
    path = making.part / layout.LISTING
    entries = [making.entries[name] for name in sorted(making.entries)]
    lines = (
        json.dumps({"name": each.name, "sha256": each.sha256, "bytes": each.bytes}, ensure_ascii=False)
        for each in entries
    )
    write_synced(path, "".join(f"{line}\n" for line in lines))
    return {"sha256": sha256_of(path), "files": len(entries), "bytes": sum(each.bytes for each in entries)}


def _described(path: Path) -> dict[str, object]:
    return {"file": path.name, "sha256": sha256_of(path), "bytes": path.stat().st_size}


def _write_manifest(part: Path, manifest: Manifest, database: Path) -> None:
    text = json.dumps(manifest.as_json(), ensure_ascii=False, indent=1)
    write_synced(part / layout.MANIFEST, text + "\n")
    sums = {
        layout.MANIFEST: sha256_of(part / layout.MANIFEST),
        layout.LISTING: manifest.listing["sha256"],
        database.name: manifest.database["sha256"],
    }
    write_synced(part / layout.SUMS, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    sync_folder(part)
