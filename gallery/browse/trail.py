"""The audit trail as administrators read it: everything anybody did, saw, took or failed at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from gallery import audit
from gallery.models import Event
from gallery.services.sentences import say

PAGE = 100
# What the page's filter offers, and the beginnings of the verbs it stands for.
KINDS: dict[str, tuple[str, ...]] = {
    "access": (audit.SIGN_IN, audit.SIGN_OUT, audit.RESET_ASKED),
    "failed": (audit.SIGN_IN_FAILED, "upload.refused"),
    "seen": (audit.SEEN,),
    "taken": (audit.DOWNLOADED, audit.EXPORTED),
    "users": ("user.",),
    "erased": ("erase", "person.erase", "photo.erase", "user.erase"),
}

WORDS = {
    audit.SIGN_IN: _("signed in"),
    audit.SIGN_OUT: _("signed out"),
    audit.SIGN_IN_FAILED: _("failed to sign in"),
    audit.RESET_ASKED: _("asked for a new password"),
    audit.SEEN: _("saw"),
    audit.DOWNLOADED: _("downloaded"),
    audit.EXPORTED: _("exported"),
    "upload.refused": _("sent a file that was refused"),
    "user.invite": _("invited somebody"),
    "user.join": _("joined by an invitation"),
    "user.change": _("changed a user"),
    "album.share": _("shared an album by a link"),
    "album.unshare": _("took a share link back"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the trail to show; empty: all."""

    actor: int | None = None
    kind: str = ""
    object_type: str = ""
    object_id: int | None = None
    since: date | None = None
    until: date | None = None


DETAILS = {
    "address": _("address"),
    "album": _("album"),
    "count": _("count"),
    "kind": _("kind"),
    "name": _("name"),
    "person": _("person"),
    "photo": _("photo"),
    "position": _("position"),
}


def events(wanted: Wanted) -> QuerySet[Event]:
    rows = Event.objects.select_related("actor")
    if wanted.actor is not None:
        rows = rows.filter(actor=wanted.actor)
    if wanted.kind in KINDS:
        rows = rows.filter(_beginning(KINDS[wanted.kind]))
    if wanted.kind == "changed":
        rows = rows.exclude(_beginning(tuple(verb for verbs in KINDS.values() for verb in verbs)))
    if wanted.object_type:
        rows = rows.filter(object_type=wanted.object_type)
    if wanted.object_id is not None:
        rows = rows.filter(object_id=wanted.object_id)
    if wanted.since:
        rows = rows.filter(at__date__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__date__lte=wanted.until)
    return rows


def _beginning(verbs: tuple[str, ...]) -> Q:
    condition = Q(pk__in=[])
    for verb in verbs:
        condition |= Q(verb__startswith=verb) if verb.endswith((".", "erase")) else Q(verb=verb)
    return condition


def words(event: Event) -> str:
    """What was done, in the reader's language."""
    return str(WORDS[event.verb]) if event.verb in WORDS else say(event)


def more(event: Event, words: str) -> str:
    """What else the event says, without the numbers of rows and what its sentence has said."""
    told = ((key, value) for key, value in event.summary.items() if not key.endswith("_id"))
    kept = ((key, str(value)) for key, value in told if value not in ("", None, [], {}))
    return ", ".join(f"{DETAILS.get(key, key)}: {value}" for key, value in kept if value not in words)
