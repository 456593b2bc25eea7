"""What the many pictures of a page say: {% tile photo walk as tile %}   {% pick face number as pick %}

A page has sixty photos, or four hundred faces, so all of it is put together here, and the template only writes it
down: digests, addresses and words for numbers cost several times as much from within a template.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from django import template
from django.utils.functional import cached_property
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext

from gallery.browse import glimpses
from gallery.models import Face, Photo, Status
from gallery.paths import path_of
from gallery.templatetags.media import face_src, photo_addresses

register = template.Library()
SMALL, LARGE = 320, 640  # pixels across
LARGE_FACE = 384
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


@dataclass(frozen=True, slots=True)
class Pick:
    """A face to tick, among many."""

    value: str  # its id and revision: what is decided is about the face as it was shown
    image: str
    alt: str
    address: str  # of the photo, with this face chosen
    open: str


@register.simple_tag
def pick(face: Face, number: int) -> Pick:
    """Needs the face's photo (select_related it in lists)."""
    name = face.photo.name
    return Pick(
        f"{face.pk}:{face.revision}",
        face_src(face, LARGE_FACE),
        gettext("Face %(number)s, in %(photo)s") % {"number": number, "photo": name},
        f"{path_of('photo', face.photo_id)}?face={face.pk}",
        gettext("Open %(photo)s") % {"photo": name},
    )
