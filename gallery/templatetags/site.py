"""What pages around the gallery say of the next build: {% waits_for_build %}, for curators."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gallery.backup.schedule import get_backup_warning
from gallery.core.themes import THEMES
from gallery.curation import findings
from gallery.curation.findings import count_findings_for_badge
from gallery.index.selectors import count_waiting_changes
from gallery.models import Person, Role, User

register = template.Library()


@register.inclusion_tag("builds/_waits.html", takes_context=True)
def waits_for_build(context: dict[str, Any]) -> dict[str, int]:
    user = getattr(context.get("request"), "user", None)
    is_told = isinstance(user, User) and user.is_curator
    return {"waiting": count_waiting_changes() if is_told else 0}


NOW = timedelta(minutes=1)


@register.filter
def is_now(moment: datetime | None) -> bool:
    return moment is not None and timezone.now() - moment < NOW


@register.simple_tag
def is_nobody_known() -> bool:
    """Whether the gallery has no people yet: then the first thing to do with a face is to name it."""
    return not Person.objects.exists()


@dataclass(frozen=True, slots=True)
class Place:
    """A place the side bar leads to."""

    name: str  # of the address; places whose address is not there are left out
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
    Place("audit", _("Audit trail"), "lock", "/audit/", Role.ADMINISTRATOR, group=2),
    Place("erasures", _("Erasures"), "hide", "/erasures/", Role.ADMINISTRATOR, group=2),
    Place("admin:index", _("Curating"), "settings", "/admin/", Role.CURATOR, group=2),
)


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    label: str | Promise
    icon: str
    is_current: bool
    group: int
    is_tab: bool
    badge: str = ""  # how much waits there


@register.simple_tag
@functools.cache  # of the few names that templates write
def icon(name: str, extra: str = "") -> SafeString:
    """A picture from icons.svg; says nothing to screen readers."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        f" {extra}" if extra else "",
        static("icons/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def navigation(context: dict[str, Any]) -> list[Link]:
    """The places this user may go to; found once for a page."""
    request: Any = context.get("request")
    user = getattr(request, "user", None)
    if request is None or not isinstance(user, User):
        return []
    if not hasattr(request, "places"):
        request.places = _list_navigation_links(request, user)
    places: list[Link] = request.places
    return places


NAVLINK = '<a class="navlink" href="{}"{}>{}<span>{}</span>{}</a>'
NAVBADGE = '<span class="badge">{}<span class="visually-hidden"> {}</span></span>'
MENULINK = '<a class="menu-item" href="{}"{}>{}{}{}</a>'
CURRENT = mark_safe(' aria-current="page"')


@register.simple_tag
def navlink(place: Link) -> SafeString:
    """A link of the side bar or the tab bar. Written here, as each page has some thirty of both kinds."""
    badge = format_html(NAVBADGE, place.badge, gettext("to look at")) if place.badge else ""
    current = CURRENT if place.is_current else ""
    return format_html(NAVLINK, place.url, current, icon(place.icon), place.label, badge)


@register.simple_tag
def menulink(place: Link) -> SafeString:
    badge = format_html('<span class="badge">{}</span>', place.badge) if place.badge else ""
    current = CURRENT if place.is_current else ""
    return format_html(MENULINK, place.url, current, icon(place.icon), place.label, badge)


def _list_navigation_links(request: HttpRequest, user: User) -> list[Link]:
    found = ((place, _reverse_or_empty(place.name)) for place in PLACES if user.has_role(place.role))
    return [
        Link(
            url,
            place.label,
            place.icon,
            _is_current_place(place, url, request.path),
            place.group,
            place.is_tab,
            _place_badge(place, request, user),
        )
        for place, url in found
        if url
    ]


def _place_badge(place: Place, request: HttpRequest, user: User) -> str:
    if place.name != "gallery_health":
        return ""
    found: int | None = getattr(request, "findings", None)  # where the page has counted them
    few = count_findings_for_badge(user) if found is None else found
    return f"{findings.MAX_BADGE_COUNT - 1}+" if few >= findings.MAX_BADGE_COUNT else str(few or "")


def _reverse_or_empty(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _is_current_place(place: Place, url: str, path: str) -> bool:
    return path.startswith(place.prefix) if place.prefix else path == url


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """The user's choice, "light" or "dark"; empty: as the device has it."""
    request: HttpRequest | None = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


@register.simple_tag(takes_context=True)
def backup_warning(context: dict[str, Any]) -> str:
    """What is wrong with the backups, for administrators; empty: nothing, or not theirs to know."""
    user = getattr(context.get("request"), "user", None)
    return get_backup_warning() if isinstance(user, User) and user.is_administrator else ""


@register.filter
def sheets(names: str) -> list[str]:
    """Paths of style sheets, from their names."""
    return [f"css/{name}.css" for name in names.split()]
