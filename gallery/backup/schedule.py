"""Scheduled backups and their verification: when one is due, its progress, how the last one ended, when to warn.

A background job remembers when a backup was asked for and how it ended; the folder's lock says whether one is
running, and the folders themselves say which backups there are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.backup import BACKUP_JOB, VERIFY_JOB
from gallery.backup.create import ProgressCallback, make_backup
from gallery.backup.encryption import read_identities
from gallery.backup.jobs import describe_verification_problem
from gallery.backup.layout import Backup, get_backup_folder
from gallery.backup.ledger import are_erasures_unnoted
from gallery.backup.store import FOLDER_SETTING, VERIFYING, get_folder_problem, is_folder_locked
from gallery.backup.verification import VerifyResult, set_aside_damaged_files, try_newest_backup
from gallery.jobs.services import track_job
from gallery.models import Photo, SiteSetting
from gallery.models.base import get_job
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting

PROGRESS_SETTING, SUCCESS_SETTING = "backup.progress", "backup.succeeded"  # SiteSettings
RETRY_AFTER = timedelta(hours=1)  # after a failure
RETRY_VERIFICATION_AFTER = timedelta(days=1)
MAX_AGE_BY_HAND = timedelta(days=14)  # how old the last may be without a schedule
NOTE_INTERVAL = 1.0  # seconds between two writes of the progress
STEP_LABELS: dict[str, str | Promise] = {
    "photos": gettext_lazy("Copying photos"),
    "references": gettext_lazy("Copying references"),
    "database": gettext_lazy("Copying the database"),
    "new files": gettext_lazy("Copying what came meanwhile"),
    "write": gettext_lazy("Writing the list"),
    "prune": gettext_lazy("Removing the oldest"),
}


@dataclass(frozen=True, slots=True)
class RunningBackup:
    label: str | Promise
    share: float | None  # 0 to 1; None if unknown


def is_backup_running() -> bool:
    return is_folder_locked(get_backup_folder())


def is_backup_due(now: datetime | None = None) -> bool:
    """Whether one was requested or the last is old enough; never soon after a failure or while one is being made."""
    now, job = now or get_site_time(), get_job(BACKUP_JOB)
    if is_backup_running():
        return False
    if job.is_waiting:
        return True
    if not settings.BACKUP_HOURS:
        return False
    if job.failure and job.done_at and job.done_at > now - RETRY_AFTER:
        return False
    last = get_last_success()
    return last is None or last <= now - timedelta(hours=settings.BACKUP_HOURS)


def run_scheduled_backup() -> None:
    """Make a backup in the folder of scheduled ones and prune the oldest; a failure is kept for the page."""
    with track_job(BACKUP_JOB) as result:
        made = make_backup(get_backup_folder(), keep=settings.BACKUP_KEEP, progress=_make_progress_callback())
        note_backup_success(made)
        manifest = made.manifest
        result.update(name=made.folder.name, missing=len(manifest.missing), altered=len(manifest.altered))


def is_verification_running() -> bool:
    return is_folder_locked(Path(settings.DATA_DIR) / VERIFYING)


def is_verification_due(now: datetime | None = None) -> bool:
    """Whether the newest backup should be tried: when asked for, by the calendar, and when one follows a bad one."""
    now, job, last = now or get_site_time(), get_job(VERIFY_JOB), get_last_success()
    if is_verification_running():
        return False
    if job.is_waiting:
        return True
    if not settings.BACKUP_VERIFY_DAYS or last is None:
        return False
    if job.done_at is None:
        return True
    is_bad = bool(job.failure or describe_verification_problem(job.result))
    is_followed = job.result.get("newest") != _get_last_name()
    if is_bad and (is_followed or job.done_at < now - RETRY_VERIFICATION_AFTER):
        return True
    return job.done_at < now - timedelta(days=settings.BACKUP_VERIFY_DAYS)


def run_scheduled_verification() -> None:
    """Try the newest backup in the folder of scheduled ones; how it went is kept for the pages."""
    with track_job(VERIFY_JOB) as result:
        result["tried_at"] = get_job(VERIFY_JOB).result.get("tried_at", "")
        result["newest"] = _get_last_name()
        found = try_newest_backup(get_backup_folder(), read_identities(settings.BACKUP_IDENTITY))
        result.update(_describe_verification(found))


def note_verification(found: VerifyResult) -> None:
    """Keep what a command has found, as the worker would."""
    with track_job(VERIFY_JOB) as result:
        result.update(_describe_verification(found))


def _describe_verification(found: VerifyResult) -> dict[str, Any]:
    """For the job's row; damaged files are set aside, so that the next backup stores them anew."""
    if found.damaged_files:
        set_aside_damaged_files(get_backup_folder(), found)
    before = get_job(VERIFY_JOB).result.get("tried_at", "")
    tried_at = get_site_time().isoformat() if found.is_sound and found.is_open else before
    return found.as_json() | {"tried_at": tried_at, "newest": _get_last_name()}


