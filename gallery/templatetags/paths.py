"""{% path "photo" photo.pk %}: what {% url "photo" photo.pk %} writes, quicker; a page has hundreds of these.

For addresses with one number in them. Known in all templates (settings.py).
"""

from __future__ import annotations

from django import template

from gallery.paths import path_of

register = template.Library()
register.simple_tag(path_of, name="path")
