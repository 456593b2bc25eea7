"""The page on backups: the backups that are kept, and what the last sanity check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.backup.jobs import BACKUP_JOB
from gallery.backup.layout import KeptBackup, get_backup_folder
from gallery.backup.schedule import (
    BackupSuccess,
    get_backup_warning,
    get_last_success,
)
from gallery.backup.selectors import (
    RunningBackup,
    get_free_bytes,
    get_running_backup,
    is_on_data_disk,
    read_kept_backups,
)
from gallery.jobs.singletons import SingletonJob, get_singleton
from gallery.maintenance.jobs import SANITY_CHECK_JOB


@dataclass(frozen=True, slots=True)
class FileCheckState:
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
    last: BackupSuccess | None
    chore: SingletonJob
    running: RunningBackup | None
    warning: str
    is_same_disk: bool
    free: int | None
    files: FileCheckState
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


def get_backups_page() -> BackupsPage:
    place = get_backup_folder()
    kept, problem = read_kept_backups()
    check = get_singleton(SANITY_CHECK_JOB)
    return BackupsPage(
        place=place,
        kept=kept,
        problem=problem,
        last=get_last_success(),
        chore=get_singleton(BACKUP_JOB),
        running=get_running_backup(),
        warning=get_backup_warning(),
        is_same_disk=is_on_data_disk(place),
        free=get_free_bytes(place),
        files=FileCheckState(check.done_at, check.failure, check.is_waiting, check.result),
    )
