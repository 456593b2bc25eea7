"""The settings that a backup remembers: what was set in the environment, but for anything secret."""

from __future__ import annotations

import os

from django.conf import settings

SECRET = ("KEY", "PASSWORD", "TOKEN", "SECRET")
ADDRESSES = ("DATABASE_URL", "CELERY_BROKER_URL")  # may hold a password: only their kind is kept


def settings_kept() -> dict[str, str]:
    kept = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith("FACESITE_") and not any(word in name for word in SECRET)
    }
    for name in ADDRESSES:
        if name in os.environ:
            kept[name] = os.environ[name].partition("://")[0] + "://..."
    return kept | {"FACESITE_EMBEDDER": str(settings.EMBEDDER), "FACESITE_DETECTOR": str(settings.DETECTOR)}
