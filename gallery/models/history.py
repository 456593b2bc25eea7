"""Events and their subjects, erasures and their receipts, site settings, and worker heartbeats."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.accounts import User
from gallery.models.base import Status, Work
from gallery.models.fields import MomentField


class Event(models.Model):
    """One act on one object: the one table behind undo, history and audit."""

    at = MomentField(_("when"), auto_now_add=True, db_index=True)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="events")
    verb = models.CharField(_("action"), max_length=40, db_index=True)  # for example "face.confirm"
    object_type = models.CharField(max_length=20, blank=True)
    object_id = models.BigIntegerField(null=True, blank=True)
    summary = models.JSONField(default=dict, blank=True)  # what the page says: names, counts
    undo = models.JSONField(null=True, blank=True)  # what is needed to take it back; null: not undoable
    batch = models.UUIDField(null=True, blank=True, db_index=True)  # acts that are undone together
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("history")
        ordering = ("-pk",)
        indexes = [models.Index(fields=("object_type", "object_id", "-id"))]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}"


class EventSubject(models.Model):
    """What an event can be found by: its object, a face's photo, the people of a merge, a group's faces."""

    event = models.ForeignKey(Event, models.CASCADE, related_name="subjects")
    object_type = models.CharField(max_length=20)
    object_id = models.BigIntegerField()  # no foreign key: history outlives its rows

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("object_type", "object_id", "event"), name="one_subject_per_event"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_id}: {self.object_type} {self.object_id}"


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
    at = MomentField(_("when"), auto_now_add=True)
    counts = models.JSONField(default=dict)  # what was removed -> how much of it
    backups = models.JSONField(default=list)  # [{"made_at", "until"}] of backups that hold it still
    todo = models.JSONField(default=dict, blank=True)
    is_noted = models.BooleanField(default=False, editable=False)  # its digests lie beside the backups

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return str(self.receipt)

    @property
    def is_complete(self) -> bool:
        return self.work == Status.DONE


class ErasedDigest(models.Model):
    """By what something erased is known again: a digest that says nothing without the site's key."""

    class Kind(models.TextChoices):
        NAME = "name"  # as searches know it, without accents and case
        FILE = "file"  # the SHA-256 of a picture or photo
        ROW = "row"  # a row's number and the moment it was made, for restored backups

    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="digests")
    kind = models.CharField(max_length=4, choices=Kind)
    digest = models.CharField(max_length=64, db_index=True)
    returned_at = models.DateTimeField(null=True)  # somebody said it may come back: nobody is asked again

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("erasure", "digest"), name="one_digest_per_erasure"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"


class SiteSetting(models.Model):
    """A switch that a person sets on a page rather than in the environment."""

    key = models.CharField(max_length=40, primary_key=True)
    value: models.JSONField[Any, Any] = models.JSONField()
    changed_at = MomentField(auto_now=True)

    def __str__(self) -> str:
        return self.key


def get_site_setting(key: str, default: object = None) -> Any:
    found = SiteSetting.objects.filter(pk=key).values_list("value", flat=True).first()
    return default if found is None else found


class WorkerBeat(models.Model):
    """A process of ours that says it lives, and what it is doing."""

    name = models.CharField(max_length=80, unique=True)  # host:pid
    kind = models.CharField(max_length=10)  # worker or scheduler
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)
    doing = models.CharField(max_length=120, blank=True)  # for example "photo 17"
    since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
