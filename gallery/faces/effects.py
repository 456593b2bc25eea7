"""What must follow an act on people, faces and references, whether it was done or taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When

from gallery.faces.consent import apply_consent_changes, find_people_with_changed_consent, forget_face_vectors
from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.index.feed import record_reference_changes
from gallery.jobs import dispatch
from gallery.jobs.registry import JOB_KINDS
from gallery.models import Decision, Face, Finding, GalleryChange, Photo, Reference, Status
from gallery.models.querysets import mark_duplicate_names, not_recognisable_q, recognisable_q

Judgement = Reference.Judgement
MAX_SENT_JOBS = 500  # messages; the sweep finds the rest
JOBS_SENT_OTHERWISE = ("build", "bulk", "erasure")


def apply_effects(ledger: ChangeSet) -> None:
    """Call before the ledger is recorded: it may add writes of its own, which are then part of the act.

    Searching processes follow what happened to references; doubled names are marked anew; the worker searches
    the faces again and takes the decisions to their look-alikes.
    """
    apply_consent_changes(ledger)
    # A face whose "not this person" comes or goes is in question even where the machine has written it since.
    faces = sorted({*ledger.touched("face"), *ledger.of("facerejection", "face_id")})
    for some in split_into_chunks(faces):
        _reject_unconfirmed_references(ledger, some)
        _forget_masked_faces(some)
        mark_duplicate_names(some)
        dispatch.send_task("follow_faces", list(some))
    _mark_touched_findings(ledger)
    _announce_references(ledger)
    for some in split_into_chunks(find_people_with_changed_consent(ledger)):
        announce_people_references(some)
    for some in split_into_chunks(
        ledger.changed("photo", "trashed_at")
    ):  # what was waiting goes on when it is back
        back = Photo.objects.filter(pk__in=some, trashed_at__isnull=True, work=Status.QUEUED)
        _send_jobs("process_photo", back.values_list("pk", flat=True))
    for name, kind in JOB_KINDS.items():
        if name not in JOBS_SENT_OTHERWISE:
            _send_jobs(kind.task, ledger.changed(kind.model._meta.model_name or "", "work"))
    if ledger.touched("calibration"):  # other bounds: every name the machine gave is in question
        dispatch.send_task("follow_gallery", True)


def _send_jobs(task: str, rows: Iterable[int]) -> None:
    for pk in islice(rows, MAX_SENT_JOBS):
        dispatch.send_task(task, pk)


def _reject_unconfirmed_references(ledger: ChangeSet, faces: Sequence[int]) -> None:
    """A reference cut from a face that nobody, by now, says to be that person must not name others.

    Nor must it where only the machine still says so: the face would be found by its own picture for ever.
    """
    is_other = Q(source_face__person__isnull=True) | ~Q(source_face__person=F("person"))
    is_other |= ~Q(source_face__decision=Decision.CONFIRMED)
    approved = Reference.objects.filter(status=Judgement.APPROVED, source_face__in=faces)
    wrong = list(approved.filter(is_other).values_list("pk", flat=True))
    if wrong:
        ledger.update(Reference.objects.filter(pk__in=wrong), status=Judgement.REJECTED)


def _forget_masked_faces(faces: Sequence[int]) -> None:
    """A face that people named as somebody who may not be recognised is not compared with others."""
    said = Face.objects.filter(not_recognisable_q("person"), pk__in=faces, decision=Decision.CONFIRMED)
    forget_face_vectors(list(said.values_list("pk", flat=True)))


def _mark_touched_findings(ledger: ChangeSet) -> None:
    named = {*ledger.changed("reference", "person_id"), *ledger.changed("reference", "status")}
    for some in split_into_chunks(sorted(named)):
        mark_outdated_findings(references=some)
    for some in split_into_chunks(ledger.touched("finding")):
        mark_outdated_findings(findings=some)


def _announce_references(ledger: ChangeSet) -> None:
    moved, judged = ledger.changed("reference", "person_id"), ledger.changed("reference", "status")
    for some in split_into_chunks(moved):
        record_reference_changes(GalleryChange.Kind.MOVED, Reference.objects.filter(pk__in=some))
    for some in split_into_chunks(judged):
        _announce_judged_references(some)
    if moved or judged:
        dispatch.send_task("request_build")


def announce_people_references(people: Sequence[int]) -> None:
    """Tell searching processes that these people may, or may no longer, be recognised."""
    found = Reference.objects.filter(person__in=people, status=Judgement.APPROVED)
    record_reference_changes(GalleryChange.Kind.ADDED, found.filter(recognisable_q("person")))
    record_reference_changes(GalleryChange.Kind.REMOVED, found.filter(not_recognisable_q("person")))
    dispatch.send_task("request_build")


def _announce_judged_references(references: Sequence[int]) -> None:
    found = Reference.objects.filter(pk__in=references)
    approved = found.filter(status=Judgement.APPROVED)
    record_reference_changes(GalleryChange.Kind.ADDED, approved)
    for pk in approved.exclude(work=Status.DONE).values_list("pk", flat=True):
        dispatch.send_task("embed_reference", pk)
    record_reference_changes(GalleryChange.Kind.REMOVED, found.exclude(status=Judgement.APPROVED))


def mark_outdated_findings(*, references: Iterable[int] = (), findings: Iterable[int] = ()) -> None:
    """Work out anew for these findings, and for those that name one of these references, whether they hold.

    Call it in the transaction that changes whose a reference is, or how it was judged; for findings that were made
    otherwise, `settle`.
    """
    named = list(references)
    rows = Finding.objects.filter(
        Q(reference__in=named) | Q(other_reference__in=named) | Q(pk__in=list(findings))
    )
    # Held first, so that what is asked then sees what others have just done to the other reference of the same one.
    found = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    holds = _is_still_of_person("reference", "person") & _is_still_of_person(
        "other_reference", "other_person"
    )
    Finding.objects.filter(pk__in=found).update(
        is_outdated=Case(When(holds, then=Value(False)), default=Value(True))
    )


@transaction.atomic
def settle_findings(findings: Sequence[int]) -> None:
    """Work out whether these findings hold. Changes of their references that are not finished are waited for."""
    named = Finding.objects.filter(pk__in=findings).values_list("reference", "other_reference")
    lock_references({pk for both in named for pk in both if pk})
    mark_outdated_findings(findings=findings)


def lock_references(references: Iterable[int]) -> None:
    """Keep others from changing these references until the transaction ends: all who hold several, in this order."""
    rows = Reference.objects.filter(pk__in=list(references)).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def _is_still_of_person(reference: str, person: str) -> Q:
    """The reference is that person's and searched, where there is one."""
    whose = Reference.objects.filter(pk=OuterRef(reference), status=Reference.Judgement.APPROVED).order_by()
    return Q(**{f"{reference}__isnull": True}) | Q(**{person: Subquery(whose.values("person")[:1])})
