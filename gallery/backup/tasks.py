"""This room's Celery task."""

from __future__ import annotations

from gallery.backup.jobs import BACKUP_JOB
from gallery.backup.schedule import is_backup_running, run_scheduled_backup
from gallery.jobs.tasks import register_task


@register_task(BACKUP_JOB)
def make_backup() -> None:
    if not is_backup_running():  # else it stays asked for, and `look_after_data` finds it
        run_scheduled_backup()
