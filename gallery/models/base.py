"""Background jobs: the base of all rows that are worked on, with their lease and why the work failed; and site jobs.

Rows keep the code of a failure; its message is put together in the language of whoever reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from gallery.models.clock import get_site_time
from recognition.errors import FILE_DESCRIPTIONS, MESSAGES

FAILURE_MESSAGES: Mapping[str, str] = {
    **MESSAGES,
    "worker_stopped": gettext_noop(
        "Working on this stopped the worker twice, so it was set aside. You can try it again."
    ),
    "not_finished": gettext_noop("The computer could not finish this: %(error)s. You can try it again."),
    "photo_file_gone": gettext_noop("The photo's file is gone from the disk. Upload it again."),
    "file_lost": gettext_noop(
        "The file is gone from the disk and no backup holds it. If you still have the photo, add it again."
    ),
    "draft_file_gone": gettext_noop("The picture is gone from the disk. Send it once more."),
    "reference_file_gone": gettext_noop("The reference's picture is gone from the disk."),
    "builder_ended": gettext_noop("The process that built it ended; a later build has taken its place."),
    "build_superseded": gettext_noop("Build %(pk)s, started later, holds the same."),
    "index_not_written": gettext_noop("The index could not be written: %(error)s."),
    "index_away": gettext_noop("The index does not answer; this waits until it does."),
    "storage_away": gettext_noop("The store of the site's files does not answer. It is tried again."),
    "export_not_written": gettext_noop("The file could not be written: the disk may be full."),
    "not_removed_yet": gettext_noop("Something could not be removed yet: %(error)s. It is tried again."),
}
NO_FAILURE: Mapping[str, Any] = {"failure": "", "failure_code": "", "failure_params": {}}


def build_failure_columns(error: BaseException) -> dict[str, Any]:
    """What a row keeps of an error: its code and params, or its text where no message has the code."""
    code = getattr(error, "code", "")
    if code in FAILURE_MESSAGES:
        return {"failure": "", "failure_code": code, "failure_params": dict(getattr(error, "params", {}))}
    return {**NO_FAILURE, "failure": str(error) or type(error).__name__}


def translate_failure(code: str, params: Mapping[str, str], text: str) -> str:
    """The message of the code in the active language; without a code, the text as it was kept."""
    if code not in FAILURE_MESSAGES:
        return gettext(text) if text else ""
    places = {name: gettext(part) if part in FILE_DESCRIPTIONS else part for name, part in params.items()}
    return gettext(FAILURE_MESSAGES[code]) % defaultdict(lambda: "…", places)


class Status(models.TextChoices):
    QUEUED = "queued", _("Queued")
    PROCESSING = "processing", _("Processing")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


UNFINISHED_STATUSES = (Status.QUEUED, Status.PROCESSING)


class Work(models.Model):
    work = models.CharField(
        _("job status"), max_length=16, choices=Status, default=Status.QUEUED, db_index=True
    )
    failure = models.TextField(_("reason of failure"), blank=True)  # of what has no code
    failure_code = models.CharField(max_length=40, blank=True, editable=False)
    failure_params = models.JSONField(default=dict, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    lease_owner = models.CharField(max_length=80, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_doubted = models.BooleanField(default=False, editable=False)  # it had run out at the last look
    queued_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_unfinished(self) -> bool:
        return self.work in UNFINISHED_STATUSES

    @property
    @admin.display(description=_("reason of failure"))
    def failure_text(self) -> str:
        """Why the work failed, in the language of whoever reads it."""
        return translate_failure(self.failure_code, self.failure_params, self.failure)


class Job(models.Model):
    """A job about the whole site, which no other row carries: when it was requested, and how it last ended."""

    LATE_AFTER = timedelta(minutes=10)

    name = models.CharField(max_length=40, primary_key=True)  # of its task
    asked_at = models.DateTimeField(null=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    done_at = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0)
    failure = models.TextField(blank=True)
    result: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def is_waiting(self) -> bool:
        """Requested, and not done since."""
        return self.asked_at is not None and (self.done_at is None or self.done_at < self.asked_at)

    @property
    def is_late(self) -> bool:
        is_long_ago = self.asked_at is not None and self.asked_at < get_site_time() - self.LATE_AFTER
        return self.is_waiting and is_long_ago


def get_job(name: str) -> Job:
    """The job of this name, as it stands; an empty one if nobody has requested it yet."""
    return Job.objects.filter(pk=name).first() or Job(name=name)
