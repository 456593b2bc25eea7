"""Decisions on one face. Each returns its event, or None when somebody has already said the same."""

from __future__ import annotations

from django.db import transaction

from gallery.models import Candidate, Decision, Event, Face, FaceRejection, Person, User
from gallery.services.decisions import UNNAMED, decided, named, undecided
from gallery.services.faces.recording import record
from gallery.services.ledger import Ledger
from gallery.services.locks import hold_face, must_be


def confirm(user: User, face: Face, person: Person, revision: int | None = None) -> Event | None:
    """This face is this person; an earlier "not this person" is withdrawn."""
    with transaction.atomic():
        held = hold_face(face)
        if held.decision == Decision.CONFIRMED and held.person_id == person.pk:
            return None
        must_be(held, revision)
        ledger = Ledger()
        ledger.delete(FaceRejection.objects.filter(face=held, person=person))
        columns = {**named(person), **decided(user, Decision.CONFIRMED)}
        best = Candidate.objects.filter(face=held, person=person).select_related("reference").first()
        if best is not None:
            columns |= {"similarity": best.similarity, "reference": best.reference}
        ledger.set(held, **columns)
        return record(user, "face.confirm", held, ledger, person)


def reject(user: User, face: Face, person: Person, revision: int | None = None) -> Event | None:
    """This face is not this person, and never will be proposed as such; others may be."""
    with transaction.atomic():
        held = hold_face(face)
        is_said = FaceRejection.objects.filter(face=held, person=person).exists()
        if is_said and held.person_id != person.pk:
            return None
        must_be(held, revision)
        ledger = Ledger()
        if not is_said:
            ledger.create(FaceRejection(face=held, person=person, by=user))
        ledger.delete(Candidate.objects.filter(face=held, person=person))
        if held.person_id == person.pk or not held.is_decided:
            ledger.set(held, **UNNAMED, **undecided())
        else:
            ledger.set(held, decision=held.decision)  # what was decided stands; the revision counts
        return record(user, "face.reject", held, ledger, person)


def leave_unknown(user: User, face: Face, revision: int | None = None) -> Event | None:
    """Nobody the gallery knows, or nobody can say: the face stays without a name."""
    return _decide(user, face, Decision.REJECTED, "face.unknown", revision)


def mark_not_a_face(user: User, face: Face, revision: int | None = None) -> Event | None:
    return _decide(user, face, Decision.NOT_A_FACE, "face.not_a_face", revision)


def ignore(user: User, face: Face, revision: int | None = None) -> Event | None:
    """A face nobody cares about: not shown among the unknown again, nor are its look-alikes."""
    return _decide(user, face, Decision.IGNORED, "face.ignore", revision)


def _decide(user: User, face: Face, decision: Decision, verb: str, revision: int | None) -> Event | None:
    with transaction.atomic():
        held = hold_face(face)
        if held.decision == decision:
            return None
        must_be(held, revision)
        ledger, person = Ledger(), held.person
        ledger.set(held, **UNNAMED, **decided(user, decision))
        return record(user, verb, held, ledger, person)


def clear_decision(user: User, face: Face, revision: int | None = None) -> Event | None:
    """Let the machine say again; what the face is *not* stays said."""
    with transaction.atomic():
        held = hold_face(face)
        if not held.is_decided:
            return None
        must_be(held, revision)
        ledger, person = Ledger(), held.person
        ledger.set(held, **UNNAMED, **undecided())
        return record(user, "face.clear", held, ledger, person)
