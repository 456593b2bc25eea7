"""What templates say about faces and photos.

{{ photo.failure|in_words }}
{% standing face as said %}
?{% address_with after=12 %}   the page's own address, with this parameter changed
"""

from __future__ import annotations

from typing import Any

from django import template

from gallery import refusals
from gallery.browse import standing as standings
from gallery.models import Face

register = template.Library()


@register.simple_tag
def standing(face: Face) -> standings.Standing:
    return standings.standing(face)


@register.filter
def in_words(said: str) -> str:
    """Why something failed, as it was written down, in the reader's language."""
    return refusals.in_words(said)


@register.simple_tag(takes_context=True)
def address_with(context: dict[str, Any], **changes: object) -> str:
    """The query string of this page with some parameters set."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query[name] = str(value)
    return str(query.urlencode())
