"""The base of all rows that are worked on: their status, and the lease a worker holds on them."""

from __future__ import annotations

from django.contrib import admin
from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.failures import translate_failure


class Status(models.TextChoices):
    QUEUED = "queued", _("Queued")
    PROCESSING = "processing", _("Processing")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


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
    lease_doubted = models.BooleanField(default=False, editable=False)  # it looked run out at one look
    queued_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    @admin.display(description=_("reason of failure"))
    def failure_text(self) -> str:
        """Why the work failed, in the language of whoever reads it."""
        return translate_failure(self.failure_code, self.failure_params, self.failure)
