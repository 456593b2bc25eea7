"""Commands do not start when the chosen embedder cannot run here; the message says what to install or set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from recognition import embedders

SETTINGS = "settings"  # the tag of checks of what an owner sets


@register(SETTINGS)
def check_embedder(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """By files and installed packages; weights that are still to be downloaded are not looked for."""
    options = {
        "clip": {"model": settings.CLIP_MODEL, "pretrained": settings.CLIP_PRETRAINED},
        "onnx": {"model": settings.ONNX_MODEL},
    }.get(settings.EMBEDDER, {})
    reason = embedders.available(settings.EMBEDDER, **options)
    if reason is None:
        return []
    hint = f"FACESITE_EMBEDDER is {settings.EMBEDDER}; dlib needs no settings and runs on the light installation."
    return [Error(reason, hint=hint, id="facesite.E101")]
