"""What pages around the gallery say of the next build: {% waits_for_build %}, for curators."""

from __future__ import annotations

from typing import Any

from django import template

from gallery.browse import builds
from gallery.models import User

register = template.Library()


@register.inclusion_tag("builds/_waits.html", takes_context=True)
def waits_for_build(context: dict[str, Any]) -> dict[str, int]:
    user = getattr(context.get("request"), "user", None)
    is_told = isinstance(user, User) and user.is_curator
    return {"waiting": builds.waiting_changes() if is_told else 0}
