"""Files that go with a photo: the camera raw file beside its JPEG, the video of a Live or motion photo."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.accounts import User
from gallery.models.fields import MomentField
from gallery.models.photos import Photo


class Companion(models.Model):
    """One such file. It is erased, backed up and handed out with its photo, and seen by whoever sees that."""

    class Kind(models.TextChoices):
        PICTURE = "picture", _("The same picture in another file")
        VIDEO = "video", _("Video")

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="companions")
    kind = models.CharField(max_length=8, choices=Kind)
    file = models.FileField(max_length=200, unique=True)
    name = models.CharField(_("file name"), max_length=255)
    sha256 = models.CharField(max_length=64, editable=False, db_index=True)
    copy = models.PositiveSmallIntegerField(default=0, editable=False)  # as of a photo
    bytes = models.PositiveBigIntegerField(default=0)
    uploaded_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    added_at = MomentField(auto_now_add=True)

    class Meta:
        ordering = ("kind", "pk")
        constraints = [models.UniqueConstraint(fields=("photo", "kind"), name="one_companion_of_a_kind")]

    def __str__(self) -> str:
        return self.name
