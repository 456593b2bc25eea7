"""What must follow an act on faces and references, whether it was done or taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from django.db.models import F, Q

from gallery import changes, queue, twice
from gallery.health import outdated
from gallery.models import Decision, Face, GalleryChange, Photo, Reference, Status
from gallery.recognising import masked, recognisable
from gallery.services import withdrawing
from gallery.services.ledger import Ledger, chunks
from gallery.works import WORKS

Judgement = Reference.Judgement
SENT_AT_ONCE = 500  # messages; the sweep finds the rest
SENT_OTHERWISE = ("build", "bulk", "erasure")


def after(ledger: Ledger) -> None:
    """Call before the ledger is recorded: it may add writes of its own, which are then part of the act.

    Searching processes follow what happened to references; doubled names are marked anew; the worker searches
    the faces again and takes the decisions to their look-alikes.
    """
    withdrawing.after(ledger)
    # A face whose "not this person" comes or goes is in question even where the machine has written it since.
    faces = sorted({*ledger.touched("face"), *ledger.of("facerejection", "face_id")})
    for some in chunks(faces):
        _withdraw_references(ledger, some)
        _forget_masked(some)
        twice.mark(some)
        queue.send("follow_faces", list(some))
    _mark_findings(ledger)
    _announce_references(ledger)
    for some in chunks(withdrawing.people_changed(ledger)):
        announce_people(some)
    for some in chunks(ledger.changed("photo", "trashed_at")):  # what was waiting goes on when it is back
        back = Photo.objects.filter(pk__in=some, trashed_at__isnull=True, work=Status.QUEUED)
        _send("process_photo", back.values_list("pk", flat=True))
    for name, kind in WORKS.items():
        if name not in SENT_OTHERWISE:
            _send(kind.task, ledger.changed(kind.model._meta.model_name or "", "work"))
    if ledger.touched("calibration"):  # other bounds: every name the machine gave is in question
        queue.send("follow_gallery", True)


def _send(task: str, rows: Iterable[int]) -> None:
    for pk in islice(rows, SENT_AT_ONCE):
        queue.send(task, pk)


def _withdraw_references(ledger: Ledger, faces: Sequence[int]) -> None:
    """A reference cut from a face that nobody, by now, says to be that person must not name others.

    Nor must it where only the machine still says so: the face would be found by its own picture for ever.
    """
    is_other = Q(source_face__person__isnull=True) | ~Q(source_face__person=F("person"))
    is_other |= ~Q(source_face__decision=Decision.CONFIRMED)
    approved = Reference.objects.filter(status=Judgement.APPROVED, source_face__in=faces)
    wrong = list(approved.filter(is_other).values_list("pk", flat=True))
    if wrong:
        ledger.update(Reference.objects.filter(pk__in=wrong), status=Judgement.REJECTED)


def _forget_masked(faces: Sequence[int]) -> None:
    """A face that people named as somebody who may not be recognised is not compared with others."""
    said = Face.objects.filter(masked("person"), pk__in=faces, decision=Decision.CONFIRMED)
    withdrawing.forget_vectors(list(said.values_list("pk", flat=True)))


def _mark_findings(ledger: Ledger) -> None:
    named = {*ledger.changed("reference", "person_id"), *ledger.changed("reference", "status")}
    for some in chunks(sorted(named)):
        outdated.mark(references=some)
    for some in chunks(ledger.touched("finding")):
        outdated.mark(findings=some)


def _announce_references(ledger: Ledger) -> None:
    moved, judged = ledger.changed("reference", "person_id"), ledger.changed("reference", "status")
    for some in chunks(moved):
        changes.record(GalleryChange.Kind.MOVED, Reference.objects.filter(pk__in=some))
    for some in chunks(judged):
        _announce_judged(some)
    if moved or judged:
        queue.send("request_build")


def announce_people(people: Sequence[int]) -> None:
    """Tell searching processes that these people may, or may no longer, be recognised."""
    found = Reference.objects.filter(person__in=people, status=Judgement.APPROVED)
    changes.record(GalleryChange.Kind.ADDED, found.filter(recognisable("person")))
    changes.record(GalleryChange.Kind.REMOVED, found.filter(masked("person")))
    queue.send("request_build")


def _announce_judged(references: Sequence[int]) -> None:
    found = Reference.objects.filter(pk__in=references)
    approved = found.filter(status=Judgement.APPROVED)
    changes.record(GalleryChange.Kind.ADDED, approved)
    for pk in approved.exclude(work=Status.DONE).values_list("pk", flat=True):
        queue.send("embed_reference", pk)
    changes.record(GalleryChange.Kind.REMOVED, found.exclude(status=Judgement.APPROVED))
