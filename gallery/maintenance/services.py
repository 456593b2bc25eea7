"""What an administrator does about files: has them checked against the rows, or mended."""

from __future__ import annotations

from django.db import transaction

from gallery.history.changeset import record_event
from gallery.jobs.singletons import request_singleton
from gallery.maintenance.sanity_check import SANITY_CHECK_JOB
from gallery.models import User


@transaction.atomic
def request_file_check(user: User, *, is_mending: bool = False) -> None:
    """A worker compares files and rows, and puts right what it can."""
    record_event(user, "files.mend" if is_mending else "files.check", None, {"count": 1})
    request_singleton(SANITY_CHECK_JOB, user, is_mending)
