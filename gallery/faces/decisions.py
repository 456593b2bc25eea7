"""What people decide about faces, one or many at once, and the faces they draw.

Their word outranks the machine's and stands until a person takes it back. Acts on one face return their event,
or None when somebody has already said the same."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import ChangeSet, apply_effects, record_event, split_into_chunks
from gallery.history.locking import check_face_revision, lock_face
from gallery.jobs import dispatch
from gallery.models import Candidate, Decision, Event, Face, FaceRejection, Person, Photo, User

UNNAMED_COLUMNS: dict[str, Any] = {
    "person": None,
    "state": Face.State.UNKNOWN,
    "similarity": None,
    "reference": None,
}


def named_columns(person: Person) -> dict[str, Any]:
    return {"person": person, "state": Face.State.KNOWN, "similarity": None, "reference": None}


def decision_columns(user: User, decision: Decision) -> dict[str, Any]:
    return {"decision": decision, "decided_by": user, "decided_at": timezone.now()}


def undecided_columns() -> dict[str, Any]:
    return {"decision": Decision.NONE, "decided_by": None, "decided_at": None}


def confirm_face(user: User, face: Face, person: Person, revision: int | None = None) -> Event | None:
    """This face is this person; an earlier "not this person" is withdrawn."""
    with transaction.atomic():
        held = lock_face(face)
        if held.decision == Decision.CONFIRMED and held.person_id == person.pk:
            return None
        check_face_revision(held, revision)
        ledger = ChangeSet()
        ledger.delete(FaceRejection.objects.filter(face=held, person=person))
        columns = {**named_columns(person), **decision_columns(user, Decision.CONFIRMED)}
        best = Candidate.objects.filter(face=held, person=person).select_related("reference").first()
        if best is not None:
            columns |= {"similarity": best.similarity, "reference": best.reference}
        ledger.set(held, **columns)
        return record_face_event(user, "face.confirm", held, ledger, person)


def reject_person_of_face(
    user: User, face: Face, person: Person, revision: int | None = None
) -> Event | None:
    """This face is not this person, and never will be proposed as such; others may be."""
    with transaction.atomic():
        held = lock_face(face)
        is_said = FaceRejection.objects.filter(face=held, person=person).exists()
        if is_said and held.person_id != person.pk:
            return None
        check_face_revision(held, revision)
        ledger = ChangeSet()
        if not is_said:
            ledger.create(FaceRejection(face=held, person=person, by=user))
        ledger.delete(Candidate.objects.filter(face=held, person=person))
        if held.person_id == person.pk or not held.is_decided:
            ledger.set(held, **UNNAMED_COLUMNS, **undecided_columns())
        else:
            ledger.set(held, decision=held.decision)  # what was decided stands; the revision counts
        return record_face_event(user, "face.reject", held, ledger, person)


def leave_face_unknown(user: User, face: Face, revision: int | None = None) -> Event | None:
    """Nobody the gallery knows, or nobody can say: the face stays without a name."""
    return _decide_face(user, face, Decision.REJECTED, "face.unknown", revision)


def mark_not_a_face(user: User, face: Face, revision: int | None = None) -> Event | None:
    return _decide_face(user, face, Decision.NOT_A_FACE, "face.not_a_face", revision)


def ignore_face(user: User, face: Face, revision: int | None = None) -> Event | None:
    """A face nobody cares about: not shown among the unknown again, nor are its look-alikes."""
    return _decide_face(user, face, Decision.IGNORED, "face.ignore", revision)


def _decide_face(user: User, face: Face, decision: Decision, verb: str, revision: int | None) -> Event | None:
    with transaction.atomic():
        held = lock_face(face)
        if held.decision == decision:
            return None
        check_face_revision(held, revision)
        ledger, person = ChangeSet(), held.person
        ledger.set(held, **UNNAMED_COLUMNS, **decision_columns(user, decision))
        return record_face_event(user, verb, held, ledger, person)


def clear_face_decision(user: User, face: Face, revision: int | None = None) -> Event | None:
    """Let the machine say again; what the face is *not* stays said."""
    with transaction.atomic():
        held = lock_face(face)
        if not held.is_decided:
            return None
        check_face_revision(held, revision)
        ledger, person = ChangeSet(), held.person
        ledger.set(held, **UNNAMED_COLUMNS, **undecided_columns())
        return record_face_event(user, "face.clear", held, ledger, person)


@dataclass(frozen=True, slots=True)
class FaceGroupResult:
    """What became of a group: the act's event (None if nothing was left to do), and the faces left out."""

    event: Event | None
    done: list[int]
    left: list[int]  # decided since by somebody, or said not to be this person


