"""The gallery's references: added, judged, moved, removed. Searching processes learn of each at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from gallery import changes, queue, quota, storage
from gallery.models import Person, Reference, Status, User
from gallery.models.people import clean_name
from gallery.services.errors import Refused
from gallery.services.history import record
from gallery.services.photos import EXTENSIONS, limits
from recognition.images import sandbox
from recognition.types import ImageError

Judgement = Reference.Judgement


@dataclass(frozen=True, slots=True)
class AddedReference:
    reference: Reference
    is_duplicate: bool


def add_reference(
    user: User | None,
    person: Person,
    content: bytes,
    *,
    extension: str,
    source: str = "",
    status: str = Judgement.APPROVED,
) -> AddedReference:
    """Store an image as a reference of the person; the worker finds its face and embeds it.

    The same image again for the same person is recognised and returned as it is. Refused past the hour's limit.
    """
    if user is not None and quota.is_over(user, len(content)):
        raise Refused(quota.sentence())
    received = storage.receive([content], len(content))
    found = Reference.objects.filter(person=person, source_sha256=received.sha256).first()
    if found:
        received.drop()
        return AddedReference(found, is_duplicate=True)
    name = received.keep(storage.reference_name(extension))
    with transaction.atomic():
        reference = Reference.objects.create(
            person=person,
            image=name,
            sha256=received.sha256,
            source_sha256=received.sha256,
            source_path=source,
            status=status,
            added_by=user,
        )
        record(user, "reference.add", reference, {"person": person.name})
        queue.send("embed_reference", reference.pk)
    return AddedReference(reference, is_duplicate=False)


def upload_reference(user: User, person: Person, content: bytes, name: str, status: str) -> AddedReference:
    """A reference from a file that somebody sent: told by its content, within the limits of photos.

    Raises ImageError or Refused with a sentence for people.
    """
    try:
        info = sandbox.probe(content, limits())
    except ImageError:
        quota.count_refused(user)
        raise
    return add_reference(
        user, person, content, extension=EXTENSIONS[info.kind], source=clean_name(name)[:255], status=status
    )


def approve(user: User, references: Iterable[Reference]) -> int:
    return judge(user, references, Judgement.APPROVED)


def reject(user: User, references: Iterable[Reference]) -> int:
    return judge(user, references, Judgement.REJECTED)


@transaction.atomic
def judge(user: User, references: Iterable[Reference], status: str) -> int:
    """Approve, reject or set back to pending; the number of references it changed."""
    rows = _locked(references)
    changed = [row for row in rows if row.status != status]
    if not changed:
        return 0
    undo = {"statuses": {str(row.pk): row.status for row in changed}}
    for row in changed:
        row.status = status
        row.revision = F("revision") + 1
    Reference.objects.bulk_update(changed, ["status", "revision"])
    is_added = status == Judgement.APPROVED
    changes.record(changes.Kind.ADDED if is_added else changes.Kind.REMOVED, changed)
    if is_added:
        _embed_missing(changed)
    record(user, f"reference.{status}", None, {"count": len(changed)}, undo=undo)
    queue.send("request_build")
    return len(changed)


@transaction.atomic
def move(user: User, references: Iterable[Reference], person: Person) -> int:
    """Give the references to another person."""
    rows = [row for row in _locked(references) if row.person_id != person.pk]
    if not rows:
        return 0
    undo = {"persons": {str(row.pk): row.person_id for row in rows}}
    Person.objects.filter(cover__in=rows).update(cover=None)
    for row in rows:
        row.person = person
        row.revision = F("revision") + 1
    Reference.objects.bulk_update(rows, ["person", "revision"])
    changes.record(changes.Kind.MOVED, rows)
    record(user, "reference.move", None, {"count": len(rows), "person": person.name}, undo=undo)
    queue.send("request_build")
    return len(rows)


def retry(references: Iterable[Reference]) -> None:
    """Embed again."""
    rows = Reference.objects.filter(pk__in=[row.pk for row in references])
    with transaction.atomic():
        queue.enqueue(rows)
        for pk in rows.values_list("pk", flat=True):
            queue.send("embed_reference", pk)


def _embed_missing(references: list[Reference]) -> None:
    for reference in references:
        if reference.work != Status.DONE:
            queue.send("embed_reference", reference.pk)


def _locked(references: Iterable[Reference]) -> list[Reference]:
    pks = [reference.pk for reference in references]
    return list(Reference.objects.select_for_update().filter(pk__in=pks).order_by("pk"))
