"""What goes when recognition is switched off or runs out, and what comes back when it is allowed again.

Names that people gave stay. What the machine made goes: names on faces nobody has decided on, proposals, and
what faces are compared by (their embeddings). Embeddings are never kept for an undo: looking at the photo
again makes them anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from django.db.models import QuerySet

from gallery.history.changeset import ChangeGroup, ChangeSet, split_into_chunks
from gallery.index.feed import announce_people_references
from gallery.jobs import dispatch
from gallery.jobs.leases import enqueue_rows
from gallery.models import Album, Candidate, Decision, Event, Face, NameChange, Person, Photo
from gallery.models.querysets import get_today, recognition_off_q

MAX_SENT_PHOTOS = 50  # the sweep finds the rest
NO_VECTOR_COLUMNS: dict[str, Any] = {
    "embedding": None,
    "embedder_id": "",
    "embedded_at": None,
    "cluster": None,
}
NO_NAME_COLUMNS: dict[str, Any] = {
    "person": None,
    "state": Face.State.UNKNOWN,
    "similarity": None,
    "reference": None,
    "is_twice": False,
}


def forget_face_vectors(faces: Collection[int]) -> int:
    """These faces can no longer be compared, and nothing rests on a comparison with them; how many could be."""
    count = 0
    for some in split_into_chunks(sorted(faces)):
        count += Face.objects.filter(pk__in=some, embedding__isnull=False).update(**NO_VECTOR_COLUMNS)
        Candidate.objects.filter(look_alike__in=some).delete()
    return count


def stop_recognising_people(ledger: ChangeSet, people: Iterable[int]) -> None:
    """The machine's names of these people go; faces that bore one stay hidden in what is shared."""
    for pk in people:
        named = list(Face.objects.undecided().filter(person=pk).values_list("pk", flat=True))
        for some in split_into_chunks(named):
            rows = Face.objects.filter(pk__in=some)
            ledger.update(rows, person=None, state=Face.State.UNKNOWN, is_veiled=True)
            rows.update(similarity=None, reference=None, is_twice=False)
        said = Face.objects.filter(person=pk, decision=Decision.CONFIRMED)
        forget_face_vectors([*named, *said.values_list("pk", flat=True)])
        _withdraw_proposals(pk, named)


def _withdraw_proposals(person: int, named: Sequence[int]) -> None:
    """Nobody is asked whether a face is this person; faces that were unsure are searched again."""
    unsure = Face.objects.undecided().filter(state=Face.State.UNSURE, candidates__person=person)
    again = list(unsure.distinct().values_list("pk", flat=True))
    Candidate.objects.filter(person=person, face__decision=Decision.NONE).delete()
    for some in split_into_chunks(named):
        Candidate.objects.filter(face__in=some).delete()
        NameChange.objects.filter(face__in=some).delete()
    for some in split_into_chunks(again):
        dispatch.send_task("follow_faces", list(some))


def resume_recognising_people(ledger: ChangeSet, people: Iterable[int]) -> None:
    """Faces hidden for these people alone may be seen again; photos with their faces are looked at anew."""
    for pk in people:
        Person.objects.filter(pk=pk, lapse_noted__isnull=False).update(lapse_noted=None)
        hidden = _pop_faces_veiled_for(pk)
        for some in split_into_chunks(sorted(hidden)):
            ledger.update(Face.objects.filter(pk__in=some, is_veiled=True), is_veiled=False)
        faces = Face.objects.filter(embedding__isnull=True, is_usable=True)
        bare = set(faces.filter(person=pk).values_list("photo_id", flat=True))
        for some in split_into_chunks(sorted(hidden)):
            bare |= set(faces.filter(pk__in=some).values_list("photo_id", flat=True))
        requeue_open_photos(bare)


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
        open_faces.update(**NO_NAME_COLUMNS)
        forget_face_vectors(list(faces.values_list("pk", flat=True)))


def requeue_open_photos(photos: Collection[int]) -> int:
    """Queue those of these photos that may be looked at."""
    for some in split_into_chunks(sorted(photos)):
        rows = Photo.objects.filter(pk__in=some).exclude(recognition_off_q())
        enqueue_rows(rows)
    for pk in sorted(photos)[:MAX_SENT_PHOTOS]:
        dispatch.send_task("process_photo", pk)
    return len(photos)


def apply_consent_changes(ledger: ChangeSet) -> None:
    """Draw the consequences of what an act wrote to people, photos and albums."""
    changed = {*find_people_with_changed_consent(ledger), *ledger.list_created_ids("person")}
    may = set(Person.objects.recognisable().filter(pk__in=changed).values_list("pk", flat=True))
    stop_recognising_people(ledger, sorted(changed - may))
    resume_recognising_people(ledger, sorted(may))
    if veiled := ledger.list_changed_ids("face", "is_veiled"):
        ledger.notes["veiled"] = veiled  # nothing else knows for whom
    photos = _find_photos_with_changed_consent(ledger)
    is_closed = {
        pk
        for some in split_into_chunks(sorted(photos))
        for pk in Photo.objects.filter(recognition_off_q(), pk__in=some).values_list("pk", flat=True)
    }
    stop_recognising_in_photos(is_closed)
    requeue_open_photos(photos - is_closed)


def announce_changed_consent(changes: ChangeSet) -> None:
    """Searching processes follow who may be recognised."""
    for some in split_into_chunks(find_people_with_changed_consent(changes)):
        announce_people_references(some)


def find_people_with_changed_consent(ledger: ChangeSet) -> list[int]:
    """People who may, or may no longer, be recognised because of the act."""
    found = set(ledger.list_changed_ids("person", "is_recognised"))
    for group in _find_changed_groups(ledger, "person", "consent_until"):
        before, after = group["before"]["consent_until"], group["after"]["consent_until"]
        if _is_date_past(before) != _is_date_past(after):
            found |= set(group["ids"])
    return sorted(found)


def _find_changed_groups(ledger: ChangeSet, model: str, column: str) -> list[ChangeGroup]:
    """Groups in which existing rows of a model got another value in this column."""
    both = (g for g in ledger.groups if g["model"] == model and g["before"] and g["after"])
    return [group for group in both if column in group["after"]]


def _is_date_past(until: str | None) -> bool:
    return until is not None and date.fromisoformat(until) < get_today()


def _find_photos_with_changed_consent(ledger: ChangeSet) -> set[int]:
    """Photos in which recognition was switched, by themselves, by their album, or by moving to another."""
    found = set(ledger.list_changed_ids("photo", "is_recognised"))
    albums = ledger.list_changed_ids("album", "is_recognised")
    found |= set(Photo.objects.filter(album__in=albums).values_list("pk", flat=True))
    for group in _find_changed_groups(ledger, "photo", "album_id"):
        if _is_album_closed(group["before"]["album_id"]) != _is_album_closed(group["after"]["album_id"]):
            found |= set(group["ids"])
    return found


def _is_album_closed(album: int | None) -> bool:
    return album is not None and Album.objects.filter(pk=album, is_recognised=False).exists()


def find_faces_with_forbidden_vectors() -> QuerySet[Face]:
    """Faces that can be compared in photos where nobody may be recognised: written while that was decided."""
    return Face.objects.filter(recognition_off_q("photo"), embedding__isnull=False)
