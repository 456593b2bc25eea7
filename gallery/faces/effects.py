"""What follows when an act has changed faces, who may be recognised, the bounds, or photos in the trash.

When recognition is switched off or runs out, names that people gave stay. What the machine made goes: names on faces
nobody has decided on, proposals, and what faces are compared by (their embeddings). Embeddings are never kept for
an undo: looking at the photo again makes them anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db.models import F, Q

from gallery.faces.decisions import UNNAMED_COLUMNS
from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.index.feed import ChangeKind, announce_people_references, record_face_changes
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.jobs.services import MAX_SENT_JOBS
from gallery.models import (
    Album,
    AlbumPhoto,
    Candidate,
    Decision,
    Event,
    Face,
    NameChange,
    Person,
    Photo,
    Reference,
    Status,
)
from gallery.models.querysets import get_today, not_recognisable_q, recognition_off_q

MAX_SENT_PHOTOS = 50  # the sweep finds the rest


def follow_changed_faces(changes: ChangeSet) -> None:
    """Mark doubled names anew; the worker searches the faces, and those beside them, again and takes decisions to
    their look-alikes.

    A face whose "not this person" comes or goes is in question even where the machine has written it since.
    """
    rejected = changes.list_referenced_ids("facerejection", "face_id")
    photos = changes.list_referenced_ids(
        "face", "photo_id"
    )  # a face came or went: its name is free, or taken
    beside = Face.objects.undecided().filter(photo__in=photos).values_list("pk", flat=True)
    faces = sorted({*changes.list_written_ids("face"), *rejected, *beside})
    for some in split_into_chunks(faces):
        _reject_unconfirmed_references(changes, some)
        # Faces that people named as somebody who may not be recognised are not compared with others.
        said = Face.objects.filter(not_recognisable_q("person"), pk__in=some, decision=Decision.CONFIRMED)
        forget_face_vectors(said.values_list("pk", flat=True))
        Face.objects.filter(pk__in=some).mark_duplicate_names()
        dispatch.send_task("follow_faces", list(some))


def follow_changed_bounds(changes: ChangeSet) -> None:
    """With other bounds every name the machine gave is in question."""
    if changes.list_written_ids("calibration"):
        dispatch.send_task("follow_gallery", True)


def resume_restored_photos(changes: ChangeSet) -> None:
    """What was waiting when it came into the trash goes on when it is back."""
    for some in split_into_chunks(changes.list_changed_ids("photo", "trashed_at")):
        back = Photo.objects.outside_trash().filter(pk__in=some, work=Status.QUEUED)
        for pk in islice(back.values_list("pk", flat=True), MAX_SENT_JOBS):
            dispatch.send_task("process_photo", pk)


def _reject_unconfirmed_references(changes: ChangeSet, faces: Sequence[int]) -> None:
    """A reference cut from a face that nobody, by now, says to be that person must not name others.

    Nor must it where only the machine still says so: the face would be found by its own picture for ever.
    """
    is_other = Q(source_face__person__isnull=True) | ~Q(source_face__person=F("person"))
    is_other |= ~Q(source_face__decision=Decision.CONFIRMED)
    approved = Reference.objects.approved().filter(source_face__in=faces)
    wrong = list(approved.filter(is_other).values_list("pk", flat=True))
    if wrong:
        changes.update(Reference.objects.filter(pk__in=wrong), status=Reference.Judgement.REJECTED)


def forget_face_vectors(faces: Iterable[int]) -> int:
    """These faces can no longer be compared, and nothing rests on a comparison with them; how many could be."""
    count = 0
    for some in split_into_chunks(sorted(faces)):
        rows = Face.objects.filter(pk__in=some, embedding__isnull=False)
        record_face_changes(ChangeKind.ERASED, rows.only("embedder_id"))
        count += rows.update(embedding=None, embedder_id="", embedded_at=None, cluster=None)
        Candidate.objects.filter(look_alike__in=some).delete()
    return count


def stop_recognising_people(changes: ChangeSet, people: Iterable[int]) -> None:
    """The machine's names of these people go; faces that bore one stay hidden in what is shared, and so do those
    that only asked for one because another face of the photo bore it.

    Nobody is asked any more whether a face is one of them; faces that were unsure are searched again.
    """
    for pk in people:
        open_faces = Face.objects.undecided()
        unsure = open_faces.filter(state=Face.State.UNSURE, candidates__person=pk)
        withheld = open_faces.unnamed().filter(is_twice=True, candidates__person=pk, candidates__rank=0)
        named = [
            *open_faces.filter(person=pk).values_list("pk", flat=True),
            *withheld.values_list("pk", flat=True),
        ]
        said = Face.objects.filter(person=pk, decision=Decision.CONFIRMED)
        forget_face_vectors([*named, *said.values_list("pk", flat=True)])
        again = sorted({*unsure.values_list("pk", flat=True)}.difference(named))
        Candidate.objects.filter(person=pk, face__decision=Decision.NONE).delete()
        for some in split_into_chunks(named):
            rows = Face.objects.filter(pk__in=some)
            changes.update(rows, person=None, state=Face.State.UNKNOWN, is_veiled=True)
            rows.update(similarity=None, reference=None, is_twice=False)
            Candidate.objects.filter(face__in=some).delete()
            NameChange.objects.filter(face__in=some).delete()
        for some in split_into_chunks(again):
            dispatch.send_task("follow_faces", list(some))


def resume_recognising_people(changes: ChangeSet, people: Iterable[int]) -> None:
    """Faces hidden for these people alone may be seen again; photos with their faces are looked at anew."""
    bare = Face.objects.filter(embedding__isnull=True, is_usable=True)
    for pk in people:
        Person.objects.filter(pk=pk, lapse_noted__isnull=False).update(lapse_noted=None)
        photos = set(bare.filter(person=pk).values_list("photo_id", flat=True))
        for some in split_into_chunks(sorted(_pop_faces_veiled_for(pk))):
            changes.update(Face.objects.filter(pk__in=some, is_veiled=True), is_veiled=False)
            photos |= set(bare.filter(pk__in=some).values_list("photo_id", flat=True))
        requeue_open_photos(photos)


def _pop_faces_veiled_for(person: int) -> set[int]:
    """Only the history knows for whom a face was hidden; what it knew is used up by this."""
    events = Event.objects.filter(subjects__object_type="person", subjects__object_id=person)
    found: set[int] = set()
    for event in events.filter(summary__has_key="veiled"):
        found |= set(event.summary["veiled"])
        event.summary = {**event.summary, "veiled": []}
        event.save(update_fields=["summary"])
    return found


def stop_recognising_in_photos(photos: Collection[int]) -> None:
    """Nobody is recognised in these photos any more: the machine's names and all vectors go."""
    for some in split_into_chunks(sorted(photos)):
        faces = Face.objects.filter(photo__in=some)
        open_faces = faces.undecided()
        Candidate.objects.filter(face__in=open_faces.values("pk")).delete()
        NameChange.objects.filter(face__in=open_faces.values("pk")).delete()
        open_faces.update(**UNNAMED_COLUMNS, is_twice=False)
        forget_face_vectors(faces.values_list("pk", flat=True))


