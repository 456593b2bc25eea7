"""The many pictures of a page: {% tile photo walk %}   {% picks faces is_ticked %}

A page has dozens of photos, or hundreds of faces, so all of it is put together here: digests, addresses, words for
numbers and conditions cost several times as much from within a template.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from gallery.browse import glimpses
from gallery.browse.glimpses import Glimpse
from gallery.models import Face, Photo, Status
from gallery.paths import path_of
from gallery.templatetags.media import face_src, photo_addresses
from gallery.templatetags.shell import icon

register = template.Library()
SMALL, LARGE = 320, 640  # pixels across
LARGE_FACE = 384
NAMES, FILE = 60, 40  # letters of a caption
BUSY = (Status.QUEUED, Status.PROCESSING)


TILE = """<li class="tile{}" id="tile-{}"{}{}>
  <a href="{}">{}{}{}</a>{}
</li>
"""
PICTURE = (
    '<img src="{large}" srcset="{small} 320w, {large} 640w" sizes="(max-width: 40rem) 33vw, 20rem"'
    ' width="{width}" height="{height}" loading="lazy" decoding="async" alt="{alt}">'
)
NO_PICTURE = '<span class="failure">{}{}</span>'
CAPTION = '<span class="caption" aria-hidden="true">{}</span>'
STATE = '<span class="caption">{}{}</span>'
BADGE = '<span class="badge" role="img" title="{said}" aria-label="{said}">{icon}{number}</span>'
TICK = (
    '<label class="tick"><input type="checkbox" name="photo" value="{}" form="choosing" autocomplete="off"'
    ' aria-label="{}"></label>'
)
SPINNER = mark_safe('<span class="spinner"></span>')


@register.simple_tag
def tile(photo: Photo, walk: str = "", swap: object = False) -> SafeString:
    """A photo as the grid shows it, from `gallery.browse.photos.grid`.

    With a walk (see `gallery.browse.walks`) it can be chosen, and its page leads on to its neighbours; to be swapped,
    it takes the place of the tile that is there.
    """
    kind = ["tall"] if photo.height > photo.width else []
    if photo.work in BUSY:
        kind.append("busy")
    elif photo.work == Status.FAILED:
        kind.append("failed")
    glimpse = glimpses.glimpse(photo)
    return format_html(
        TILE,
        "".join(f" {word}" for word in kind),
        str(photo.pk),
        format_html(' data-busy="{}"', str(photo.pk)) if photo.work in BUSY else "",
        mark_safe(' hx-swap-oob="true"') if swap else "",
        path_of("photo", photo.pk) + (f"?in={quote(walk, safe='')}" if walk else ""),
        _picture(photo, glimpse),
        _caption(photo, glimpse),
        _badge(photo, glimpse),
        format_html(TICK, str(photo.pk), gettext("Choose %(name)s") % {"name": photo.name}) if walk else "",
    )


def _picture(photo: Photo, glimpse: Glimpse) -> SafeString:
    if not photo.width:  # nothing is known of the picture yet
        return format_html(NO_PICTURE, icon("photos"), photo.name)
    address_at = photo_addresses(photo)
    return format_html(
        PICTURE,
        small=address_at(SMALL),
        large=address_at(LARGE),
        width=str(photo.width),
        height=str(photo.height),
        alt=glimpse.names or photo.name,
    )


def _caption(photo: Photo, glimpse: Glimpse) -> SafeString:
    if photo.work == Status.QUEUED:
        return format_html(STATE, icon("clock"), gettext("Waiting"))
    if photo.work == Status.PROCESSING:
        return format_html(STATE, SPINNER, gettext("Looking for faces"))
    if photo.work == Status.FAILED:
        return format_html(STATE, icon("alert"), gettext("Failed"))
    return format_html(CAPTION, _short(glimpse.names, NAMES) if glimpse.names else _short(photo.name, FILE))


def _badge(photo: Photo, glimpse: Glimpse) -> str:
    if not glimpse.open or photo.work != Status.DONE:
        return ""
    words = ngettext("%(counter)s face without a name", "%(counter)s faces without a name", glimpse.open)
    said = words % {"counter": glimpse.open}
    return format_html(BADGE, said=said, icon=icon("question"), number=str(glimpse.open))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


PICKS = '<ul class="picks">{}</ul>'
PICK = """<li class="pick">
  <label><input type="checkbox" name="face" value="{}"{}><img src="{}" width="150" height="150" loading="lazy" alt="{}"></label>
  <a class="iconbutton" href="{}" aria-label="{}" title="{}">{}</a>
</li>"""  # noqa: E501 -- what is before a picture would be seen as space


@register.simple_tag
def picks(faces: Iterable[Face], is_ticked: object = False) -> SafeString:
    """Faces to tick, each with its photo (select_related it)."""
    alt, opens = gettext("Face %(number)s, in %(photo)s"), gettext("Open %(photo)s")
    says, full, ticked = gettext("Open the photo"), icon("full"), mark_safe(" checked") if is_ticked else ""
    return format_html(
        PICKS,
        format_html_join(
            "",
            PICK,
            (
                (
                    f"{face.pk}:{face.revision}",  # what is decided is about the face as it was shown
                    ticked,
                    face_src(face, LARGE_FACE),
                    alt % {"number": number, "photo": face.photo.name},
                    f"{path_of('photo', face.photo_id)}?face={face.pk}",
                    opens % {"photo": face.photo.name},
                    says,
                    full,
                )
                for number, face in enumerate(faces, 1)
            ),
        ),
    )
