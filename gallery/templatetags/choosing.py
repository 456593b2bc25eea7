"""What the bar for chosen photos needs.

{% choosing_limits as most %} {{ most.act }} {{ most.zip }}   {% album_names as names %}
"""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import QuerySet

from gallery.compiled import first_column
from gallery.models import User
from gallery.services.many import MOST, MOST_FILES
from gallery.visibility import visible_albums

register = template.Library()
ALBUMS = 200


@register.simple_tag
def choosing_limits() -> dict[str, int]:
    return {"act": MOST, "zip": MOST_FILES}


@register.simple_tag(takes_context=True)
def album_names(context: dict[str, Any]) -> list[str]:
    """The names of the newest albums that the user sees, each once."""
    user: User = context["request"].user

    def newest() -> QuerySet[Any, str]:
        return visible_albums(user).order_by("-pk").values_list("name", flat=True)[:ALBUMS]

    key = ("names of albums", None if user.is_administrator else user.pk)
    return list(dict.fromkeys(first_column(key, newest)))