def name_face_group(
    user: User, face_ids: Collection[int], person: Person, seen: dict[int, int] | None = None
) -> FaceGroupResult:
    """Name many faces; `seen` are the revisions the page showed.

    Faces that somebody has decided since, and faces said not to be this person, are left out and reported.
    """
    with transaction.atomic():
        ids = _lock_undecided_faces(set(face_ids) - _find_rejected_faces(face_ids, person), seen or {})
        columns = {**named_columns(person), **decision_columns(user, Decision.CONFIRMED)}
        event = _decide_face_group(user, ids, "face.name_group", columns, person)
    return FaceGroupResult(event, ids, sorted(set(face_ids) - set(ids)))


def ignore_face_group(
    user: User, face_ids: Collection[int], seen: dict[int, int] | None = None
) -> FaceGroupResult:
    """Ignore many faces; those that somebody has decided since are left out and reported."""
    with transaction.atomic():
        ids = _lock_undecided_faces(face_ids, seen or {})
        event = _decide_face_group(
            user, ids, "face.ignore", {**UNNAMED_COLUMNS, **decision_columns(user, Decision.IGNORED)}, None
        )
    return FaceGroupResult(event, ids, sorted(set(face_ids) - set(ids)))


def _find_rejected_faces(face_ids: Collection[int], person: Person) -> set[int]:
    rejected = FaceRejection.objects.filter(person=person)
    return {
        pk
        for some in split_into_chunks(list(face_ids))
        for pk in rejected.filter(face_id__in=some).values_list("face_id", flat=True)
    }


def _lock_undecided_faces(face_ids: Collection[int], seen: dict[int, int]) -> list[int]:
    """Those without a decision and as the page showed them, held until the transaction ends."""
    undecided = Face.objects.undecided().select_for_update()
    found = (
        pair
        for some in split_into_chunks(sorted(face_ids))
        for pair in undecided.filter(pk__in=some).values_list("pk", "revision")
    )
    return sorted(pk for pk, revision in found if seen.get(pk, revision) == revision)


def _decide_face_group(
    user: User, ids: list[int], verb: str, columns: dict[str, Any], person: Person | None
) -> Event | None:
    if not ids:
        return None
    ledger, photos = ChangeSet(), set()
    for some in split_into_chunks(ids):
        faces = Face.objects.filter(pk__in=some)
        photos |= set(faces.values_list("photo_id", flat=True))
        ledger.update(faces, **columns)
    apply_effects(ledger)
    return record_event(
        user,
        verb,
        person,
        {"count": len(ids), "photos": len(photos), **summarise_person(person)},
        undo=ledger,
        subjects={"face": ids, "photo": photos},
    )


MIN_DRAWN_SIDE = 8  # pixels


def draw_face(user: User, photo: Photo, box: tuple[float, float, float, float]) -> Face:
    """A new face: left, top, width, height in pixels of the upright photo; the worker embeds it."""
    left, top, width, height = (float(value) for value in box)
    right, bottom = min(left + width, photo.width), min(top + height, photo.height)
    left, top = max(left, 0.0), max(top, 0.0)
    if not (
        right - left >= MIN_DRAWN_SIDE and bottom - top >= MIN_DRAWN_SIDE
    ):  # not a number fails here, too
        raise ActionRefused(_("The box is too small. Draw it around the whole face."))
    with transaction.atomic():
        face = Face(photo=photo, left=left, top=top, width=right - left, height=bottom - top, is_drawn=True)
        ledger = ChangeSet()
        ledger.create(face)
        record_face_event(user, "face.draw", face, ledger, None)
        dispatch.send_task("embed_face", face.pk)
    return face


def summarise_person(person: Person | None) -> dict[str, Any]:
    return {"person": person.name, "person_id": person.pk} if person else {}


def record_face_event(user: User, verb: str, face: Face, ledger: ChangeSet, person: Person | None) -> Event:
    apply_effects(ledger)
    return record_event(
        user,
        verb,
        face,
        {"photo": face.photo.name, "photo_id": face.photo_id, **summarise_person(person)},
        undo=ledger,
        subjects={"photo": [face.photo_id], "person": [person.pk] if person else []},
    )


EVENT_DESCRIPTIONS = {
    "face.confirm": gettext_lazy("named a face “%(person)s”"),
    "face.reject": gettext_lazy("said that a face is not “%(person)s”"),
    "face.unknown": gettext_lazy("left a face without a name"),
    "face.not_a_face": gettext_lazy("said that something is not a face"),
    "face.ignore": ngettext_lazy("ignored %(count)s face", "ignored %(count)s faces", "count"),
    "face.clear": gettext_lazy("took back the decision on a face"),
    "face.draw": gettext_lazy("drew a face"),
    "face.name_group": ngettext_lazy(
        "named %(count)s face “%(person)s”", "named %(count)s faces “%(person)s”", "count"
    ),
}
