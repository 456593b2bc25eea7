"""Large files on their way in."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

from gallery.models.accounts import User


class PartialUpload(models.Model):
    """A file that arrives in parts. The first `arrived` bytes of `path` are what has arrived and is on the disk."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()  # bytes
    modified = models.BigIntegerField()  # milliseconds since 1970, as the browser says
    arrived = models.BigIntegerField(default=0)  # bytes
    touched_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "name", "size", "modified"), name="one_partial_upload_of_a_file"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return Path(settings.FILE_UPLOAD_TEMP_DIR) / "partial" / str(self.pk)

    @property
    def percent(self) -> int:
        return int(100 * self.arrived / self.size)
