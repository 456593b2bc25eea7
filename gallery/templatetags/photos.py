"""What the bar for chosen photos needs, and long lists to choose from.

{% choosing_limits as most %} {{ most.act }} {{ most.zip }}   {% album_names as names %}   {% suggestions names %}
{% album_options albums chosen %}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from gallery.faces.labels import FaceLabel, get_face_label
from gallery.models import Album, Face, Photo, Status, User
from gallery.models.failures import translate_failure
from gallery.photos.selectors import TileSummary, get_tile_summary
from gallery.photos.services import MAX_CHOSEN_PHOTOS, MAX_ZIP_PHOTOS
from gallery.templatetags.media import face_src, photo_src
from gallery.templatetags.site import icon

register = template.Library()
ALBUMS = 200
SELECTED = mark_safe(" selected")


@register.simple_tag
def choosing_limits() -> dict[str, int]:
    return {"act": MAX_CHOSEN_PHOTOS, "zip": MAX_ZIP_PHOTOS}


@register.simple_tag(takes_context=True)
def album_names(context: dict[str, Any]) -> list[str]:
    """The names of the newest albums that the user sees, each once."""
    user: User = context["request"].user
    newest = Album.objects.visible_to(user).order_by("-pk").values_list("name", flat=True)[:ALBUMS]
    return list(dict.fromkeys(newest))


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


@register.simple_tag
def standing(face: Face) -> FaceLabel:
    return get_face_label(face)


@register.filter
def in_words(said: str) -> str:
    """A text that was kept in English, in the language of whoever reads it."""
    return translate_failure("", {}, said)


@register.simple_tag(takes_context=True)
def address_with(context: dict[str, Any], **changes: object) -> str:
    """The query string of this page with some parameters set."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query[name] = str(value)
    return str(query.urlencode())


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
    """A photo as the grid shows it, from `get_photo_grid`.

    With a walk (see `gallery.web.navigation`) it can be chosen, and its page leads on to its neighbours; to be
    swapped, it takes the place of the tile that is there.
    """
    kind = ["tall"] if photo.height > photo.width else []
    if photo.work in BUSY:
        kind.append("busy")
    elif photo.work == Status.FAILED:
        kind.append("failed")
    glimpse = get_tile_summary(photo)
    return format_html(
        TILE,
        "".join(f" {word}" for word in kind),
        str(photo.pk),
        format_html(' data-busy="{}"', str(photo.pk)) if photo.work in BUSY else "",
        mark_safe(' hx-swap-oob="true"') if swap else "",
        reverse("photo", args=(photo.pk,)) + (f"?in={quote(walk, safe='')}" if walk else ""),
        _tile_picture(photo, glimpse),
        _tile_caption(photo, glimpse),
        _tile_badge(photo, glimpse),
        format_html(TICK, str(photo.pk), gettext("Choose %(name)s") % {"name": photo.name}) if walk else "",
    )


def _tile_picture(photo: Photo, glimpse: TileSummary) -> SafeString:
    if not photo.width:  # nothing is known of the picture yet
        return format_html(NO_PICTURE, icon("photos"), photo.name)
    return format_html(
        PICTURE,
        small=photo_src(photo, SMALL),
        large=photo_src(photo, LARGE),
        width=str(photo.width),
        height=str(photo.height),
        alt=glimpse.names or photo.name,
    )


def _tile_caption(photo: Photo, glimpse: TileSummary) -> SafeString:
    if photo.work == Status.QUEUED:
        return format_html(STATE, icon("clock"), gettext("Waiting"))
    if photo.work == Status.PROCESSING:
        return format_html(STATE, SPINNER, gettext("Looking for faces"))
    if photo.work == Status.FAILED:
        return format_html(STATE, icon("alert"), gettext("Failed"))
    return format_html(
        CAPTION, _shorten_text(glimpse.names, NAMES) if glimpse.names else _shorten_text(photo.name, FILE)
    )


def _tile_badge(photo: Photo, glimpse: TileSummary) -> str:
    if not glimpse.open or photo.work != Status.DONE:
        return ""
    words = ngettext("%(counter)s face without a name", "%(counter)s faces without a name", glimpse.open)
    said = words % {"counter": glimpse.open}
    return format_html(BADGE, said=said, icon=icon("question"), number=str(glimpse.open))


def _shorten_text(text: str, most: int) -> str:
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
                    f"{reverse('photo', args=(face.photo_id,))}?face={face.pk}",
                    opens % {"photo": face.photo.name},
                    says,
                    full,
                )
                for number, face in enumerate(faces, 1)
            ),
        ),
    )
