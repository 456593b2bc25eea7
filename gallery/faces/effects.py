"""What follows when an act has changed faces, the bounds, or photos in the trash."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from django.db.models import F, Q

from gallery.faces.consent import forget_face_vectors
from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.jobs import dispatch
from gallery.jobs.services import MAX_SENT_JOBS
from gallery.models import Decision, Face, Photo, Reference, Status
from gallery.models.querysets import not_recognisable_q


def follow_changed_faces(changes: ChangeSet) -> None:
    """Mark doubled names anew; the worker searches the faces again and takes decisions to their look-alikes.

    A face whose "not this person" comes or goes is in question even where the machine has written it since.
    """
    rejected = changes.list_referenced_ids("facerejection", "face_id")
    faces = sorted({*changes.list_written_ids("face"), *rejected})
    for some in split_into_chunks(faces):
        _reject_unconfirmed_references(changes, some)
        _forget_masked_faces(some)
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


def _forget_masked_faces(faces: Sequence[int]) -> None:
    """A face that people named as somebody who may not be recognised is not compared with others."""
    said = Face.objects.filter(not_recognisable_q("person"), pk__in=faces, decision=Decision.CONFIRMED)
    forget_face_vectors(list(said.values_list("pk", flat=True)))
