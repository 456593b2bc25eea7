"""What the database knows about a person, as plain JSON.

Other people's data stays out: no name of anybody else, not even of who on the site did what; of a face that the
machine thought might be theirs only that it did. What was found in their own name is complete.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from gallery.models import (
    Album,
    Candidate,
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
from gallery.services.dossier import acts

Facts = dict[str, Any]


def facts(person: Person) -> Facts:
    """Everything but the pictures and the embeddings, which are files beside it."""
    photos = photos_of(person)
    return {
        "made_at": _moment(timezone.now()),
        "person": _person(person),
        "references": [_reference(row) for row in references_of(person)],
        "pictures_not_yet_references": [_draft(row) for row in drafts_of(person)],
        "photos": [_photo(row) for row in photos],
        "faces": [_face(row) for row in faces_of(person)],
        "proposals": _proposals(person),
        "said_not_to_be": _rejections(person),
        "name_changes": _name_changes(person),
        "findings": _findings(person),
        "share_links": _shares(photos),
        "history": acts.history(person),
        "shown_and_taken": acts.looks(person),
        "earlier_files": [
            {"made_at": _moment(row.created_at), "until": _moment(row.expires_at)}
            for row in PersonExport.objects.filter(person=person)
        ],
    }


def references_of(person: Person) -> QuerySet[Reference]:
    return Reference.objects.filter(person=person).select_related("source_face").order_by("pk")


def drafts_of(person: Person) -> QuerySet[ReferenceDraft]:
    return ReferenceDraft.objects.filter(person=person).order_by("pk")


def faces_of(person: Person) -> QuerySet[Face]:
    """Faces that carry the name, in the trash too."""
    return Face.objects.filter(person=person).select_related("photo__album").order_by("photo", "left", "pk")


def photos_of(person: Person) -> QuerySet[Photo]:
    rows = Photo.objects.filter(pk__in=Face.objects.filter(person=person).values("photo"))
    return rows.select_related("album").order_by("pk")


def _moment(when: Any) -> str | None:
    return when.isoformat() if when else None


def _person(person: Person) -> Facts:
    return {
        "id": person.pk,
        "name": person.name,
        "note": person.note,
        "is_hidden": person.is_hidden,
        "is_recognised": person.is_recognised,
        "may_be_recognised_today": person.may_be_recognised,
        "consent": person.consent_note,
        "consent_until": _moment(person.consent_until),
        "cover_reference": person.cover_id,
        "added_at": _moment(person.created_at),
    }


def _reference(row: Reference) -> Facts:
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
        "added_at": _moment(row.created_at),
    }


def _draft(row: ReferenceDraft) -> Facts:
    """A picture sent for them that nobody has saved as a reference; it may show others, so only its figures."""
    return {
        "id": row.pk,
        "name": row.name,
        "width": row.width,
        "height": row.height,
        "face": row.faces[row.chosen] if row.chosen is not None and row.chosen < len(row.faces) else None,
        "sent_at": _moment(row.made_at),
    }


def _photo(row: Photo) -> Facts:
    return {
        "id": row.pk,
        "name": row.name,
        "album": row.album.name if row.album else None,
        "taken_at": _moment(row.taken_at),
        "added_at": _moment(row.added_at),
        "width": row.width,
        "height": row.height,
        "sha256": row.sha256,
        "is_in_trash": row.trashed_at is not None,
    }


def _face(row: Face) -> Facts:
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
        "decided_at": _moment(row.decided_at),
        "similarity": row.similarity,
        "matched_reference": row.reference_id,
        "embedder": row.embedder_id or None,
        "embedded_at": _moment(row.embedded_at),
        "found_at": _moment(row.created_at),
    }


def _proposals(person: Person) -> list[Facts]:
    """Faces that the machine thought might be theirs. Where they are is left out: they may be somebody else's."""
    rows = Candidate.objects.filter(person=person).exclude(face__person=person).order_by("face", "rank")
    return [{"face": row.face_id, "similarity": row.similarity, "place": row.rank + 1} for row in rows]


def _rejections(person: Person) -> list[Facts]:
    rows = FaceRejection.objects.filter(person=person).order_by("pk")
    return [{"face": row.face_id, "at": _moment(row.at)} for row in rows]


def _name_changes(person: Person) -> list[Facts]:
    rows = NameChange.objects.filter(Q(old_person=person) | Q(new_person=person)).order_by("pk")
    return [
        {"face": row.face_id, "at": _moment(row.at), "got_the_name": row.new_person_id == person.pk}
        for row in rows
    ]


def _findings(person: Person) -> list[Facts]:
    """What the check of the gallery said; of a look-alike only that there is one."""
    rows = Finding.objects.filter(Q(person=person) | Q(other_person=person)).order_by("pk")
    return [
        {
            "kind": row.kind,
            "reference": row.reference_id if row.person_id == person.pk else row.other_reference_id,
            "similarity": row.similarity,
            "found_at": _moment(row.found_at),
        }
        for row in rows
    ]


def _shares(photos: QuerySet[Photo]) -> list[Facts]:
    """Links, working or not, to albums with a photo of theirs that is not in the trash."""
    albums = Album.objects.filter(photos__in=photos.filter(trashed_at__isnull=True))
    rows = ShareLink.objects.filter(album__in=albums).select_related("album").order_by("pk")
    return [
        {
            "album": row.album.name,
            "made_at": _moment(row.created_at),
            "until": _moment(row.expires_at),
            "taken_back_at": _moment(row.revoked_at),
            "shows_names": row.has_names,
            "hides_faces_without_a_name": row.hides_unnamed,
        }
        for row in rows
    ]
