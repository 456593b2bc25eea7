"""Putting a backup into an empty installation.

Everything is made ready aside and checked, and only then put in: the folders by renaming, and last the database,
by one renaming or one transaction. That moment decides: a restore that dies before it is undone by the next
restore (or set-up), one that dies after it is finished. docs/reliability.md has the steps.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.backup import databases, emptiness, journal, layout
from gallery.backup.errors import BackupDamaged, BackupError, told
from gallery.backup.journal import Workplace, workplace
from gallery.backup.layout import Backup
from gallery.backup.lock import LOCK, only_one
from gallery.backup.making import Progress, make_backup, silent
from gallery.backup.settings_kept import settings_kept
from gallery.backup.store import copy
from gallery.backup.verifying import Verified, verify
from gallery.models import Build, Erasure, Status
from gallery.storage import sync_folder

BETWEEN = 50  # files between two reports
RUNNING = (Status.QUEUED, Status.PROCESSING)


@dataclass(slots=True)
class Restored:
    backup: str
    made_at: str
    counts: dict[str, int]
    files: int = 0
    left_out: list[str] = field(default_factory=list)  # damaged in the backup
    builds: list[int] = field(default_factory=list)  # index builds that wait for a worker
    differing: dict[str, str] = field(default_factory=dict)  # settings of the backup that are not set so here
    before: str = ""  # backup of what was replaced
    erased_since: list[dict[str, str]] = field(default_factory=list)  # here, and perhaps back

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def restore(
    source: Path, *, replace: bool = False, without_damaged: bool = False, progress: Progress = silent
) -> Restored:
    """Restore the backup in this folder, or the newest kept there. BackupError, and nothing changed, if it fails."""
    root = Path(settings.DATA_DIR) / journal.WORK
    with told(root), only_one(root, _("Another restore is running.")):
        _end_earlier(workplace())
        workplace().clear()
        backup = layout.find(source)
        done = Restored(backup.folder.name, backup.manifest.made_at.isoformat(), backup.manifest.counts)
        _must_be_possible(backup, replace=replace)
        done.erased_since = _erased_since(backup)
        progress("verify", 0, 1)
        done.left_out = _sound(verify(backup, progress), without_damaged=without_damaged)
        if replace:
            progress("back up", 0, 1)
            done.before = str(make_backup(layout.place(), progress=progress).folder)
        _put_in(backup, workplace(), done, progress)
        done.differing = _differing(backup)
        return done


def end_earlier() -> None:
    """Undo a restore that died before the database was put in, finish one that died after; for set-up."""
    root = Path(settings.DATA_DIR) / journal.WORK
    if root.is_dir() and any(path.name != LOCK for path in root.iterdir()):
        with told(root), only_one(root, _("Another restore is running.")):
            _end_earlier(workplace())
            workplace().clear()


def _end_earlier(place: Workplace) -> None:
    if not place.mark:
        return
    if journal.is_in(place.mark):
        _finish()
    else:
        place.swap_back()
        databases.forget()


def _must_be_possible(backup: Backup, *, replace: bool) -> None:
    emptiness.must_fit(backup)
    emptiness.must_be_ours()
    emptiness.must_be_still()
    if not replace:
        emptiness.must_be_empty()


def _erased_since(backup: Backup) -> list[dict[str, str]]:
    """What was erased here after the backup began: kind, moment and receipt, which say not who or what it was."""
    rows = Erasure.objects.filter(at__gte=backup.manifest.made_at).order_by("at")
    try:
        return [
            {"kind": row.kind, "at": timezone.localtime(row.at).isoformat(), "receipt": str(row.receipt)}
            for row in rows
        ]
    except DatabaseError:  # no tables yet
        return []


def _sound(found: Verified, *, without_damaged: bool) -> list[str]:
    """Files that must be left out; BackupDamaged unless that is wanted."""
    bad = [*found.missing, *found.damaged]
    if bad and not without_damaged:
        text = _(
            "%(count)s files of this backup are damaged or missing (%(first)s). Take the backup before,"
            " or say --without-damaged to restore all the others."
        )
        raise BackupDamaged(text % {"count": len(bad), "first": bad[0]})
    return bad


def _put_in(backup: Backup, place: Workplace, done: Restored, progress: Progress) -> None:
    mark = uuid.uuid4().hex
    try:
        done.files = _stage(backup, place, set(done.left_out), progress)
        progress("database", 0, 1)
        note = {"mark": mark, "backup": backup.folder.name, "at": timezone.now().isoformat()}
        databases.prepare(backup.database, place.root, json.dumps(note))
        progress("switch", 0, 3)
        place.begin(mark)
        place.swap()
        progress("switch", 1, 3)
        databases.commit(place.root)
        progress("switch", 2, 3)
    except BaseException:
        if not (
            place.mark and journal.is_in(mark)
        ):  # else it is in, and the next restore or set-up finishes it
            _put_back(place)
        raise
    done.builds = _finish()
    progress("switch", 3, 3)
    place.clear()


def _put_back(place: Workplace) -> None:
    if place.mark:
        place.swap_back()
    databases.forget()
    place.clear()


def _stage(backup: Backup, place: Workplace, left_out: set[str], progress: Progress) -> int:
    """Copy the files into the working folder, comparing each once more; how many."""
    for kind in layout.KINDS:
        (place.new / kind).mkdir(parents=True)
    count, total = 0, int(backup.manifest.listing["files"])
    for entry in backup.entries():
        if count % BETWEEN == 0:
            progress("copy", count, total)
        if entry.name in left_out:
            continue
        target = place.new / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if copy(backup.store / entry.sha256[:2] / entry.sha256, target) != entry.sha256:
            raise BackupDamaged(_("%(name)s changed while it was copied.") % {"name": entry.name})
        count += 1
    for folder in {path.parent for path in place.new.rglob("*")}:
        sync_folder(folder)
    return count


def _finish() -> list[int]:
    """Builds whose files were not in the backup are asked for anew; until then all references are compared."""
    asked = []
    try:
        for build in Build.objects.exclude(directory=""):
            if (Path(settings.INDEX_ROOT) / build.directory).is_dir():
                continue
            if build.is_active and not _is_coming(build.embedder_id):
                row = Build.objects.create(
                    embedder_id=build.embedder_id, queued_at=timezone.now(), reason="restored from a backup"
                )
                asked.append(row.pk)
            Build.objects.filter(pk=build.pk).update(is_active=False, directory="")
    except DatabaseError as error:
        text = _("The backup is restored, but its index could not be asked for (%(error)s). Run build_index.")
        raise BackupError(text % {"error": error}) from error
    return asked


def _is_coming(embedder_id: str) -> bool:
    return Build.objects.filter(embedder_id=embedder_id, work__in=RUNNING).exists()


def _differing(backup: Backup) -> dict[str, str]:
    """Settings that were otherwise where the backup was made, but for those of the place itself."""
    here = settings_kept()
    ignored = ("_DIR", "_URL")
    return {
        name: value
        for name, value in backup.manifest.settings.items()
        if here.get(name) != value and not name.endswith(ignored)
    }
