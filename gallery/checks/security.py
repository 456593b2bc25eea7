"""Commands, the server among them, do not start with settings that would leave the site open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from facesite import hardening


@register(Tags.security)
def check_open_doors(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    return [
        Error(problem.sentence, hint=problem.hint, id=f"facesite.E{problem.number:03}")
        for problem in hardening.problems(settings)
    ]
