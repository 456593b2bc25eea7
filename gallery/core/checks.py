"""Django system checks at start-up. They look at files and installed packages only, and load no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from facesite import hardening
from recognition.embedders import get_unavailable_reason
from recognition.embedders.arcface import inspect_model
from recognition.errors import WeightsCorrupt

SETTINGS_TAG = "settings"  # the tag of checks of what an owner sets


@register(SETTINGS_TAG)
def check_embedder(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """By files and installed packages; weights that are still to be downloaded are not looked for."""
    options = {
        "clip": {"model": settings.CLIP_MODEL, "pretrained": settings.CLIP_PRETRAINED},
        "onnx": {"model": settings.ONNX_MODEL},
    }.get(settings.EMBEDDER, {})
    reason = get_unavailable_reason(settings.EMBEDDER, **options) if settings.EMBEDDER else None
    if reason is None and settings.EMBEDDER == "onnx":
        try:
            inspect_model(Path(settings.ONNX_MODEL))
        except WeightsCorrupt as error:
            reason = str(error)
    if reason is None:
        return []
    hint = f"FACESITE_EMBEDDER is {settings.EMBEDDER}; dlib needs no settings and runs on the light installation."
    return [Error(reason, hint=hint, id="facesite.E101")]


@register(Tags.security)
def check_security_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    return [
        Error(problem.sentence, hint=problem.hint, id=f"facesite.E{problem.number:03}")
        for problem in hardening.problems(settings)
    ]
