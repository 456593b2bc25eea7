"""The feeds of changed references, and of changed faces, that searching processes follow.

A row says only "look at this one again": whoever follows reads its present state, so rows may be read twice or late
without harm. Write it in the transaction that changes the reference or the face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.jobs import dispatch
from gallery.models import Face, GalleryChange, Reference, ReferenceVector, Status
from gallery.models.index import IndexContents
from gallery.models.querysets import not_recognisable_q, recognisable_q

ChangeKind = GalleryChange.Kind


def record_reference_changes(kind: GalleryChange.Kind, references: Iterable[Reference]) -> None:
    """Announce that these references were added, moved or removed, for every embedder that has vectors of them."""
    persons = {reference.pk: reference.person_id for reference in references}
    if not persons:
        return
    vectors = ReferenceVector.objects.filter(reference_id__in=persons)
    GalleryChange.objects.bulk_create(
        GalleryChange(kind=kind, object_id=pk, person=persons[pk], embedder_id=embedder_id)
        for pk, embedder_id in vectors.values_list("reference_id", "embedder_id")
    )


def record_face_changes(kind: GalleryChange.Kind, faces: Iterable[Face]) -> None:
    """Announce that these faces, as they are or were, can be searched, or no longer; those without a vector are not.

    Before the vectors go: whose index they were in is not known any more afterwards.
    """
    GalleryChange.objects.bulk_create(
        GalleryChange(
            contents=IndexContents.FACES, kind=kind, object_id=face.pk, embedder_id=face.embedder_id
        )
        for face in faces
        if face.embedder_id
    )


def announce_changed_references(changes: ChangeSet) -> None:
    moved = changes.list_changed_ids("reference", "person_id")
    judged = changes.list_changed_ids("reference", "status")
    for some in split_into_chunks(moved):
        record_reference_changes(ChangeKind.MOVED, Reference.objects.filter(pk__in=some))
    for some in split_into_chunks(judged):
        found = Reference.objects.filter(pk__in=some)
        approved = found.approved()
        record_reference_changes(ChangeKind.ADDED, approved)
        for pk in approved.exclude(work=Status.DONE).values_list("pk", flat=True):
            dispatch.send_task("embed_reference", pk)
        record_reference_changes(ChangeKind.REMOVED, found.exclude(status=Reference.Judgement.APPROVED))
    if moved or judged:
        dispatch.send_task("request_build")


def announce_people_references(people: Sequence[int]) -> None:
    """Tell searching processes that these people may, or may no longer, be recognised."""
    found = Reference.objects.approved().filter(person__in=people)
    record_reference_changes(ChangeKind.ADDED, found.filter(recognisable_q("person")))
    record_reference_changes(ChangeKind.REMOVED, found.filter(not_recognisable_q("person")))
    dispatch.send_task("request_build")


def list_index_changes(embedder_id: str, contents: str) -> QuerySet[GalleryChange]:
    return GalleryChange.objects.filter(embedder_id=embedder_id, contents=contents)


def get_settled_change_id(embedder_id: str, contents: str = IndexContents.REFERENCES) -> int:
    """The newest row's number, when no row with a lower number can still appear.

    On PostgreSQL numbers are given before transactions commit, so this waits for those that are writing.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f'LOCK TABLE "{GalleryChange._meta.db_table}" IN SHARE MODE')
        return get_latest_change_id(embedder_id, contents)


def get_latest_change_id(
    embedder_id: str, contents: str = IndexContents.REFERENCES, **conditions: Any
) -> int:
    """The number of the newest row, or of the newest of some; 0 before the first."""
    rows = list_index_changes(embedder_id, contents).filter(**conditions)
    return rows.order_by("-pk").values_list("pk", flat=True).first() or 0
