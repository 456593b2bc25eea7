"""The page on backups: the backups that are kept, and what the last check of the files found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.backup import BACKUP_JOB, VERIFY_JOB
from gallery.backup.bucket import is_in_bucket
from gallery.backup.errors import BackupError
from gallery.backup.jobs import describe_verification_problem
from gallery.backup.layout import KeptBackup, get_backup_folder, list_kept_backups
from gallery.backup.schedule import (
    RunningBackup,
    get_backup_warning,
    get_last_success,
    get_last_trial,
    get_running_backup,
)
from gallery.backup.store import get_folder_problem
from gallery.jobs.registry import SITE_JOB_KINDS
from gallery.maintenance.jobs import SANITY_CHECK_JOB
from gallery.models import Job
from gallery.models.base import get_job

PROBLEM_TITLES: dict[str, str | Promise] = {
    "lost": _("Photos and references whose file is gone"),
    "altered": _("Files that are not what they were when they came"),
    "orphans": _("Files that belong to nothing"),
    "indexes": _("Index directories of no build"),
}


@dataclass(frozen=True, slots=True)
class BackupsPage:
    place: str
    is_in_bucket: bool
    kept: list[KeptBackup]
    problem: str  # if the folder cannot be read, why
    last: datetime | None
    job: Job
    check: Job
    trial: Job
    last_trial: datetime | None
    running: RunningBackup | None
    warning: str
    is_same_disk: bool
    free: int | None
    hours: int = field(default_factory=lambda: settings.BACKUP_HOURS)
    keep: int = field(default_factory=lambda: settings.BACKUP_KEEP)
    verify_days: int = field(default_factory=lambda: settings.BACKUP_VERIFY_DAYS)
    is_encrypted: bool = field(default_factory=lambda: bool(settings.BACKUP_KEYS))

    @property
    def is_waiting(self) -> bool:
        return self.job.is_waiting and self.running is None

    @property
    def is_moving(self) -> bool:
        return (
            self.running is not None or self.job.is_waiting or self.check.is_waiting or self.trial.is_waiting
        )

    @property
    def trial_problem(self) -> str:
        return self.trial.failure or describe_verification_problem(self.trial.result)

    @property
    def trial_remedy(self) -> str | Promise:
        kind = SITE_JOB_KINDS[VERIFY_JOB]
        return kind.remedy if self.trial.failure else kind.problem_remedy

    @property
    def problems(self) -> list[tuple[str | Promise, int, list[str]]]:
        """What the check found: a title, how many, and the first of them."""
        found = ((title, self.check.result.get(kind) or {}) for kind, title in PROBLEM_TITLES.items())
        return [(title, each["count"], each["first"][:5]) for title, each in found if each.get("count")]


def get_backups_page() -> BackupsPage:
    place, kept, problem = get_backup_folder(), list[KeptBackup](), get_folder_problem()
    free, is_same_disk, running = None, False, None
    if not problem:  # otherwise looking at it might take for ever
        try:
            kept = list_kept_backups()
            if not is_in_bucket(place):
                backups = _find_existing_folder(place)
                free = shutil.disk_usage(backups).free
                data = _find_existing_folder(Path(settings.DATA_DIR))
                is_same_disk = backups.stat().st_dev == data.stat().st_dev
        except (BackupError, OSError) as error:
            problem = str(error)
        running = get_running_backup()
    return BackupsPage(
        place=f"{str(settings.STORAGE).rstrip('/')}/backups" if is_in_bucket(place) else str(place),
        is_in_bucket=is_in_bucket(place),
        kept=kept,
        problem=problem,
        last=get_last_success() or max((each.made_at for each in kept), default=None),
        job=get_job(BACKUP_JOB),
        check=get_job(SANITY_CHECK_JOB),
        trial=get_job(VERIFY_JOB),
        last_trial=get_last_trial(),
        running=running,
        warning="" if problem else get_backup_warning(),
        is_same_disk=is_same_disk,
        free=free,
    )


def _find_existing_folder(place: Path) -> Path:
    """The place, or the nearest folder above it that exists."""
    return next(each for each in (place, *place.parents) if each.exists())
