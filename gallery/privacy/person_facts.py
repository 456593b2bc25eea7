"""What the database knows about a person, as plain JSON, and what was done about them.

Other people's data stays out: no name of anybody else, not even of who on the site did what; of a face that the
machine thought might be theirs only that it did. What was found in their own name is complete.
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import F, Model, Q, QuerySet

from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.history.changeset import find_events_about
from gallery.history.descriptions import describe_event
from gallery.models import (
    Album,
    Candidate,
    Event,
    Face,
    FaceRejection,
    Finding,
    Membership,
    NameChange,
    Person,
    PersonExport,
    Photo,
    Reference,
    ReferenceDraft,
    ShareLink,
)
from gallery.models.clock import get_site_time
from gallery.models.people import get_name_key
from gallery.models.querysets import PhotoQuerySet

NAME_KEYS = ("person", "source", "old")  # in an event's summary
HIDDEN_NAME = "…"
Facts = dict[str, Any]


def collect_person_facts(person: Person) -> Facts:
    """Everything but the pictures and the embeddings, which are files beside it; dates as text."""
    photos = Photo.objects.filter(pk__in=Face.objects.filter(person=person).values("photo"))
    exports = PersonExport.objects.filter(person=person)
    seen = Event.objects.filter(object_type="person", object_id=person.pk, verb__in=AUDIT_ONLY_VERBS)
    drafts = ReferenceDraft.objects.filter(person=person)
    # Where the faces are is left out: they may be somebody else's.
    maybe = Candidate.objects.filter(person=person).exclude(face__person=person)
    known = {
        "made_at": get_site_time(),
        "person": _describe_person(person),
        "references": [_describe_reference(row) for row in get_person_references(person)],
        "pictures_not_yet_references": [_describe_draft(row) for row in drafts.order_by("pk")],
        "photos": [_describe_photo(row) for row in photos.prefetch_related("albums", "tags").order_by("pk")],
        "faces": [_describe_face(row) for row in get_person_faces(person)],
        "proposals": list(
            maybe.order_by("face", "rank").values("face", "similarity", place=F("rank") + 1),
        ),
        "said_not_to_be": list(
            FaceRejection.objects.filter(person=person).order_by("pk").values("face", "at")
        ),
        "name_changes": _list_name_changes(person),
        "findings": _list_findings(person),
        "share_links": _list_share_links(photos),
        "history": list_person_acts(person),
        "shown_and_taken": list(seen.order_by("pk").values("at", what=F("verb"))),
        "earlier_files": list(exports.values(made_at=F("created_at"), until=F("expires_at"))),
    }
    facts: Facts = json.loads(json.dumps(known, default=lambda moment: moment.isoformat()))
    return facts


def get_person_references(person: Person) -> QuerySet[Reference]:
    return Reference.objects.filter(person=person).select_related("source_face").order_by("pk")


def get_person_faces(person: Person) -> QuerySet[Face]:
    """Faces that carry the name, in the trash too."""
    return Face.objects.filter(person=person).select_related("photo").order_by("photo", "left", "pk")


def _read_columns(row: Model, *names: str) -> Facts:
    return {name: getattr(row, name) for name in names}


def _describe_person(person: Person) -> Facts:
    return {
        **_read_columns(
            person, "id", "name", "distinction", "born", "note", "is_hidden", "is_recognised", "consent_until"
        ),
        "other_names": list(person.other_names.values_list("name", flat=True)),
        "groups": list(
            Membership.objects.filter(person=person).values("since", "until", name=F("group__name"))
        ),
        "favourite_of_users": person.favourite_of.count(),
        "may_be_recognised_today": person.may_be_recognised,
        "consent": person.consent_note,
        "cover_reference": person.cover_id,
        "added_at": person.created_at,
    }


def _describe_reference(row: Reference) -> Facts:
    return {
        **_read_columns(row, "id", "status", "box", "landmarks", "quality", "sha256"),
        "file_it_came_from": row.source_path.replace("\\", "/").rpartition("/")[2],
        "came_with": row.source_columns,
        "cut_from_photo": row.source_face.photo_id if row.source_face else None,
        "detection": row.score,
        "added_at": row.created_at,
    }


def _describe_draft(row: ReferenceDraft) -> Facts:
    """A picture sent for them that nobody has saved as a reference; it may show others, so only its figures."""
    return {
        **_read_columns(row, "id", "name", "width", "height"),
        "face": row.faces[row.chosen] if row.chosen is not None and row.chosen < len(row.faces) else None,
        "sent_at": row.made_at,
    }


def _describe_photo(row: Photo) -> Facts:
    return {
        **_read_columns(row, "id", "name", "taken_at", "added_at", "width", "height", "sha256", "caption"),
        "tags": [tag.name for tag in row.tags.all()],
        "albums": [album.name for album in row.albums.all()],
        "is_in_trash": row.trashed_at is not None,
    }


def _describe_face(row: Face) -> Facts:
    return {
        **_read_columns(row, "id", "landmarks", "quality", "state", "similarity"),
        **_read_columns(row, "decided_at", "embedded_at"),
        "photo": row.photo_id,
        "box": [round(side, 1) for side in (row.left, row.top, row.width, row.height)],
        "detection": row.score,
        "is_drawn_by_hand": row.is_drawn,
        "decision": row.decision or None,
        "matched_reference": row.reference_id,
        "embedder": row.embedder_id or None,
        "found_at": row.created_at,
    }


def _list_name_changes(person: Person) -> list[Facts]:
    rows = NameChange.objects.filter(Q(old_person=person) | Q(new_person=person)).order_by("pk")
    return [
        {"face": row.face_id, "at": row.at, "got_the_name": row.new_person_id == person.pk} for row in rows
    ]


def _list_findings(person: Person) -> list[Facts]:
    """What the check of the gallery said; of a look-alike only that there is one."""
    rows = Finding.objects.filter(Q(person=person) | Q(other_person=person)).order_by("pk")
    return [
        {
            **_read_columns(row, "kind", "similarity", "found_at"),
            "reference": row.reference_id if row.person_id == person.pk else row.other_reference_id,
        }
        for row in rows
    ]


def _list_share_links(photos: PhotoQuerySet) -> list[Facts]:
    """Links, working or not, to albums with a photo of theirs that is not in the trash."""
    albums = Album.objects.filter(photos__in=photos.outside_trash()).order_by().values("pk")
    rows = ShareLink.objects.filter(album__in=albums).select_related("album").order_by("pk")
    return [
        {
            "album": row.album.name,
            "made_at": row.created_at,
            "until": row.expires_at,
            "taken_back_at": row.revoked_at,
            "shows_names": row.has_names,
            "hides_faces_without_a_name": row.hides_unnamed,
        }
        for row in rows
    ]


def list_person_acts(person: Person) -> list[Facts]:
    """Acts on them, in words, the oldest first. A name that was never theirs is left out."""
    events = list(find_events_about("person", person.pk).order_by("pk"))
    own = {person.name, person.label}  # what they and those merged into them are, or were, called
    for event in events:
        if event.summary.get("person_id") == person.pk:
            own.add(str(event.summary.get("person", "")))
        verb = event.summary.get("verb", event.verb)
        if verb == "person.rename":
            own |= {event.summary.get("old", ""), event.summary.get("person", "")}
        elif verb == "person.merge" and event.object_id == person.pk:
            own.add(event.summary.get("source", ""))
    keys = {get_name_key(name) for name in own}
    return [
        {
            "at": event.at,
            "act": event.verb,
            "said": describe_event(_hide_other_names(event, keys)),
            "undone": event.undone_at,
        }
        for event in events
    ]


def _hide_other_names(event: Event, own: set[str]) -> Event:
    kept = {
        key: HIDDEN_NAME if key in NAME_KEYS and value and get_name_key(str(value)) not in own else value
        for key, value in event.summary.items()
    }
    return Event(verb=event.verb, summary=kept)
