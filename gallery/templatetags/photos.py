"""What templates ask about photos.

{% tile_summary photo as summary %}   {% taken photo %}   {% selection_limits as most %} {{ most.act }} {{ most.zip }}
{% album_names as names %}   {% tag_names as names %}   {% rating_choices as choices %}
{% order_menu %}   {% order_menu album %}
"""

from __future__ import annotations

from typing import Any

from django import template

from gallery.models import Album, Photo, Rating
from gallery.photos.descriptions import list_tags
from gallery.photos.moments import format_moment
from gallery.photos.ordering import LIST_ORDERS
from gallery.photos.selectors import TileSummary, get_tile_summary
from gallery.photos.services import MAX_CHOSEN_PHOTOS, MAX_ZIP_PHOTOS

register = template.Library()
MAX_ALBUM_NAMES, MAX_TAG_NAMES = 200, 200


@register.simple_tag
def tile_summary(photo: Photo) -> TileSummary:
    return get_tile_summary(photo)


@register.simple_tag
def taken(photo: Photo) -> str:
    return format_moment(photo)


@register.simple_tag
def selection_limits() -> dict[str, int]:
    return {"act": MAX_CHOSEN_PHOTOS, "zip": MAX_ZIP_PHOTOS}


@register.simple_tag(takes_context=True)
def album_names(context: dict[str, Any]) -> list[str]:
    """The names of the newest albums that the user sees, each once."""
    albums = Album.objects.visible_to(context["request"].user).order_by("-pk")
    return list(dict.fromkeys(albums.values_list("name", flat=True)[:MAX_ALBUM_NAMES]))


@register.simple_tag(takes_context=True)
def tag_names(context: dict[str, Any]) -> list[str]:
    """The tags that the user sees, the most frequent first."""
    tags = sorted(list_tags(context["request"].user), key=lambda tag: -tag.number)
    return [tag.name for tag in tags[:MAX_TAG_NAMES]]


@register.simple_tag
def rating_choices() -> list[tuple[int, str]]:
    return [(int(rating), str(rating.label)) for rating in Rating]


@register.inclusion_tag("components/order_menu.html", takes_context=True)
def order_menu(context: dict[str, Any], album: Album | None = None) -> dict[str, Any]:
    """The menu of the order of an album that the user may change, else of the user's lists of photos."""
    request = context["request"]
    chosen = album.order if album else request.user.photo_order
    orders = [(order.value, order.label, order == chosen) for order in LIST_ORDERS]
    side = "from-left" if album else ""  # where the menu opens
    return {"album": album, "orders": orders, "side": side, "request": request}
