"""What an administrator does about backups and files: asks for one, has the files checked or mended."""

from __future__ import annotations

from django.db import transaction

from gallery import chores, filecheck
from gallery.backup import schedule
from gallery.models import User
from gallery.services.history import record


@transaction.atomic
def back_up_now(user: User) -> None:
    """A worker makes a backup as soon as one is free."""
    record(user, "backup.request", None, {"count": 1})
    chores.ask(schedule.CHORE, user)


@transaction.atomic
def check_files(user: User, *, is_mending: bool = False) -> None:
    """A worker compares files and rows, and puts right what it can."""
    record(user, "files.mend" if is_mending else "files.check", None, {"count": 1})
    chores.ask(filecheck.CHORE, user, is_mending)
