"""Decisions on many faces at once: one act, one event, one undo."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from gallery.models import Decision, Event, Face, FaceRejection, Person, User
from gallery.services import followup, history
from gallery.services.decisions import UNNAMED, decided, named
from gallery.services.faces.recording import about
from gallery.services.ledger import Ledger, chunks


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What became of a group: the act's event (None if nothing was left to do), and the faces left out."""

    event: Event | None
    done: list[int]
    left: list[int]  # decided since by somebody, or said not to be this person


def name_group(
    user: User, face_ids: Collection[int], person: Person, seen: dict[int, int] | None = None
) -> GroupResult:
    """Name many faces; `seen` are the revisions the page showed.

    Faces that somebody has decided since, and faces said not to be this person, are left out and reported.
    """
    with transaction.atomic():
        ids = _free(set(face_ids) - _rejected(face_ids, person), seen or {})
        columns = {**named(person), **decided(user, Decision.CONFIRMED)}
        event = _decide(user, ids, "face.name_group", columns, person)
    return GroupResult(event, ids, sorted(set(face_ids) - set(ids)))


def ignore_group(user: User, face_ids: Collection[int], seen: dict[int, int] | None = None) -> GroupResult:
    """Ignore many faces; those that somebody has decided since are left out and reported."""
    with transaction.atomic():
        ids = _free(face_ids, seen or {})
        event = _decide(user, ids, "face.ignore", {**UNNAMED, **decided(user, Decision.IGNORED)}, None)
    return GroupResult(event, ids, sorted(set(face_ids) - set(ids)))


def _rejected(face_ids: Collection[int], person: Person) -> set[int]:
    rejected = FaceRejection.objects.filter(person=person)
    return {
        pk
        for some in chunks(list(face_ids))
        for pk in rejected.filter(face_id__in=some).values_list("face_id", flat=True)
    }


def _free(face_ids: Collection[int], seen: dict[int, int]) -> list[int]:
    """Those without a decision and as the page showed them, held until the transaction ends."""
    undecided = Face.objects.select_for_update().filter(decision=Decision.NONE)
    found = (
        pair
        for some in chunks(sorted(face_ids))
        for pair in undecided.filter(pk__in=some).values_list("pk", "revision")
    )
    return sorted(pk for pk, revision in found if seen.get(pk, revision) == revision)


def _decide(
    user: User, ids: list[int], verb: str, columns: dict[str, Any], person: Person | None
) -> Event | None:
    if not ids:
        return None
    ledger, photos = Ledger(), set()
    for some in chunks(ids):
        faces = Face.objects.filter(pk__in=some)
        photos |= set(faces.values_list("photo_id", flat=True))
        ledger.update(faces, **columns)
    followup.after(ledger)
    return history.record(
        user,
        verb,
        person,
        {"count": len(ids), "photos": len(photos), **about(person)},
        undo=ledger,
        subjects={"face": ids, "photo": photos},
    )
