"""What the database knows about a person, as plain JSON, and what was done about them.

Other people's data stays out: no name of anybody else, not even of who on the site did what; of a face that the
machine thought might be theirs only that it did. What was found in their own name is complete.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

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
    NameChange,
    Person,
    PersonExport,
    Photo,
    Reference,
    ReferenceDraft,
    ShareLink,
)
from gallery.models.people import get_name_key
from gallery.models.querysets import PhotoQuerySet

NAME_KEYS = ("person", "source", "old")  # in an event's summary
HIDDEN_NAME = "…"


def list_person_acts(person: Person) -> list[dict[str, Any]]:
    """Acts on them, in words, the oldest first. A name that was never theirs is left out."""
    events = list(find_events_about("person", person.pk).order_by("pk"))
    own = _collect_own_names(person, events)
    return [
        {
            "at": event.at.isoformat(),
            "act": event.verb,
            "said": describe_event(_hide_other_names(event, own)),
            "undone": _format_undone_at(event),
        }
        for event in events
    ]


def list_person_views(person: Person) -> list[dict[str, Any]]:
    """When their page was shown to somebody signed in, and when a file about them was taken."""
    rows = Event.objects.filter(object_type="person", object_id=person.pk, verb__in=AUDIT_ONLY_VERBS)
    return [{"at": row.at.isoformat(), "what": row.verb} for row in rows.order_by("pk")]


def _format_undone_at(event: Event) -> str | None:
    return event.undone_at.isoformat() if event.undone_at else None


def _collect_own_names(person: Person, events: list[Event]) -> set[str]:
    """What they are called, were called, and what those merged into them were called."""
    names = {person.name}
    for event in events:
        verb = event.summary.get("verb", event.verb)
        if verb == "person.rename":
            names |= {event.summary.get("old", ""), event.summary.get("person", "")}
        elif verb == "person.merge" and event.object_id == person.pk:
            names.add(event.summary.get("source", ""))
    return {get_name_key(name) for name in names}


def _hide_other_names(event: Event, own: set[str]) -> Event:
    kept = {
        key: HIDDEN_NAME if key in NAME_KEYS and value and get_name_key(str(value)) not in own else value
        for key, value in event.summary.items()
    }
    return Event(verb=event.verb, summary=kept)


Facts = dict[str, Any]


def collect_person_facts(person: Person) -> Facts:
    """Everything but the pictures and the embeddings, which are files beside it."""
    photos = get_person_photos(person)
    return {
        "made_at": _format_moment(timezone.now()),
        "person": _describe_person(person),
        "references": [_describe_reference(row) for row in get_person_references(person)],
        "pictures_not_yet_references": [_describe_draft(row) for row in get_person_drafts(person)],
        "photos": [_describe_photo(row) for row in photos],
        "faces": [_describe_face(row) for row in get_person_faces(person)],
        "proposals": _list_proposals(person),
        "said_not_to_be": _list_rejections(person),
        "name_changes": _list_name_changes(person),
        "findings": _list_findings(person),
        "share_links": _list_share_links(photos),
        "history": list_person_acts(person),
        "shown_and_taken": list_person_views(person),
        "earlier_files": [
            {"made_at": _format_moment(row.created_at), "until": _format_moment(row.expires_at)}
            for row in PersonExport.objects.filter(person=person)
        ],
    }


def get_person_references(person: Person) -> QuerySet[Reference]:
    return Reference.objects.filter(person=person).select_related("source_face").order_by("pk")


def get_person_drafts(person: Person) -> QuerySet[ReferenceDraft]:
    return ReferenceDraft.objects.filter(person=person).order_by("pk")


def get_person_faces(person: Person) -> QuerySet[Face]:
    """Faces that carry the name, in the trash too."""
    return Face.objects.filter(person=person).select_related("photo__album").order_by("photo", "left", "pk")


def get_person_photos(person: Person) -> PhotoQuerySet:
    rows = Photo.objects.filter(pk__in=Face.objects.filter(person=person).values("photo"))
    return rows.select_related("album").order_by("pk")


def _format_moment(when: Any) -> str | None:
    return when.isoformat() if when else None


def _describe_person(person: Person) -> Facts:
    return {
        "id": person.pk,
        "name": person.name,
        "note": person.note,
        "is_hidden": person.is_hidden,
        "is_recognised": person.is_recognised,
        "may_be_recognised_today": person.may_be_recognised,
        "consent": person.consent_note,
        "consent_until": _format_moment(person.consent_until),
        "cover_reference": person.cover_id,
        "added_at": _format_moment(person.created_at),
    }


def _describe_reference(row: Reference) -> Facts:
    return {
        "id": row.pk,
        "status": row.status,
        "file_it_came_from": row.source_path.replace("\\", "/").rpartition("/")[2],
        "cut_from_photo": row.source_face.photo_id if row.source_face else None,
        "box": row.box,
        "landmarks": row.landmarks,
        "quality": row.quality,
        "detection": row.score,
        "sha256": row.sha256,
        "added_at": _format_moment(row.created_at),
    }


def _describe_draft(row: ReferenceDraft) -> Facts:
    """A picture sent for them that nobody has saved as a reference; it may show others, so only its figures."""
    return {
        "id": row.pk,
        "name": row.name,
        "width": row.width,
        "height": row.height,
        "face": row.faces[row.chosen] if row.chosen is not None and row.chosen < len(row.faces) else None,
        "sent_at": _format_moment(row.made_at),
    }


def _describe_photo(row: Photo) -> Facts:
    return {
        "id": row.pk,
        "name": row.name,
        "album": row.album.name if row.album else None,
        "taken_at": _format_moment(row.taken_at),
        "added_at": _format_moment(row.added_at),
        "width": row.width,
        "height": row.height,
        "sha256": row.sha256,
        "is_in_trash": row.trashed_at is not None,
    }


def _describe_face(row: Face) -> Facts:
    return {
        "id": row.pk,
        "photo": row.photo_id,
        "box": [round(side, 1) for side in (row.left, row.top, row.width, row.height)],
        "landmarks": row.landmarks,
        "quality": row.quality,
        "detection": row.score,
        "is_drawn_by_hand": row.is_drawn,
        "state": row.state,
        "decision": row.decision or None,
        "decided_at": _format_moment(row.decided_at),
        "similarity": row.similarity,
        "matched_reference": row.reference_id,
        "embedder": row.embedder_id or None,
        "embedded_at": _format_moment(row.embedded_at),
        "found_at": _format_moment(row.created_at),
    }


def _list_proposals(person: Person) -> list[Facts]:
    """Faces that the machine thought might be theirs. Where they are is left out: they may be somebody else's."""
    rows = Candidate.objects.filter(person=person).exclude(face__person=person).order_by("face", "rank")
    return [{"face": row.face_id, "similarity": row.similarity, "place": row.rank + 1} for row in rows]


