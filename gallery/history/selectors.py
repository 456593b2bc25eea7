"""The history as a user may see it, and the audit trail for administrators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from gallery.core.pagination import KeysetPage, paginate_by_id
from gallery.core.throttling import VERB_UPLOAD_REFUSED
from gallery.history.audit import (
    AUDIT_ONLY_VERBS,
    VERB_DOWNLOADED,
    VERB_EXPORTED,
    VERB_LOOKED_UP,
    VERB_RESET_ASKED,
    VERB_SEARCHED,
    VERB_SEEN,
    VERB_SIGN_IN,
    VERB_SIGN_IN_FAILED,
    VERB_SIGN_OUT,
)
from gallery.history.descriptions import describe_event
from gallery.history.undo import can_undo
from gallery.models import Album, Event, EventSubject, Face, Person, Photo, Reference, User
from gallery.models.querysets import SOURCE_PHOTO_PATH, hidden_photo_q

HISTORY_PAGE_SIZE = 40
NON_ACT_VERBS = (*AUDIT_ONLY_VERBS, VERB_UPLOAD_REFUSED)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    event: Event
    says: str
    may_undo: bool
    face: Face | None  # what to show beside it, if the user may see it
    photo: Photo | None
    person: Person | None


def list_history_events(
    user: User, *, actor: int | None, person: int | None, photo: int | None
) -> QuerySet[Event]:
    """Acts of one user, or about one person or photo, or all of them: as lines of a history."""
    rows = visible_events(user)
    if actor is not None:
        rows = rows.filter(actor=actor)
    for kind, pk in (("person", person), ("photo", photo)):
        if pk is not None:
            subjects = EventSubject.objects.filter(object_type=kind, object_id=pk)
            rows = rows.filter(pk__in=subjects.values("event"))
    if person is None and photo is None:
        return rows.filter(batch__isnull=True)  # an act on many is one line here
    return rows.exclude(object_type="bulkact")  # and where it is about one of them, its part is


def visible_events(user: User) -> QuerySet[Event]:
    """Acts, but for those about photos and albums that the user may not see; users are administrators' business.

    Acts on many are here both as one and as their parts. Who came and what they saw is no act: that is the audit
    trail.
    """
    rows = Event.objects.select_related("actor", "undone_by").exclude(verb__in=NON_ACT_VERBS)
    if user.is_administrator:
        return rows
    rows = rows.exclude(pk__in=_subjects_in_hidden_albums(user))
    return rows.exclude(pk__in=_events_on_removed_albums(user)).exclude(
        object_type__in=("user", "invitation", "apikey")
    )


def _subjects_in_hidden_albums(user: User) -> QuerySet[EventSubject, Any]:
    """Acts on albums, on photos and on references cut from photos that the user may not see."""
    albums = Album.objects.hidden_from(user).order_by().values("pk")
    of_albums = Q(object_type="album", object_id__in=albums)
    of_photos = Q(object_type="photo") & hidden_photo_q(user, "object_id")
    references = Reference.objects.filter(hidden_photo_q(user, SOURCE_PHOTO_PATH)).order_by().values("pk")
    of_references = Q(object_type="reference", object_id__in=references)
    return EventSubject.objects.filter(of_albums | of_photos | of_references).values("event")


def _events_on_removed_albums(user: User) -> QuerySet[Event, Any]:
    """Others' acts on albums that are gone, unless everybody could see these when they were removed."""
    removed = Event.objects.filter(verb="album.remove", undone_at=None)  # one undone says nothing of the last
    opened = removed.filter(summary__is_open=True).values("object_id")
    there = Album.objects.order_by().values("pk")
    of_albums = EventSubject.objects.filter(object_type="album").exclude(object_id__in=there)
    gone = of_albums.exclude(object_id__in=opened).values("event")
    return Event.objects.filter(pk__in=gone).exclude(actor=user).order_by().values("pk")


def get_history_page(
    user: User, rows: QuerySet[Event], after: int | None
) -> tuple[list[HistoryEntry], KeysetPage[Event]]:
    """A page of entries, in a constant number of queries."""
    found = paginate_by_id(rows, after, HISTORY_PAGE_SIZE)
    return build_history_entries(user, found.rows), found


