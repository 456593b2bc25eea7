"""Pictures that are to become references: looked at by the worker, shown, corrected, then saved or left out."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.people import Person
from gallery.models.users import User
from gallery.models.work import Status, Work


class ReferenceDraft(Work):
    """A picture somebody sent for a person. Its work is being looked at for faces."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="drafts", verbose_name=_("person"))
    image = models.CharField(max_length=200, unique=True)  # path below MEDIA_ROOT, in "drafts"
    sha256 = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=255)
    width = models.PositiveIntegerField()  # upright
    height = models.PositiveIntegerField()
    faces = models.JSONField(default=list)  # box, landmarks, score, quality; in the picture's own pixels
    chosen = models.PositiveSmallIntegerField(null=True, blank=True)  # which of the faces is meant
    drawn = models.JSONField(null=True, blank=True)  # a box to find a face in
    says = models.CharField(max_length=200, blank=True)  # what the person should know of it
    added_by = models.ForeignKey(User, models.CASCADE, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=("person", "sha256"), name="one_draft_per_picture")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_waiting(self) -> bool:
        return self.work in (Status.QUEUED, Status.PROCESSING)
