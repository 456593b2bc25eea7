"""{% is_nobody_known as is_first %}"""

from __future__ import annotations

from django import template

from gallery.models import Person

register = template.Library()


@register.simple_tag
def is_nobody_known() -> bool:
    """Whether the gallery has no people yet: then the first thing to do with a face is to name it."""
    return not Person.objects.exists()