def build_history_entries(user: User, found: Iterable[Event]) -> list[HistoryEntry]:
    found = list(found)
    subjects = EventSubject.objects.filter(event__in=found, object_type="face").order_by("-object_id")
    first_faces = dict(subjects.values_list("event_id", "object_id"))  # an event's first face comes last
    faces = Face.objects.visible_to(user).select_related("photo").in_bulk(first_faces.values())
    photo_ids = {_get_named_id(event, "photo") for event in found} - {0}
    person_ids = {_get_named_id(event, "person") for event in found} - {0}
    photos = Photo.objects.visible_to(user).in_bulk(photo_ids)
    people = Person.objects.in_bulk(person_ids)
    return [
        HistoryEntry(
            event,
            describe_event(event),
            can_undo(user, event),
            faces.get(first_faces.get(event.pk, 0)),
            photos.get(_get_named_id(event, "photo")),
            people.get(_get_named_id(event, "person")),
        )
        for event in found
    ]


def _get_named_id(event: Event, kind: str) -> int:
    """The photo or person that the event names; 0 if there is none."""
    return int(event.summary.get(f"{kind}_id") or (event.object_type == kind and event.object_id) or 0)


AUDIT_PAGE_SIZE = 100
# What the page's filter offers, and the beginnings of the verbs it stands for.
AUDIT_KINDS: dict[str, tuple[str, ...]] = {
    "access": (VERB_SIGN_IN, VERB_SIGN_OUT, VERB_RESET_ASKED),
    "failed": (VERB_SIGN_IN_FAILED, "upload.refused"),
    "seen": (VERB_SEEN, VERB_LOOKED_UP, VERB_SEARCHED),
    "taken": (VERB_DOWNLOADED, VERB_EXPORTED),
    "users": ("user.", "key."),
    "erased": ("erase", "erase.again", "erased.", "person.erase", "photo.erase", "user.erase"),
}

AUDIT_PHRASES = {
    VERB_SIGN_IN: _("signed in"),
    VERB_SIGN_OUT: _("signed out"),
    VERB_SIGN_IN_FAILED: _("failed to sign in"),
    VERB_RESET_ASKED: _("asked for a new password"),
    VERB_SEEN: _("saw"),
    VERB_DOWNLOADED: _("downloaded"),
    VERB_EXPORTED: _("exported"),
    VERB_LOOKED_UP: _("asked who is on a picture that was not kept"),
    VERB_SEARCHED: _("searched all photos with a face"),
    "upload.refused": _("sent a file that was refused"),
    "user.invite": _("invited somebody"),
    "user.join": _("joined by an invitation"),
    "user.change": _("changed a user"),
    "album.share": _("shared an album by a link"),
    "album.unshare": _("took a share link back"),
}
DETAIL_LABELS = {
    "address": _("address"),
    "album": _("album"),
    "count": _("count"),
    "kind": _("kind"),
    "name": _("name"),
    "person": _("person"),
    "photo": _("photo"),
    "position": _("position"),
}


def list_audit_events(
    *,
    actor: int | None = None,
    kind: str = "",
    object_type: str = "",
    object_id: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[Event]:
    """The trail, or what of it is wanted."""
    wanted = {
        "actor": actor,
        "object_type": object_type,
        "object_id": object_id,
        "at__date__gte": since,
        "at__date__lte": until,
    }
    rows = Event.objects.select_related("actor").filter(
        **{name: value for name, value in wanted.items() if value not in ("", None)}
    )
    if kind in AUDIT_KINDS:
        return rows.filter(verb_q(AUDIT_KINDS[kind]))
    if kind == "changed":
        return rows.exclude(verb_q(tuple(verb for verbs in AUDIT_KINDS.values() for verb in verbs)))
    return rows


def verb_q(verbs: tuple[str, ...]) -> Q:
    """A condition on events: one of these verbs, or of those that begin with what ends in a dot or in "erase"."""
    condition = Q(pk__in=[])
    for verb in verbs:
        condition |= Q(verb__startswith=verb) if verb.endswith((".", "erase")) else Q(verb=verb)
    return condition


def describe_audit_event(event: Event) -> str:
    """What was done, in the reader's language."""
    return str(AUDIT_PHRASES[event.verb]) if event.verb in AUDIT_PHRASES else describe_event(event)


def describe_audit_details(event: Event, words: str) -> str:
    """What else the event says, without the numbers of rows and what its sentence has said."""
    details = ((key, value) for key, value in event.summary.items() if not key.endswith("_id"))
    kept = ((key, str(value)) for key, value in details if value not in ("", None, [], {}))
    return ", ".join(f"{DETAIL_LABELS.get(key, key)}: {value}" for key, value in kept if value not in words)