def requeue_open_photos(photos: Collection[int]) -> None:
    """Queue those of these photos that may be looked at."""
    for some in split_into_chunks(sorted(photos)):
        enqueue_rows(Photo.objects.filter(pk__in=some).exclude(recognition_off_q()))
    for pk in sorted(photos)[:MAX_SENT_PHOTOS]:
        dispatch.send_task("process_photo", pk)


def apply_consent_changes(changes: ChangeSet) -> None:
    """Draw the consequences of what an act wrote to people, photos and albums."""
    changed = {*find_people_with_changed_consent(changes), *changes.list_created_ids("person")}
    may = set(Person.objects.recognisable().filter(pk__in=changed).values_list("pk", flat=True))
    stop_recognising_people(changes, sorted(changed - may))
    resume_recognising_people(changes, sorted(may))
    if veiled := changes.list_changed_ids("face", "is_veiled"):
        changes.notes["veiled"] = veiled  # nothing else knows for whom
    photos = _find_photos_with_changed_consent(changes)
    closed = {
        pk
        for some in split_into_chunks(sorted(photos))
        for pk in Photo.objects.filter(recognition_off_q(), pk__in=some).values_list("pk", flat=True)
    }
    stop_recognising_in_photos(closed)
    requeue_open_photos(photos - closed)


def announce_changed_consent(changes: ChangeSet) -> None:
    """Searching processes follow who may be recognised."""
    for some in split_into_chunks(find_people_with_changed_consent(changes)):
        announce_people_references(some)


def find_people_with_changed_consent(changes: ChangeSet) -> list[int]:
    """People who may, or may no longer, be recognised because of the act."""
    found = set(changes.list_changed_ids("person", "is_recognised"))
    today = get_today().isoformat()
    for ids, before, after in _list_changed_values(changes, "person", "consent_until"):
        if bool(before and before < today) != bool(after and after < today):
            found |= set(ids)
    return sorted(found)


def _list_changed_values(
    changes: ChangeSet, model: str, column: str
) -> Iterator[tuple[Sequence[int], Any, Any]]:
    """Existing rows of a model that got another value in this column: their ids, the value before, and after."""
    for group in changes.groups:
        if group["model"] == model and group["before"] and column in (group["after"] or ()):
            yield group["ids"], group["before"][column], group["after"][column]


def _find_photos_with_changed_consent(changes: ChangeSet) -> set[int]:
    """Photos in which recognition was switched, by themselves, by an album, or by coming into one or leaving it."""
    found = set(changes.list_changed_ids("photo", "is_recognised"))
    switched = AlbumPhoto.objects.filter(album__in=changes.list_changed_ids("album", "is_recognised"))
    found |= set(switched.values_list("photo", flat=True))
    albums = changes.list_referenced_ids("albumphoto", "album_id")
    closed = set(Album.objects.filter(pk__in=albums, is_recognised=False).values_list("pk", flat=True))
    moves = (group["before"] or group["after"] for group in changes.groups if group["model"] == "albumphoto")
    return found | {row["photo_id"] for row in moves if row.get("album_id") in closed}
