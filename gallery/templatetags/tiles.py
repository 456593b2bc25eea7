"""What the many pictures of a page say: {% tile photo walk as tile %}   {% pick face number as pick %}

A page has dozens of photos, or hundreds of faces, so all of it is put together here, and the template only writes it
down: digests, addresses and words for numbers cost several times as much from within a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from django import template
from django.utils.translation import gettext, ngettext

from gallery.browse import glimpses
from gallery.models import Face, Photo, Status
from gallery.paths import path_of
from gallery.templatetags.media import face_src, photo_addresses

register = template.Library()
SMALL, LARGE = 320, 640  # pixels across
LARGE_FACE = 384
NAMES, FILE = 60, 40  # letters of a caption
BUSY = (Status.QUEUED, Status.PROCESSING)


@register.simple_tag
def tile(photo: Photo, walk: str = "") -> dict[str, str | bool]:
    """A photo as the grid shows it. A dict, and numbers as texts: templates read these the quickest."""
    glimpse = glimpses.glimpse(photo)
    said: dict[str, str | bool] = {
        **dict.fromkeys(("large", "small", "width", "height", "open", "waits", "choose"), ""),
        "pk": str(photo.pk),
        "address": path_of("photo", photo.pk) + (f"?in={quote(walk, safe='')}" if walk else ""),
        "alt": glimpse.names or photo.name,
        "caption": _short(glimpse.names, NAMES) if glimpse.names else _short(photo.name, FILE),
        "is_busy": photo.work in BUSY,
        "is_waiting": photo.work == Status.QUEUED,
        "is_failed": photo.work == Status.FAILED,
        "is_tall": photo.height > photo.width,
        "name": photo.name,
    }
    if photo.width:  # else nothing is known of the picture yet
        address_at = photo_addresses(photo)
        said |= {"width": str(photo.width), "height": str(photo.height)}
        said |= {"small": address_at(SMALL), "large": address_at(LARGE)}
    if glimpse.open and photo.work == Status.DONE:
        words = ngettext("%(counter)s face without a name", "%(counter)s faces without a name", glimpse.open)
        said |= {"open": str(glimpse.open), "waits": words % {"counter": glimpse.open}}
    if walk:
        said["choose"] = gettext("Choose %(name)s") % {"name": photo.name}
    return said


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


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
