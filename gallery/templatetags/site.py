"""What the frame of each page needs, and small things that many templates use.

{% icon "clock" %}   {% navigation as navigation_links %}   {% theme as theme %}   {% backup_warning as text %}
{% waits_for_build %}   {% erased_files_tick %}   {% site_warnings as warnings %}
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.forms import BoundField
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from gallery.backup.schedule import get_backup_warning
from gallery.curation.findings import MAX_BADGE_COUNT, count_findings_for_badge
from gallery.history.switches import are_face_lookups_on
from gallery.index.selectors import count_waiting_changes
from gallery.index.switch import get_embedder_state
from gallery.maintenance.site_warnings import SiteWarning, list_site_warnings
from gallery.models import ErasedDigest, Person, Role, User
from gallery.models.base import translate_failure

register = template.Library()
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """A place the side bar leads to."""

    name: str  # of the address
    label: str | Promise
    icon: str
    prefix: str  # the place is the current one on every path that starts so
    role: Role = Role.VIEWER
    group: int = 0
    is_tab: bool = False  # also in the tab bar of phones


PLACES = (
    Place("home", _("Home"), "home", "", is_tab=True),
    Place("photos", _("Photos"), "photos", "/photos/", is_tab=True),
    Place("albums", _("Albums"), "albums", "/albums/", is_tab=True),
    Place("people", _("People"), "people", "/people/", is_tab=True),
    Place("who", _("Who is this?"), "who", "/who/"),
    Place("review", _("Review"), "review", "/review/", Role.CONTRIBUTOR, group=1, is_tab=True),
    Place("unknown", _("Unknown faces"), "unknown", "/unknown/", Role.CONTRIBUTOR, group=1),
    Place("gallery_health", _("Gallery health"), "health", "/health/", Role.CURATOR, group=1),
    Place("history", _("History"), "history", "/history/", Role.CONTRIBUTOR, group=2),
    Place("consents", _("Consents"), "calendar", "/consents/", Role.CURATOR, group=2),
    Place("trash", _("Trash"), "trash", "/trash/", Role.CONTRIBUTOR, group=2),
    Place("calibration", _("Trust in names"), "check", "/names/", Role.CURATOR, group=2),
    Place("builds", _("Index"), "box", "/builds/", Role.CURATOR, group=2),
    Place("jobs", _("Jobs"), "jobs", "/jobs/", Role.CURATOR, group=2),
    Place("backups", _("Backups"), "zip", "/backups/", Role.ADMINISTRATOR, group=2),
    Place("site_settings", _("Settings"), "settings", "/settings/", Role.ADMINISTRATOR, group=2),
    Place("audit", _("Audit trail"), "lock", "/audit/", Role.ADMINISTRATOR, group=2),
    Place("erasures", _("Erasures"), "hide", "/erasures/", Role.ADMINISTRATOR, group=2),
    Place("admin:index", _("Curating"), "edit", "/admin/", Role.CURATOR, group=2),
)


@dataclass(frozen=True, slots=True)
class NavigationLink:
    place: Place
    url: str
    is_current: bool
    badge: str = ""  # how much waits there


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[NavigationLink]:
    """Links to the places this user may go to; made once for a page."""
    request: Any = context.get("request")
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    if not hasattr(request, "navigation_links"):
        request.navigation_links = [
            NavigationLink(
                place,
                reverse(place.name),
                _is_current_place(place, request.path_info),
                _get_badge(place, request),
            )
            for place in PLACES
            if user.has_role(place.role) and (place.name != "who" or are_face_lookups_on())
        ]
    links: list[NavigationLink] = request.navigation_links
    return links


def _is_current_place(place: Place, path: str) -> bool:
    return path.startswith(place.prefix) if place.prefix else path == "/"


def _get_badge(place: Place, request: Any) -> str:
    if place.name != "gallery_health":
        return ""
    found: int | None = getattr(request, "findings", None)  # where the page has counted them
    few = count_findings_for_badge(request.user) if found is None else found
    return f"{MAX_BADGE_COUNT - 1}+" if few >= MAX_BADGE_COUNT else str(few or "")


@register.simple_tag
@functools.cache  # of the few names that templates write
def icon(name: str, extra: str = "") -> SafeString:
    """A picture from icons.svg, which screen readers leave out; `extra` is one more class."""
    return render_to_string("components/icon.html", {"name": name, "extra": extra})


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """The user's choice, "light" or "dark"; empty: as the device has it."""
    request = context.get("request")
    chosen: str = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


@register.simple_tag(takes_context=True)
def backup_warning(context: dict[str, Any]) -> str:
    """What is wrong with the backups, for administrators; empty: nothing, or not theirs to know."""
    user = getattr(context.get("request"), "user", None)
    return get_backup_warning() if isinstance(user, User) and user.is_administrator else ""


@register.simple_tag(takes_context=True)
def site_warnings(context: dict[str, Any]) -> list[SiteWarning]:
    """What is wrong with the site, for those who can mend it."""
    user = getattr(context.get("request"), "user", None)
    return list_site_warnings(user) if isinstance(user, User) else []


@register.inclusion_tag("components/erased_files.html")
def erased_files_tick() -> dict[str, bool]:
    """For forms that send files: take in also those that were erased; nothing where none was."""
    return {"is_asked": ErasedDigest.objects.filter(kind=ErasedDigest.Kind.FILE).exists()}


@register.inclusion_tag("builds/_waits.html", takes_context=True)
def waits_for_build(context: dict[str, Any]) -> dict[str, object]:
    """How many changes wait for the next build, and which embedder serves, for curators."""
    user = getattr(context.get("request"), "user", None)
    is_told = isinstance(user, User) and user.is_curator
    return {
        "waiting": count_waiting_changes() if is_told else 0,
        "embedder": get_embedder_state() if is_told else None,
    }


@register.simple_tag
def is_nobody_known() -> bool:
    """Whether the gallery has no people yet: then the first thing to do with a face is to name it."""
    return not Person.objects.exists()


@register.filter
def is_now(moment: datetime | None) -> bool:
    return moment is not None and timezone.now() - moment < timedelta(minutes=1)


@register.filter
def in_words(said: str) -> str:
    """A text that was kept in English, in the language of whoever reads it."""
    return translate_failure("", {}, said)


@register.filter
def hidden_initial(field: BoundField) -> SafeString | str:
    """The value that the field was shown with, which `{{ field }}` would bring along."""
    return field.as_hidden(only_initial=True) if field.field.show_hidden_initial else ""


@register.filter
def sheets(names: str) -> list[str]:
    """Paths of style sheets, from their names."""
    return [f"css/{name}.css" for name in names.split()]
