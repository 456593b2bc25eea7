"""The room's kind of job. Loaded at every start, so it stays light."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from gallery.history.changeset import record_event
from gallery.jobs.registry import SiteJobKind
from gallery.jobs.services import request_job
from gallery.models import User

BACKUP_JOB = "make_backup"


@transaction.atomic
def request_backup(user: User) -> None:
    """Have a worker make a backup as soon as one is free."""
    record_event(user, "backup.request", None, {"count": 1})
    request_job(BACKUP_JOB, user)


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
)
EVENT_DESCRIPTIONS = {"backup.request": _("asked for a backup")}
