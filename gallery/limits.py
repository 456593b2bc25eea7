"""The one table of limits for files, as the owner has set it; every entrance uses it."""

from __future__ import annotations

from django.conf import settings

from recognition.images import Limits


def limits() -> Limits:
    return Limits(bytes=settings.UPLOAD_MAX_MB * 1_000_000, pixels=settings.UPLOAD_MAX_MEGAPIXELS * 1_000_000)
