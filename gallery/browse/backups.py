"""What the page on backups shows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery import chores, filecheck
from gallery.backup import BackupError, KeptBackup, kept_backups, layout, schedule

STEPS: dict[str, str | Promise] = {
    "photos": _("Copying photos"),
    "references": _("Copying references"),
    "database": _("Copying the database"),
    "new files": _("Copying what came meanwhile"),
    "write": _("Writing the list"),
    "prune": _("Removing the oldest"),
}


@dataclass(frozen=True, slots=True)
class Running:
    label: str | Promise
    share: float | None  # 0 to 1; None where it is not known


@dataclass(frozen=True, slots=True)
class FileCheck:
    at: datetime | None
    failure: str
    is_waiting: bool
    result: dict[str, Any]

    @property
    def is_sound(self) -> bool:
        return bool(self.result.get("is_sound"))

    def count(self, kind: str) -> int:
        return int((self.result.get(kind) or {}).get("count", 0))

    @property
    def lines(self) -> list[tuple[str | Promise, int, list[str]]]:
        """What is amiss: said, how many, the first of them."""
        said = {
            "lost": _("Photos and references whose file is gone"),
            "altered": _("Files that are not what they were when they came"),
            "orphans": _("Files that belong to nothing"),
            "indexes": _("Index directories of no build"),
        }
        return [
            (text, self.count(kind), list(self.result[kind]["first"])[:5])
            for kind, text in said.items()
            if self.count(kind)
        ]


@dataclass(frozen=True, slots=True)
class BackupsPage:
    place: Path
    kept: list[KeptBackup]
    problem: str  # why the folder cannot be read
    last: schedule.Success | None
    chore: chores.Chore
    running: Running | None
    warning: str
    is_same_disk: bool
    free: int | None
    files: FileCheck
    hours: int = field(default_factory=lambda: settings.BACKUP_HOURS)
    keep: int = field(default_factory=lambda: settings.BACKUP_KEEP)

    @property
    def is_waiting(self) -> bool:
        return self.chore.is_waiting and self.running is None

    @property
    def is_moving(self) -> bool:
        return self.running is not None or self.chore.is_waiting or self.files.is_waiting

    @property
    def bytes(self) -> int:
        """What the newest one holds; files are shared, so this is about what all of them take."""
        own = [kept for kept in self.kept if not kept.is_elsewhere]
        return own[0].bytes if own else 0


def backups_page() -> BackupsPage:
    place = layout.place()
    kept, problem = _kept()
    check = chores.state(filecheck.CHORE)
    return BackupsPage(
        place=place,
        kept=kept,
        problem=problem,
        last=schedule.last_success(),
        chore=chores.state(schedule.CHORE),
        running=_running(),
        warning=schedule.warning(),
        is_same_disk=_is_same_disk(place),
        free=_free(place),
        files=FileCheck(check.done_at, check.failure, check.is_waiting, check.result),
    )


def _kept() -> tuple[list[KeptBackup], str]:
    try:
        return kept_backups(), ""
    except (BackupError, OSError) as error:
        return [], str(error)


def _running() -> Running | None:
    if not schedule.is_running():
        return None
    now = schedule.progress()
    done, total = int(now.get("done", 0)), int(now.get("total", 0))
    label = STEPS.get(str(now.get("step")), _("Making a backup"))
    return Running(label, done / total if total > 1 else None)


def _there(place: Path) -> Path:
    """The place, or the nearest folder above it that is there."""
    return next(each for each in (place, *place.parents) if each.exists())


def _is_same_disk(place: Path) -> bool:
    return _there(place).stat().st_dev == _there(Path(settings.DATA_DIR)).stat().st_dev


def _free(place: Path) -> int | None:
    try:
        return shutil.disk_usage(_there(place)).free
    except OSError:
        return None
