"""The room's kinds of job. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from gallery.backup import BACKUP_JOB, VERIFY_JOB
from gallery.backup.jobs import describe_verification_problem
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
def request_verification(user: User) -> None:
    """Have a worker try the newest backup."""
    record_event(user, "backup.verify", None, {"count": 1})
    request_job(VERIFY_JOB, user)


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
    TaskKind(task="write_sidecars", doing=_("writing sidecars")),
    TaskKind(task="reread_files", doing=_("reading older files again")),
    SiteJobKind(
        task=VERIFY_JOB,
        title=_("Trying whether the newest backup can be restored"),
        doing=_("trying whether the newest backup can be restored"),
        request=request_verification,
        list_url="backups",
        is_for_administrators=True,
        remedy=_("Do what it says, or make a backup: that one is tried at once."),
        find_problem=describe_verification_problem,
        problem_remedy=_(
            "Make a backup: it stores anew what is damaged or missing and still on the site, and is tried at once."
            " If that one is damaged, too, have its disk looked at."
        ),
    ),
    TaskKind(task="look_after_data", doing=_("looking after backups and files")),
)
EVENT_DESCRIPTIONS = {
    "backup.request": _("asked for a backup"),
    "backup.verify": _("had the newest backup tried"),
    "files.check": _("had the files looked at"),
    "files.mend": _("had the files looked at and put right"),
}