def _list_rejections(person: Person) -> list[Facts]:
    rows = FaceRejection.objects.filter(person=person).order_by("pk")
    return [{"face": row.face_id, "at": _format_moment(row.at)} for row in rows]


def _list_name_changes(person: Person) -> list[Facts]:
    rows = NameChange.objects.filter(Q(old_person=person) | Q(new_person=person)).order_by("pk")
    return [
        {"face": row.face_id, "at": _format_moment(row.at), "got_the_name": row.new_person_id == person.pk}
        for row in rows
    ]


def _list_findings(person: Person) -> list[Facts]:
    """What the check of the gallery said; of a look-alike only that there is one."""
    rows = Finding.objects.filter(Q(person=person) | Q(other_person=person)).order_by("pk")
    return [
        {
            "kind": row.kind,
            "reference": row.reference_id if row.person_id == person.pk else row.other_reference_id,
            "similarity": row.similarity,
            "found_at": _format_moment(row.found_at),
        }
        for row in rows
    ]


def _list_share_links(photos: PhotoQuerySet) -> list[Facts]:
    """Links, working or not, to albums with a photo of theirs that is not in the trash."""
    albums = Album.objects.filter(photos__in=photos.outside_trash())
    rows = ShareLink.objects.filter(album__in=albums).select_related("album").order_by("pk")
    return [
        {
            "album": row.album.name,
            "made_at": _format_moment(row.created_at),
            "until": _format_moment(row.expires_at),
            "taken_back_at": _format_moment(row.revoked_at),
            "shows_names": row.has_names,
            "hides_faces_without_a_name": row.hides_unnamed,
        }
        for row in rows
    ]
