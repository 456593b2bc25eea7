"""What the bar for chosen photos needs, and long lists to choose from.

{% choosing_limits as most %} {{ most.act }} {{ most.zip }}   {% album_names as names %}   {% suggestions names %}
{% album_options albums chosen %}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.db.models import QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from gallery.compiled import first_column
from gallery.models import Album, User
from gallery.services.many import MOST, MOST_FILES
from gallery.visibility import visible_albums

register = template.Library()
ALBUMS = 200
SELECTED = mark_safe(" selected")


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


@register.simple_tag
def suggestions(names: Iterable[str]) -> SafeString:
    """The inside of a datalist. There may be hundreds, which a template would write one by one."""
    return format_html_join("", '<option value="{}"></option>', ((name,) for name in names))


@register.simple_tag
def album_options(albums: Iterable[Album], chosen: int | None = None) -> SafeString:
    """The inside of a select, with one of the albums selected."""
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((album.pk, SELECTED if album.pk == chosen else "", album.name) for album in albums),
    )
