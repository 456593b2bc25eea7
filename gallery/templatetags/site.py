"""What the frame of each page needs, and small things that many templates use.

{% icon "clock" %}   {% theme as theme %}   {% backup_warning as text %}   {% site_warnings as warnings %}
{% navigation as navigation_links %}   {% managed_places as links %}   {% is_managed_page as is_managed %}
{% waits_for_build %}   {% erased_files_tick %}
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.forms import BoundField
from django.template.loader import render_to_string
from django.urls import reverse
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
from gallery.models.clock import get_site_time

register = template.Library()
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Place:
    """A place that the side bar leads to, or the page of what is managed."""

    name: str  # of the address
    label: str | Promise
    icon: str
    prefix: str  # the place is the current one on every path that starts so
    role: Role = Role.VIEWER
    about: str | Promise = ""  # what it is for, where it is managed
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
    Place("manage", _("Manage"), "settings", "/manage/", Role.CONTRIBUTOR, group=2),
)
MANAGED_PLACES = (
    Place(
        "gallery_health",
        _("Gallery health"),
        "health",
        "/health/",
        Role.CURATOR,
        _("References that are wrong, doubled or poor, and people who are mixed up"),
    ),
    Place(
        "history",
        _("History"),
        "history",
        "/history/",
        Role.CONTRIBUTOR,
        _("Who did what, and how to undo it"),
    ),
    Place(
        "file_names",
        _("Names in photos' files"),
        "people",
        "/file-names/",
        Role.CONTRIBUTOR,
        _("Names that other programs wrote, to be taken; and XMP sidecars"),
    ),
    Place(
        "trash",
        _("Trash"),
        "trash",
        "/trash/",
        Role.CONTRIBUTOR,
        _("Photos that were thrown away, to restore"),
    ),
    Place(
        "consents",
        _("Consents"),
        "calendar",
        "/consents/",
        Role.CURATOR,
        _("Who may be recognised, and until when"),
    ),
    Place(
        "calibration",
        _("Trust in names"),
        "check",
        "/names/",
        Role.CURATOR,
        _("How sure a name must be before it is said"),
    ),
    Place(
        "admin:index",
        _("Curating"),
        "edit",
        "/admin/",
        Role.CURATOR,
        _("Lists of people, references and photos, to change many at once"),
    ),
    Place("builds", _("Index"), "box", "/builds/", Role.CURATOR, _("What faces are searched in"), group=1),
    Place("jobs", _("Jobs"), "jobs", "/jobs/", Role.CURATOR, _("What is being worked on"), group=1),
    Place(
        "backups",
        _("Backups"),
        "zip",
        "/backups/",
        Role.ADMINISTRATOR,
        _("Copies of everything, and the check of files"),
        group=1,
    ),
    Place(
        "site_settings",
        _("Settings"),
        "settings",
        "/settings/",
        Role.ADMINISTRATOR,
        _("What the site does, and what it does not"),
        group=1,
    ),
    Place(
        "audit",
        _("Audit trail"),
        "lock",
        "/audit/",
        Role.ADMINISTRATOR,
        _("Who signed in, saw and downloaded what"),
        group=1,
    ),
    Place(
        "erasures",
        _("Erasures"),
        "hide",
        "/erasures/",
        Role.ADMINISTRATOR,
        _("What was erased for good, with its receipts"),
        group=1,
    ),
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
    if request is None:
        return []
    if not hasattr(request, "navigation_links"):
        request.navigation_links = _make_links(request, PLACES)
    links: list[NavigationLink] = request.navigation_links
    return links


@register.simple_tag(takes_context=True)
def managed_places(context: dict[str, Any]) -> list[NavigationLink]:
    """Links to what this user may manage."""
    return _make_links(context["request"], MANAGED_PLACES)


@register.simple_tag(takes_context=True)
def is_managed_page(context: dict[str, Any]) -> bool:
    """Whether the page is the first of one of those places, from which one goes back to all of them."""
    path = getattr(context.get("request"), "path_info", "")
    return any(path == place.prefix for place in MANAGED_PLACES)


def _make_links(request: Any, places: Iterable[Place]) -> list[NavigationLink]:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    return [
        NavigationLink(
            place,
            reverse(place.name),
            _is_current_place(place, request.path_info),
            _get_badge(place, request),
        )
        for place in places
        if user.has_role(place.role) and (place.name != "who" or are_face_lookups_on())
    ]


def _is_current_place(place: Place, path: str) -> bool:
    if place.name == "manage" and any(path.startswith(managed.prefix) for managed in MANAGED_PLACES):
        return True
    return path.startswith(place.prefix) if place.prefix else path == "/"


def _get_badge(place: Place, request: Any) -> str:
    if place.name not in ("manage", "gallery_health") or not request.user.is_curator:
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
    return moment is not None and get_site_time() - moment < timedelta(minutes=1)


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
