"""Acts on many rows at once: seen before they are done, done in parts, stopped, resumed, taken back."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.events import Event
from gallery.models.users import User
from gallery.models.work import Status, Work


class BulkAct(Work):
    """What a curator chose to do to these rows. Until it is started it is only looked at."""

    class Kind(models.TextChoices):
        APPROVE = "approve", _("Approve references")
        REJECT = "reject", _("Reject references")
        PENDING = "pending", _("Set references back")
        MOVE = "move", _("Move references")
        HIDE = "hide", _("Hide people")
        SHOW = "show", _("Show people again")
        MERGE = "merge", _("Merge people")
        IMPORT = "import", _("Import people")
        EMBED = "embed", _("Embed references again")
        PROCESS = "process", _("Process photos again")
        STOP_RECOGNISING = "stop_recognising", _("Stop recognising in photos")
        RECOGNISE = "recognise", _("Recognise in photos again")
        ALBUM = "album", _("Put photos into an album")
        NO_ALBUM = "no_album", _("Take photos out of their albums")
        TRASH = "trash", _("Put photos into the trash")
        RESTORE = "restore", _("Take photos out of the trash")
        UNDO = "undo", _("Undo")

    kind = models.CharField(_("act"), max_length=20, choices=Kind)
    ids = models.JSONField(default=list)  # of the rows, or of the events that an undo takes back, in order
    rows = models.JSONField(default=list)  # of an import; emptied once it is done
    person = models.BigIntegerField(
        null=True, blank=True
    )  # who gets them; an id, so that erasing asks nobody
    album = models.BigIntegerField(null=True, blank=True)  # where they are put; an id as well
    back = models.CharField(max_length=1000, blank=True)  # the list it was chosen from
    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)  # rows it is through with
    changed = models.PositiveIntegerField(_("changed"), default=0)
    left = models.PositiveIntegerField(
        default=0
    )  # changed by somebody since they were looked at, so not touched
    refused = models.JSONField(default=list)  # sentences on what was left as it was
    seen = models.JSONField(default=list)  # the rows' revisions when it was looked at, in the order of `ids`
    batch = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # of the events of its parts
    event = models.ForeignKey(Event, models.SET_NULL, null=True, blank=True, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    made_at = models.DateTimeField(_("when"), auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    is_stop_wanted = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("act on many")
        verbose_name_plural = _("acts on many")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    @property
    def is_of_photos(self) -> bool:
        return self.kind in OF_PHOTOS

    @property
    def is_draft(self) -> bool:
        return self.confirmed_at is None

    @property
    def is_running(self) -> bool:
        return not self.is_draft and self.work in (Status.QUEUED, Status.PROCESSING)

    @property
    def is_stopped(self) -> bool:
        return not self.is_draft and self.work in (Status.CANCELLED, Status.FAILED)


OF_PHOTOS = {
    BulkAct.Kind.PROCESS,
    BulkAct.Kind.STOP_RECOGNISING,
    BulkAct.Kind.RECOGNISE,
    BulkAct.Kind.ALBUM,
    BulkAct.Kind.NO_ALBUM,
    BulkAct.Kind.TRASH,
    BulkAct.Kind.RESTORE,
}
