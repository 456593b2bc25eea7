"""Backups by themselves: when one is due, how far it is, how the last one ended, and when to worry.

A chore of `gallery.chores` keeps when it was asked for and how it ended; the place's lock says whether one is
running, and the folders in the place which ones there are.
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

from gallery import chores
from gallery.backup import layout
from gallery.backup.layout import Backup
from gallery.backup.lock import is_held
from gallery.backup.making import make_backup
from gallery.models import Photo, SiteSetting
from gallery.queries import setting

CHORE = "make_backup"
PROGRESS, SUCCEEDED = "backup.progress", "backup.succeeded"  # SiteSettings
RETRY = timedelta(hours=1)  # after a failure
BY_HAND = timedelta(days=14)  # how old the last may be where none are made by themselves
BETWEEN = 1.0  # seconds between two notes of the progress


@dataclass(frozen=True, slots=True)
class Success:
    """The last backup that was made, as the database remembers it: no folder is looked at."""

    at: datetime
    seconds: float
    bytes: int


def is_running() -> bool:
    return is_held(layout.place())


def is_due(now: datetime | None = None) -> bool:
    """Somebody asked for one, or the last is old enough; not soon after a failure, and not while one is made."""
    now, chore = now or timezone.now(), chores.state(CHORE)
    if is_running():
        return False
    if chore.is_waiting:
        return True
    if not settings.BACKUP_HOURS:
        return False
    if chore.failure and chore.done_at and chore.done_at > now - RETRY:
        return False
    last = last_success()
    return last is None or last.at <= now - timedelta(hours=settings.BACKUP_HOURS)


def run() -> None:
    """Make one in the place of scheduled backups and keep as many as said; what went wrong is kept for the page."""
    with chores.doing(CHORE) as result:
        made = make_backup(layout.place(), keep=settings.BACKUP_KEEP, progress=_noter())
        note_success(made)
        manifest = made.manifest
        result.update(name=made.folder.name, missing=len(manifest.missing), altered=len(manifest.altered))


def note_success(made: Backup) -> None:
    value = {
        "at": made.manifest.made_at.isoformat(),
        "seconds": made.manifest.seconds,
        "bytes": made.manifest.bytes,
    }
    SiteSetting.objects.update_or_create(pk=SUCCEEDED, defaults={"value": value})


def last_success() -> Success | None:
    found = setting(SUCCEEDED)
    if not isinstance(found, dict):
        return None
    return Success(datetime.fromisoformat(found["at"]), found["seconds"], found["bytes"])


def _noter() -> Any:
    """Writes the progress down, once a second at most."""
    last = float("-inf")

    def note(step: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < BETWEEN:
            return
        last = time.monotonic()
        value = {"step": step, "done": done, "total": total}
        SiteSetting.objects.update_or_create(pk=PROGRESS, defaults={"value": value})

    return note


def progress() -> dict[str, Any]:
    found = setting(PROGRESS, {})
    return found if isinstance(found, dict) else {}


def is_overdue(now: datetime | None = None) -> bool:
    """The last success is older than it should be; a site without photos has nothing to lose yet."""
    hours = settings.BACKUP_HOURS
    allowed = timedelta(hours=2 * hours) if hours else BY_HAND
    limit, last = (now or timezone.now()) - allowed, last_success()
    if last is not None:
        return last.at < limit
    return Photo.objects.filter(added_at__lt=limit).exists()


def warning() -> str:
    """What administrators should be told on other pages; empty: all is well."""
    failure = chores.state(CHORE).failure
    if failure:
        return _("The last backup failed: %(reason)s") % {"reason": failure}
    if not is_overdue():
        return ""
    last = last_success()
    if last is None:
        return _("There is no backup of this site yet.")
    when = date_format(timezone.localtime(last.at), "DATETIME_FORMAT")
    return _("The last backup is of %(when)s. Newer photos and names would be lost.") % {"when": when}
