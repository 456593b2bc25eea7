"""How much one user may upload within an hour: a flood fills neither disk nor queue.

Counted are photos and references that were kept and files that were refused: rows, so that every process
counts alike.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import Event, Photo, Reference, User

REFUSED = "upload.refused"
HOUR = timedelta(hours=1)


def is_over(user: User, more_bytes: int = 0) -> bool:
    """Whether the user has sent as many files, or bytes with these, as an hour allows."""
    since = timezone.now() - HOUR
    kept = Photo.objects.filter(uploaded_by=user, added_at__gt=since).aggregate(
        files=Count("pk"), bytes=Sum("bytes")
    )
    references = Reference.objects.filter(added_by=user, created_at__gt=since).count()
    refused = Event.objects.filter(actor=user, verb=REFUSED, at__gt=since).count()
    if kept["files"] + references + refused >= settings.UPLOADS_PER_HOUR:
        return True
    return (kept["bytes"] or 0) + more_bytes > settings.UPLOAD_GB_PER_HOUR * 1_000_000_000


def sentence() -> str:
    """What the user is told."""
    return _("You have uploaded as much as one hour allows. What is here is safe; go on in an hour.")


def count_refused(user: User) -> None:
    """A file of this user's was not a photo that could be kept."""
    Event.objects.create(actor=user, verb=REFUSED)
