"""What the bar for chosen photos needs.

{% choosing_limits as most %} {{ most.act }} {{ most.zip }}   {% album_names as names %}
"""

from __future__ import annotations

from typing import Any

from django import template

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
    names = visible_albums(context["request"].user).order_by("-pk").values_list("name", flat=True)[:ALBUMS]
    return list(dict.fromkeys(names))
