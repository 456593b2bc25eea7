"""The room's kinds of job. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from gallery.backup import BACKUP_JOB
from gallery.history.changeset import record_event
from gallery.jobs.registry import SiteJobKind, TaskKind
from gallery.jobs.services import request_job
from gallery.models import User

SANITY_CHECK_JOB = "check_files"


@transaction.atomic
def request_backup(user: User) -> None:
    """Have a worker make a backup as soon as one is free."""
    record_event(user, "backup.request", None, {"count": 1})
    request_job(BACKUP_JOB, user)


@transaction.atomic
def request_file_check(user: User, *, is_mending: bool = False) -> None:
    """Have a worker compare files and rows, and repair what it can if `is_mending`."""
    record_event(user, "files.mend" if is_mending else "files.check", None, {"count": 1})
    request_job(SANITY_CHECK_JOB, user, is_mending)


def _describe_missing_files(result: Mapping[str, Any]) -> str:
    count = sum(int((result.get(kind) or {}).get("count", 0)) for kind in ("lost", "altered"))
    if not count:
        return ""
    return ngettext(
        "%(count)s file is gone or is not what it was.",
        "%(count)s files are gone or are not what they were.",
        count,
    ) % {"count": count}


JOBS = (
    SiteJobKind(
        task=BACKUP_JOB,
        title=_("Making a backup"),
        doing=_("making a backup"),
        request=request_backup,
        list_url="backups",
        is_for_administrators=True,
        remedy=_(
            "See whether the folder for backups is there, can be written to and has room; then try again."
        ),
    ),
    SiteJobKind(
        task=SANITY_CHECK_JOB,
        title=_("Looking whether every file is there"),
        doing=_("looking whether every file is there"),
        request=request_file_check,
        list_url="backups",
        is_for_administrators=True,
        find_problem=_describe_missing_files,
        problem_remedy=_(
            "Have it put right on the page about backups: what a backup still holds comes back from there."
        ),
    ),
    TaskKind(task="reread_files", doing=_("reading older files again")),
    TaskKind(task="look_after_data", doing=_("looking after backups and files")),
)
EVENT_DESCRIPTIONS = {
    "backup.request": _("asked for a backup"),
    "files.check": _("had the files looked at"),
    "files.mend": _("had the files looked at and put right"),
}
