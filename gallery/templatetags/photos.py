"""What templates ask about photos.

{% tile_summary photo as summary %}   {% selection_limits as most %} {{ most.act }} {{ most.zip }}
{% album_names as names %}
"""

from __future__ import annotations

from typing import Any

from django import template

from gallery.models import Album, Photo
from gallery.photos.selectors import TileSummary, get_tile_summary
from gallery.photos.services import MAX_CHOSEN_PHOTOS, MAX_ZIP_PHOTOS

register = template.Library()
MAX_ALBUM_NAMES = 200


@register.simple_tag
def tile_summary(photo: Photo) -> TileSummary:
    return get_tile_summary(photo)


@register.simple_tag
def selection_limits() -> dict[str, int]:
    return {"act": MAX_CHOSEN_PHOTOS, "zip": MAX_ZIP_PHOTOS}


@register.simple_tag(takes_context=True)
def album_names(context: dict[str, Any]) -> list[str]:
    """The names of the newest albums that the user sees, each once."""
    albums = Album.objects.visible_to(context["request"].user).order_by("-pk")
    return list(dict.fromkeys(albums.values_list("name", flat=True)[:MAX_ALBUM_NAMES]))
