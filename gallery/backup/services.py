"""What an administrator does about backups: asks for one now."""

from __future__ import annotations

from django.db import transaction

from gallery.backup.schedule import BACKUP_JOB
from gallery.history.changeset import record_event
from gallery.jobs.singletons import request_singleton
from gallery.models import User


@transaction.atomic
def request_backup(user: User) -> None:
    """A worker makes a backup as soon as one is free."""
    record_event(user, "backup.request", None, {"count": 1})
    request_singleton(BACKUP_JOB, user)
