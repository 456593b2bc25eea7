"""Moves all that belongs to one person to another, remembering each row."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from gallery.models import (
    Candidate,
    Decision,
    Face,
    FaceRejection,
    Finding,
    NameChange,
    Person,
    PersonExport,
    Reference,
    ReferenceDraft,
)
from gallery.services.decisions import UNNAMED
from gallery.services.ledger import Ledger


def move_everything(ledger: Ledger, source: Person, target: Person) -> None:
    own = Reference.objects.filter(person=target, status=Reference.Judgement.APPROVED).first()
    ledger.update(Reference.objects.filter(person=source), person=target)
    ledger.update(Face.objects.filter(person=source), person=target)
    _move_rejections(ledger, source, target)
    _move_candidates(ledger, source, target)
    _move_findings(ledger, source, target)
    ledger.update(NameChange.objects.filter(old_person=source), old_person=target)
    ledger.update(NameChange.objects.filter(new_person=source), new_person=target)
    PersonExport.objects.filter(person=source).delete()  # what it says is no longer all; its file is swept
    same = ReferenceDraft.objects.filter(person=target).values("sha256")
    ledger.delete(ReferenceDraft.objects.filter(person=source, sha256__in=same))
    ledger.update(ReferenceDraft.objects.filter(person=source), person=target)
    _move_facts(ledger, source, target, own)


def _move_findings(ledger: Ledger, source: Person, target: Person) -> None:
    """The next check finds anew; but what somebody said is all right with a reference is said of that picture."""
    found = Finding.objects.filter(Q(person=source) | Q(other_person=source))
    kept = found.filter(dismissed_at__isnull=False, reference__isnull=False)
    of_both = kept.filter(Q(person=target) | Q(other_person=target))
    ledger.delete(found.exclude(pk__in=kept.values("pk")))
    ledger.delete(of_both)
    ledger.update(kept.filter(other_person=source), other_person=target)
    ledger.update(kept.filter(person=source), person=target)


def _move_rejections(ledger: Ledger, source: Person, target: Person) -> None:
    """A face is not the merged person if it was neither; but a face named by people as either is."""
    of_both = FaceRejection.objects.filter(person__in=(source, target))
    confirmed = Face.objects.filter(person=target, decision=Decision.CONFIRMED)
    ledger.delete(of_both.filter(face__in=confirmed))
    already = FaceRejection.objects.filter(person=target).values("face_id")
    ledger.delete(FaceRejection.objects.filter(person=source, face_id__in=already))
    ledger.update(FaceRejection.objects.filter(person=source), person=target)
    rejected = FaceRejection.objects.filter(person=target).values("face_id")
    guessed = Face.objects.filter(person=target, decision=Decision.NONE, pk__in=rejected)
    ledger.update(guessed, **UNNAMED)


def _move_candidates(ledger: Ledger, source: Person, target: Person) -> None:
    """A person is proposed once for a face, at the better rank, and not where a human said no."""
    of_source, of_target = Candidate.objects.filter(person=source), Candidate.objects.filter(person=target)
    rejected = FaceRejection.objects.filter(person=target).values("face_id")
    ledger.delete(_of(Q(person=source) | Q(person=target)).filter(face_id__in=rejected))
    worse = [
        pk if rank > other else other_pk for pk, rank, other_pk, other in _both_proposed(of_source, of_target)
    ]
    ledger.delete(Candidate.objects.filter(pk__in=worse))
    ledger.update(Candidate.objects.filter(person=source), person=target)


def _of(condition: Q) -> QuerySet[Candidate]:
    return Candidate.objects.filter(condition)


def _both_proposed(
    of_source: QuerySet[Candidate], of_target: QuerySet[Candidate]
) -> list[tuple[int, int, int, int]]:
    theirs = {face: (pk, rank) for face, pk, rank in of_target.values_list("face_id", "pk", "rank")}
    mine = of_source.values_list("face_id", "pk", "rank")
    return [(pk, rank, *theirs[face]) for face, pk, rank in mine if face in theirs]


def _move_facts(ledger: Ledger, source: Person, target: Person, own: Reference | None) -> None:
    """What the target lacks comes from the source; nobody becomes recognisable by being merged."""
    notes = [note for note in (target.note, source.note) if note.strip()]
    consent = target if target.consent_note or target.consent_until else source
    ledger.set(
        target,
        note="\n".join(dict.fromkeys(notes)),
        is_recognised=target.is_recognised and source.is_recognised,
        consent_note=consent.consent_note,
        consent_until=consent.consent_until,
        cover_id=target.cover_id or (own.pk if own else source.cover_id),  # the face they are known by stays
    )
