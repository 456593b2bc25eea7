"""What a tile of the photo grid says: {% tile photo walk as tile %}

A page has sixty, so all of it is put together here, and the template only writes it down: digests, addresses and
words for numbers cost several times as much from within a template.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from django import template
from django.utils.functional import cached_property
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext

from gallery.browse import glimpses
from gallery.models import Photo, Status
from gallery.paths import path_of
from gallery.templatetags.media import photo_addresses

register = template.Library()
SMALL, LARGE = 320, 640  # pixels across
NAMES, FILE = 60, 40  # letters of a caption


class Tile:
    """A photo as the grid shows it; numbers are texts, as attributes have them."""

    def __init__(self, photo: Photo, walk: str) -> None:
        glimpse = glimpses.glimpse(photo)
        self.pk = str(photo.pk)
        self.address = path_of("photo", photo.pk) + (f"?in={quote(walk, safe='')}" if walk else "")
        self.is_busy = photo.work in (Status.QUEUED, Status.PROCESSING)
        self.is_waiting, self.is_failed = photo.work == Status.QUEUED, photo.work == Status.FAILED
        self.is_tall = photo.height > photo.width
        self.width, self.height = str(photo.width), str(photo.height)
        self.names, self.name = glimpse.names, photo.name
        self.open = glimpse.open if photo.work == Status.DONE else 0
        self._address_at: Callable[[int], str] = photo_addresses(photo) if photo.width else lambda _width: ""

    @property
    def small(self) -> str:
        return self._address_at(SMALL)

    @cached_property
    def large(self) -> str:
        """Empty where nothing is known of the picture yet."""
        return self._address_at(LARGE)

    @property
    def alt(self) -> str:
        return self.names or self.name

    @property
    def caption(self) -> str:
        text, most = (self.names, NAMES) if self.names else (self.name, FILE)
        return text if len(text) <= most else Truncator(text).chars(most)

    @property
    def waits(self) -> str:
        """How many faces wait for somebody's word."""
        said = ngettext("%(counter)s face without a name", "%(counter)s faces without a name", self.open)
        return said % {"counter": self.open}

    @property
    def choose(self) -> str:
        return gettext("Choose %(name)s") % {"name": self.name}


@register.simple_tag
def tile(photo: Photo, walk: str = "") -> Tile:
    return Tile(photo, walk)
