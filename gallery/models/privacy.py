"""Erasures and their receipts."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.base import Status, Work


class Erasure(Work):
    """One act of erasing. Rows are gone when it is written; its work is to clear files, builds and remains.

    `todo` names what is still to be cleared, and is emptied before the erasure counts as complete.
    """

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        PHOTO = "photo", _("Photo")
        USER = "user", _("User")

    receipt = models.UUIDField(_("receipt"), default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("what"), max_length=8, choices=Kind)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    counts = models.JSONField(default=dict)  # what was removed -> how much of it
    backups = models.JSONField(default=list)  # [{"made_at", "until"}] of backups that hold it still
    todo = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return str(self.receipt)

    @property
    def is_complete(self) -> bool:
        return self.work == Status.DONE
