"""The Celery tasks that look after the site's data: its backups, and the check of its files."""

from __future__ import annotations

from gallery.backup import BACKUP_JOB, VERIFY_JOB
from gallery.backup.ledger import note_erasures
from gallery.backup.schedule import (
    is_backup_due,
    is_backup_running,
    is_verification_due,
    is_verification_running,
    run_scheduled_backup,
    run_scheduled_verification,
)
from gallery.backup.store import empty_scratch_folders, look_at_backup_folder
from gallery.jobs.tasks import register_task
from gallery.maintenance.jobs import SANITY_CHECK_JOB
from gallery.maintenance.rereading import reread_files as reread_some_files
from gallery.maintenance.sanity_check import is_sanity_check_due, run_sanity_check
from gallery.maintenance.site_look import look_at_site
from gallery.photos.sidecars import keep_sidecars


@register_task(BACKUP_JOB)
def make_backup() -> None:
    """Unless one is being made, or the folder is away: then the request stays, and `look_after_data` finds it."""
    if not look_at_backup_folder() and not is_backup_running():
        run_scheduled_backup()


@register_task(VERIFY_JOB)
def verify_backup() -> None:
    """As `make_backup`: unless it is being done, or the folder is away."""
    if not look_at_backup_folder() and not is_verification_running():
        run_scheduled_verification()


@register_task(SANITY_CHECK_JOB)
def check_files(is_mending: bool = False) -> None:
    run_sanity_check(is_mending=is_mending)


@register_task("reread_files")
def reread_files() -> None:
    reread_some_files()


@register_task("write_sidecars")
def write_sidecars() -> None:
    keep_sidecars()


@register_task("look_after_data")
def look_after_data() -> None:
    """Run every few minutes: make a backup, try the newest, check the files, if it is due or its message was lost.

    Erasures that could not be noted beside the backups are noted once their folder is back.
    """
    empty_scratch_folders()
    if not look_at_backup_folder():
        note_erasures()
        if is_backup_due():
            run_scheduled_backup()
        if is_verification_due():
            run_scheduled_verification()
    if is_sanity_check_due():
        run_sanity_check()
    look_at_site()
