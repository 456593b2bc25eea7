"""Findings of the gallery check, and bulk acts."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.accounts import User
from gallery.models.base import Status, Work
from gallery.models.fields import MomentField
from gallery.models.history import Event
from gallery.models.people import Person, Reference


class Finding(models.Model):
    """Something that may be wrong. A new check replaces all findings but remembers which were dismissed.

    The kinds below the line are read from the references themselves; they have rows only once dismissed.
    """

    class Kind(models.TextChoices):
        WRONG = "wrong", _("Looks like another person")
        UNLIKE = "unlike", _("Unlike the rest of its person")
        DUPLICATE = "duplicate", _("The same picture twice")
        CONFUSABLE = "confusable", _("People who look alike")
        # ----
        POOR = "poor", _("Blurred, tiny or dark")
        FACELESS = "faceless", _("No face found")
        UNSEARCHED = "unsearched", _("Not searched")
        WAITING = "waiting", _("Waiting for a decision")
        SINGLE = "single", _("A single reference")
        BARE = "bare", _("No reference")

    is_cache = True  # see history.changeset
    computed_columns = ("is_outdated",)

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    person = models.ForeignKey(Person, models.CASCADE, related_name="findings", verbose_name=_("person"))
    reference = models.ForeignKey(Reference, models.CASCADE, null=True, related_name="findings")
    other_person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")
    other_reference = models.ForeignKey(Reference, models.CASCADE, null=True, related_name="+")
    similarity = models.FloatField(_("similarity"))  # to the other person or reference
    own_similarity = models.FloatField(_("similarity to its own person"), null=True)
    weight = models.FloatField(default=0)  # the worst first
    embedder_id = models.CharField(max_length=40)
    found_at = MomentField(auto_now_add=True)
    is_outdated = models.BooleanField(default=False, editable=False)  # a reference is moved, or not searched
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("gallery health")
        ordering = ("-weight", "pk")
        indexes = [models.Index(fields=("kind", "-weight"))]

    def __str__(self) -> str:
        return f"{self.kind}: {self.person}"

    @property
    def item_id(self) -> int:
        """What pages call it by: one that is not stored goes by its reference or its person."""
        return int(self.pk or self.reference_id or self.person_id)

    @property
    def subject(self) -> tuple[str, int]:
        """What its history is found by."""
        return ("reference", self.reference_id) if self.reference_id else ("person", self.person_id)


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
        NAMES = "names", _("Take names from files")
        UNDO = "undo", _("Undo")

    kind = models.CharField(_("action"), max_length=20, choices=Kind)
    ids = models.JSONField(default=list)  # of the rows, or of the events that an undo takes back, in order
    rows = models.JSONField(default=list)  # of an import; emptied once it is done
    # Of an import in an old encoding, until it is started: what to read again, and as what it was read
    file = models.BinaryField(default=b"")
    encoding = models.CharField(max_length=20, blank=True)
    # Who gets them, and where they are put; ids, so that erasing asks nobody
    person = models.BigIntegerField(null=True, blank=True)
    album = models.BigIntegerField(null=True, blank=True)
    back = models.CharField(max_length=1000, blank=True)  # the list it was chosen from
    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)  # rows it is through with
    changed = models.PositiveIntegerField(_("changed"), default=0)
    left = models.PositiveIntegerField(default=0)  # changed by others since the preview, so not touched
    refused = models.JSONField(default=list)  # sentences on what was left as it was
    seen = models.JSONField(default=list)  # the rows' revisions when it was looked at, in the order of `ids`
    batch = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # of the events of its parts
    event = models.ForeignKey(Event, models.SET_NULL, null=True, blank=True, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    made_at = MomentField(_("when"), auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    is_stop_wanted = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    @property
    def is_of_photos(self) -> bool:
        return self.kind in PHOTO_ACT_KINDS

    @property
    def is_draft(self) -> bool:
        return self.confirmed_at is None

    @property
    def is_running(self) -> bool:
        return not self.is_draft and self.work in (Status.QUEUED, Status.PROCESSING)

    @property
    def is_stopped(self) -> bool:
        return not self.is_draft and self.work in (Status.CANCELLED, Status.FAILED)


PHOTO_ACT_KINDS = {
    BulkAct.Kind.PROCESS,
    BulkAct.Kind.STOP_RECOGNISING,
    BulkAct.Kind.RECOGNISE,
    BulkAct.Kind.ALBUM,
    BulkAct.Kind.NO_ALBUM,
    BulkAct.Kind.TRASH,
    BulkAct.Kind.RESTORE,
}


def get_confirmed_acts() -> models.QuerySet[BulkAct]:
    return BulkAct.objects.filter(confirmed_at__isnull=False)