def get_last_trial() -> datetime | None:
    """When a backup was last found whole, contents and all."""
    at = get_job(VERIFY_JOB).result.get("tried_at")
    return datetime.fromisoformat(at) if at else None


def note_backup_success(made: Backup) -> None:
    manifest = made.manifest
    value = {
        "at": manifest.made_at.isoformat(),
        "name": manifest.name,
        "seconds": manifest.seconds,
        "bytes": manifest.bytes,
    }
    SiteSetting.objects.update_or_create(pk=SUCCESS_SETTING, defaults={"value": value})
    used = {"used": str(made.folder.parent), "problem": ""}
    SiteSetting.objects.update_or_create(pk=FOLDER_SETTING, defaults={"value": used})


def get_last_success() -> datetime | None:
    """When the last backup was made, according to the database: no folder is read."""
    found = get_site_setting(SUCCESS_SETTING)
    return datetime.fromisoformat(found["at"]) if isinstance(found, dict) else None


def _get_last_name() -> str:
    """Of the backup that was made last, which its time to the second may not tell from the one before."""
    return str(get_site_setting(SUCCESS_SETTING, {}).get("name", ""))


def _make_progress_callback() -> ProgressCallback:
    """A callback that stores the progress, at most once a second."""
    last = float("-inf")

    def note(step: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < NOTE_INTERVAL:
            return
        last = time.monotonic()
        value = {"step": step, "done": done, "total": total}
        SiteSetting.objects.update_or_create(pk=PROGRESS_SETTING, defaults={"value": value})

    return note


def get_running_backup() -> RunningBackup | None:
    if not is_backup_running():
        return None
    now = get_site_setting(PROGRESS_SETTING, {})
    done, total = int(now.get("done", 0)), int(now.get("total", 0))
    label = STEP_LABELS.get(str(now.get("step")), _("Making a backup"))
    return RunningBackup(label, done / total if total > 1 else None)


def is_backup_overdue(now: datetime | None = None) -> bool:
    """Whether the last success is too old; a site without photos has nothing to lose yet."""
    hours = settings.BACKUP_HOURS
    allowed = timedelta(hours=2 * hours) if hours else MAX_AGE_BY_HAND
    limit, last = (now or get_site_time()) - allowed, get_last_success()
    if last is not None:
        return last < limit
    return Photo.objects.filter(added_at__lt=limit).exists()


def get_backup_warning() -> str:
    """The warning for administrators on other pages; empty if all is well."""
    if problem := get_folder_problem():
        return _("No backups can be made. %(problem)s") % {"problem": problem}
    if failure := get_job(BACKUP_JOB).failure:
        return _("The last backup failed: %(reason)s") % {"reason": failure}
    tried = get_job(VERIFY_JOB)
    if problem := tried.failure or describe_verification_problem(tried.result):
        return _("The newest backup could not be verified. %(problem)s") % {"problem": problem}
    if are_erasures_unnoted():
        return _(
            "The backup folder is away, so erasures are not noted there yet: a backup restored now would bring"
            " back what was erased. They are noted as soon as the folder is there."
        )
    if not is_backup_overdue():
        return ""
    last = get_last_success()
    if last is None:
        return _("There is no backup of this site yet.")
    when = date_format(timezone.localtime(last), "DATETIME_FORMAT")
    return _("The last backup is of %(when)s. Newer photos and names would be lost.") % {"when": when}
