"""Index builds, the feed of gallery changes, name changes, and calibrations."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.accounts import User
from gallery.models.base import Status, Work
from gallery.models.fields import MomentField
from gallery.models.photos import Face, Photo


class IndexContents(models.TextChoices):
    """What an index holds: references, by which faces are named, or the faces of all photos, to search among."""

    REFERENCES = "references", _("references")
    FACES = "faces", _("faces")


class Build(Work):
    """One version of an index. At most one of each kind is active per embedder."""

    contents = models.CharField(
        _("contents"), max_length=10, choices=IndexContents, default=IndexContents.REFERENCES
    )
    embedder_id = models.CharField(_("embedder"), max_length=40)
    directory = models.CharField(max_length=200, blank=True)  # below INDEX_ROOT
    vectors = models.PositiveBigIntegerField(_("vectors"), default=0)
    dimension = models.PositiveIntegerField(_("dimension"), default=0)
    index_key = models.CharField(_("index"), max_length=100, blank=True)
    index_param = models.CharField(_("parameters"), max_length=200, blank=True)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    milliseconds = models.PositiveBigIntegerField(_("milliseconds"), default=0)
    recall = models.FloatField(_("recall@1"), null=True, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    upto_change = models.BigIntegerField(default=0)  # the last GalleryChange the build contains
    progress = models.FloatField(default=0)  # 0 to 1
    step = models.CharField(max_length=40, blank=True)
    is_active = models.BooleanField(_("active"), default=False)
    is_cancel_wanted = models.BooleanField(default=False)
    reason = models.CharField(_("asked for by"), max_length=200, blank=True)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = MomentField(auto_now_add=True)

    class Meta:
        verbose_name = _("build")
        verbose_name_plural = _("builds")
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=("embedder_id", "contents"),
                condition=models.Q(is_active=True),
                name="one_active_build_of_a_kind",
            ),
            models.UniqueConstraint(
                fields=("work",), condition=models.Q(work=Status.PROCESSING), name="one_build_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.embedder_id})"


class GalleryChange(models.Model):
    """The feed every searching process follows: a reference, or a face, became searchable, moved, or ceased to be."""

    class Kind(models.TextChoices):
        ADDED = "added", _("Added")
        MOVED = "moved", _("Moved")
        REMOVED = "removed", _("Removed")
        ERASED = "erased", _("Erased")  # removed, and no kept build may hold it any longer

    contents = models.CharField(
        max_length=10, choices=IndexContents, default=IndexContents.REFERENCES
    )  # whose index follows it
    kind = models.CharField(max_length=8, choices=Kind)
    object_id = (
        models.BigIntegerField()
    )  # of a reference or a face; no foreign key: a removal outlives its row
    person = models.BigIntegerField(default=0)  # of a reference
    embedder_id = models.CharField(max_length=40)
    at = MomentField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)
        indexes = [models.Index(fields=("embedder_id", "contents", "id"), name="changes_of_an_index")]

    def __str__(self) -> str:
        return f"{self.pk}: {self.kind} {self.object_id}"


class FaceGrouping(Work):
    """All unknown faces are grouped anew: asked for by somebody, watched, and stopped."""

    progress = models.FloatField(default=0)  # 0 to 1
    changed = models.PositiveIntegerField(default=0)  # faces that are in another group now
    is_cancel_wanted = models.BooleanField(default=False)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = MomentField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return str(self.pk)


class NameChange(models.Model):
    """A name that a changed gallery gave to, or took from, a face in an older photo; shown with the build."""

    is_cache = True  # see history.changeset

    build = models.ForeignKey(Build, models.CASCADE, null=True, related_name="name_changes")
    photo = models.ForeignKey(Photo, models.CASCADE, related_name="+")
    face = models.ForeignKey(Face, models.CASCADE, related_name="name_changes")
    old_person = models.ForeignKey("Person", models.SET_NULL, null=True, related_name="+")
    new_person = models.ForeignKey("Person", models.SET_NULL, null=True, related_name="+")
    old_state = models.CharField(max_length=8, choices=Face.State)
    new_state = models.CharField(max_length=8, choices=Face.State)
    at = MomentField(auto_now_add=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("photo", "pk")

    def __str__(self) -> str:
        return f"{self.face_id}: {self.old_state} to {self.new_state}"


class Calibration(models.Model):
    """Bounds measured on the owner's own gallery, or set by hand, for one embedder; the newest applied one counts."""

    embedder_id = models.CharField(_("embedder"), max_length=40, db_index=True)
    bounds = models.JSONField()  # as Bounds.to_json has them
    report = models.JSONField(
        default=dict
    )  # recognition.calibrate's figures, or "by_hand": see curation.trial
    false_name_rate = models.FloatField(_("false-name rate"), null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    applied_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = MomentField(auto_now_add=True)

    class Meta:
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.embedder_id} #{self.pk}"

    @property
    def is_by_hand(self) -> bool:
        return "by_hand" in self.report
