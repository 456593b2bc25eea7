"""Scheduled backups:

when one is due, how far it is, how the last one ended, and when to warn.

A background job remembers when a backup was asked for and how it ended; the folder's lock says whether one is
running, and the folders themselves say which backups there are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gallery.backup.create import make_backup
from gallery.backup.jobs import BACKUP_JOB
from gallery.backup.layout import Backup, get_backup_folder
from gallery.backup.store import is_folder_locked
from gallery.jobs.singletons import get_singleton, track_singleton
from gallery.models import Photo, SiteSetting
from gallery.models.history import get_site_setting

PROGRESS_SETTING, SUCCESS_SETTING = "backup.progress", "backup.succeeded"  # SiteSettings
RETRY_AFTER = timedelta(hours=1)  # after a failure
MAX_AGE_BY_HAND = timedelta(days=14)  # how old the last may be where none are made by themselves
NOTE_INTERVAL = 1.0  # seconds between two notes of the progress


@dataclass(frozen=True, slots=True)
class BackupSuccess:
    """The last backup that was made, as the database remembers it: no folder is looked at."""

    at: datetime
    seconds: float
    bytes: int


def is_backup_running() -> bool:
    return is_folder_locked(get_backup_folder())


def is_backup_due(now: datetime | None = None) -> bool:
    """Somebody asked for one, or the last is old enough; not soon after a failure, and not while one is made."""
    now, chore = now or timezone.now(), get_singleton(BACKUP_JOB)
    if is_backup_running():
        return False
    if chore.is_waiting:
        return True
    if not settings.BACKUP_HOURS:
        return False
    if chore.failure and chore.done_at and chore.done_at > now - RETRY_AFTER:
        return False
    last = get_last_success()
    return last is None or last.at <= now - timedelta(hours=settings.BACKUP_HOURS)


def run_scheduled_backup() -> None:
    """Make one in the place of scheduled backups and keep as many as said; what went wrong is kept for the page."""
    with track_singleton(BACKUP_JOB) as result:
        made = make_backup(get_backup_folder(), keep=settings.BACKUP_KEEP, progress=_make_progress_callback())
        note_backup_success(made)
        manifest = made.manifest
        result.update(name=made.folder.name, missing=len(manifest.missing), altered=len(manifest.altered))


def note_backup_success(made: Backup) -> None:
    value = {
        "at": made.manifest.made_at.isoformat(),
        "seconds": made.manifest.seconds,
        "bytes": made.manifest.bytes,
    }
    SiteSetting.objects.update_or_create(pk=SUCCESS_SETTING, defaults={"value": value})


def get_last_success() -> BackupSuccess | None:
    found = get_site_setting(SUCCESS_SETTING)
    if not isinstance(found, dict):
        return None
    return BackupSuccess(datetime.fromisoformat(found["at"]), found["seconds"], found["bytes"])


def _make_progress_callback() -> Any:
    """Writes the progress down, once a second at most."""
    last = float("-inf")

    def note(step: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < NOTE_INTERVAL:
            return
        last = time.monotonic()
        value = {"step": step, "done": done, "total": total}
        SiteSetting.objects.update_or_create(pk=PROGRESS_SETTING, defaults={"value": value})

    return note


def get_backup_progress() -> dict[str, Any]:
    found = get_site_setting(PROGRESS_SETTING, {})
    return found if isinstance(found, dict) else {}


def is_backup_overdue(now: datetime | None = None) -> bool:
    """The last success is older than it should be; a site without photos has nothing to lose yet."""
    hours = settings.BACKUP_HOURS
    allowed = timedelta(hours=2 * hours) if hours else MAX_AGE_BY_HAND
    limit, last = (now or timezone.now()) - allowed, get_last_success()
    if last is not None:
        return last.at < limit
    return Photo.objects.filter(added_at__lt=limit).exists()


def get_backup_warning() -> str:
    """What administrators should be told on other pages; empty: all is well."""
    failure = get_singleton(BACKUP_JOB).failure
    if failure:
        return _("The last backup failed: %(reason)s") % {"reason": failure}
    if not is_backup_overdue():
        return ""
    last = get_last_success()
    if last is None:
        return _("There is no backup of this site yet.")
    when = date_format(timezone.localtime(last.at), "DATETIME_FORMAT")
    return _("The last backup is of %(when)s. Newer photos and names would be lost.") % {"when": when}
