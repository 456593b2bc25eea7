"""What people decide about faces, one or many at once, and the faces they draw.

Their word outranks the machine's and stands until a person takes it back. Acts on one face return their event,
or None when somebody has already said the same."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import ChangeSet, apply_effects, record_event, split_into_chunks
from gallery.history.locking import check_face_revision, lock_face
from gallery.jobs import dispatch
from gallery.models import Candidate, Decision, Event, Face, FaceRejection, Person, Photo, User
from gallery.models.clock import get_site_time
from gallery.models.querysets import FaceQuerySet

UNNAMED_COLUMNS: dict[str, Any] = {
    "person": None,
    "state": Face.State.UNKNOWN,
    "similarity": None,
    "reference": None,
}


def named_columns(person: Person) -> dict[str, Any]:
    return {"person": person, "state": Face.State.KNOWN, "similarity": None, "reference": None}


def decision_columns(user: User, decision: Decision) -> dict[str, Any]:
    return {"decision": decision, "decided_by": user, "decided_at": get_site_time()}


def undecided_columns() -> dict[str, Any]:
    return {"decision": Decision.NONE, "decided_by": None, "decided_at": None}


def confirm_face(user: User, face: Face, person: Person, revision: int | None = None) -> Event | None:
    """This face is this person; an earlier "not this person" is withdrawn."""
    with transaction.atomic():
        held = lock_face(face)
        if held.decision == Decision.CONFIRMED and held.person_id == person.pk:
            return None
        check_face_revision(held, revision)
        changes = ChangeSet()
        changes.delete(FaceRejection.objects.filter(face=held, person=person))
        columns = {**named_columns(person), **decision_columns(user, Decision.CONFIRMED)}
        best = Candidate.objects.filter(face=held, person=person).select_related("reference").first()
        if best is not None:
            columns |= {"similarity": best.similarity, "reference": best.reference}
        changes.set(held, **columns)
        return record_face_event(user, "face.confirm", held, changes, person)


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
        changes = ChangeSet()
        if not is_said:
            changes.create(FaceRejection(face=held, person=person, by=user))
        changes.delete(Candidate.objects.filter(face=held, person=person))
        if held.person_id == person.pk or not held.is_decided:
            changes.set(held, **UNNAMED_COLUMNS, **undecided_columns())
        else:
            changes.set(held, decision=held.decision)  # what was decided stands; the revision counts
        return record_face_event(user, "face.reject", held, changes, person)


# What can be said of a face without a person, and the verb of the event.
DECISION_VERBS = {
    Decision.REJECTED: "face.unknown",  # nobody the gallery knows, or nobody can say: it stays without a name
    Decision.NOT_A_FACE: "face.not_a_face",
    Decision.IGNORED: "face.ignore",  # not shown among the unknown again, nor are its look-alikes
    Decision.NONE: "face.clear",  # the machine may say again; what the face is *not* stays said
}


def decide_face(user: User, face: Face, decision: Decision, revision: int | None = None) -> Event | None:
    """One of `DECISION_VERBS`; the face loses its name."""
    with transaction.atomic():
        held = lock_face(face)
        if held.decision == decision:
            return None
        check_face_revision(held, revision)
        changes, person = ChangeSet(), held.person
        columns = decision_columns(user, decision) if decision else undecided_columns()
        changes.set(held, **UNNAMED_COLUMNS, **columns)
        return record_face_event(user, DECISION_VERBS[decision], held, changes, person)


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
    faces = Face.objects.exclude(rejections__person=person)
    columns = {**named_columns(person), **decision_columns(user, Decision.CONFIRMED)}
    return _decide_face_group(user, faces, face_ids, seen or {}, "face.name_group", columns, person)


def ignore_face_group(
    user: User, face_ids: Collection[int], seen: dict[int, int] | None = None
) -> FaceGroupResult:
    """Ignore many faces; those that somebody has decided since are left out and reported."""
    columns = {**UNNAMED_COLUMNS, **decision_columns(user, Decision.IGNORED)}
    return _decide_face_group(user, Face.objects.all(), face_ids, seen or {}, "face.ignore", columns)


def reject_person_of_group(
    user: User, face_ids: Collection[int], person: Person, seen: dict[int, int]
) -> FaceGroupResult:
    """These faces are not this person, and never will be proposed as such; one act. `seen` as for naming them.

    Faces that somebody has named so, or changed since, are left out and reported.
    """
    changes, photos, ids = ChangeSet(), set[int](), list[int]()
    with transaction.atomic():
        rows = Face.objects.undecided().select_for_update(of=("self",)).order_by("pk")
        for face in rows.filter(pk__in=face_ids).exclude(rejections__person=person):
            if seen.get(face.pk, face.revision) != face.revision:
                continue
            changes.create(FaceRejection(face=face, person=person, by=user))
            changes.delete(Candidate.objects.filter(face=face, person=person))
            is_named = {**UNNAMED_COLUMNS, **undecided_columns()} if face.person_id == person.pk else {}
            changes.set(face, **is_named, decision=face.decision)
            ids.append(face.pk)
            photos.add(face.photo_id)
        event = None
        if ids:
            apply_effects(changes)
            event = record_event(
                user,
                "face.reject_group",
                person,
                {"count": len(ids), "photos": len(photos), **summarise_person(person)},
                undo=changes,
                subjects={"face": ids, "photo": photos},
            )
    return FaceGroupResult(event, ids, sorted(set(face_ids) - set(ids)))


def _decide_face_group(
    user: User,
    faces: FaceQuerySet,
    face_ids: Collection[int],
    seen: dict[int, int],
    verb: str,
    columns: dict[str, Any],
    person: Person | None = None,
) -> FaceGroupResult:
    """Decide on those of `faces` that have no decision and are as the page showed them."""
    changes, photos, ids = ChangeSet(), set[int](), list[int]()
    with transaction.atomic():
        undecided = faces.undecided().select_for_update(of=("self",)).order_by("pk")
        for some in split_into_chunks(sorted(face_ids)):
            found = undecided.filter(pk__in=some).values_list("pk", "revision", "photo_id")
            held = {pk: photo for pk, revision, photo in found if seen.get(pk, revision) == revision}
            changes.update(Face.objects.filter(pk__in=held), **columns)
            ids += sorted(held)
            photos |= set(held.values())
        event = None
        if ids:
            apply_effects(changes)
            event = record_event(
                user,
                verb,
                person,
                {"count": len(ids), "photos": len(photos), **summarise_person(person)},
                undo=changes,
                subjects={"face": ids, "photo": photos},
            )
    return FaceGroupResult(event, ids, sorted(set(face_ids) - set(ids)))


MIN_DRAWN_SIDE = 8  # pixels


def draw_face(user: User, photo: Photo, box: tuple[float, float, float, float]) -> Face:
    """A new face: left, top, width, height in pixels of the upright photo; the worker embeds it."""
    left, top, width, height = (float(value) for value in box)
    right, bottom = min(left + width, photo.width), min(top + height, photo.height)
    left, top = max(left, 0.0), max(top, 0.0)
    sides = (right - left, bottom - top)
    if not all(side >= MIN_DRAWN_SIDE for side in sides):  # not a number fails here, too
        raise ActionRefused(_("The box is too small. Draw it around the whole face."))
    with transaction.atomic():
        face = Face(photo=photo, left=left, top=top, width=right - left, height=bottom - top, is_drawn=True)
        changes = ChangeSet()
        changes.create(face)
        record_face_event(user, "face.draw", face, changes, None)
        dispatch.send_task("embed_face", face.pk)
    return face


def summarise_person(person: Person | None) -> dict[str, Any]:
    return {"person": person.label, "person_id": person.pk} if person else {}


def record_face_event(user: User, verb: str, face: Face, changes: ChangeSet, person: Person | None) -> Event:
    apply_effects(changes)
    return record_event(
        user,
        verb,
        face,
        {"photo": face.photo.name, "photo_id": face.photo_id, **summarise_person(person)},
        undo=changes,
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
    "face.reject_group": ngettext_lazy(
        "said that %(count)s face is not “%(person)s”",
        "said that %(count)s faces are not “%(person)s”",
        "count",
    ),
    "face.name_group": ngettext_lazy(
        "named %(count)s face “%(person)s”", "named %(count)s faces “%(person)s”", "count"
    ),
}
