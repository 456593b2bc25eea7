"""The gallery's references: added, judged, moved, removed. Searching processes learn of each at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gallery import queue, quota, storage
from gallery.health import outdated
from gallery.limits import limits
from gallery.models import Event, Person, Reference, User
from gallery.models.people import clean_name
from gallery.services import followup
from gallery.services.errors import CannotUndo, Refused
from gallery.services.history import inverse, later_decision, record
from gallery.services.ledger import Ledger, chunks, reverse
from gallery.services.photos import EXTENSIONS
from gallery.services.waiting import wait_again
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
        return AddedReference(found, is_duplicate=not _is_back(user, found, status))
    name = received.keep(storage.reference_name(extension))
    try:
        return _added(user, person, received, name, source, status)
    except IntegrityError:
        storage.remove(name)
        raise Refused(_("This person is no longer there.")) from None


def _is_back(user: User | None, reference: Reference, status: str) -> bool:
    """Somebody sends again what was rejected, or taken back: it counts again. An import changes no such word."""
    may = user is not None and (user.is_curator or reference.added_by_id == user.pk)
    if user is None or not may or reference.status != Judgement.REJECTED:
        return False
    return judge(user, [reference], status) > 0


@inverse("reference.add", "references.add", "face.use_as_reference")
def _take_back(user: User, event: Event) -> dict[str, Any]:
    """Reject the references that the act added, or what was so taken back in turn.

    They are kept, with their pictures: so it can be undone, and nothing makes them again by itself. One that
    somebody has judged, moved or chosen as the cover since stays.
    """
    undo = event.undo or {}
    if "rows" in undo:
        ledger = reverse(undo["rows"])
    else:
        added = Reference.objects.filter(pk__in=undo.get("references") or [undo.get("reference", 0)])
        covers = Person.objects.filter(cover__in=added).values("cover")
        ledger = Ledger()
        ledger.update(added.filter(revision=0).exclude(pk__in=covers), status=Judgement.REJECTED)
        if not ledger.groups and covers:
            raise CannotUndo(
                _("This picture has become the cover of its person. Choose another cover first.")
            )
    if not ledger.groups:
        raise CannotUndo(later_decision(event))
    followup.after(ledger)
    return {"rows": ledger.groups}


def _added(
    user: User | None, person: Person, received: storage.Received, name: str, source: str, status: str
) -> AddedReference:
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
        record(
            user,
            "reference.add",
            reference,
            {"person": person.name, "person_id": person.pk},
            undo={"reference": reference.pk},
            subjects={"person": [person.pk]},
        )
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
def judge(user: User, references: Iterable[Reference], status: str, batch: uuid.UUID | None = None) -> int:
    """Approve, reject or set back to pending; the number of references it changed."""
    ledger = Ledger()
    for some in chunks(_ids(references)):
        outdated.hold(some)
        ledger.update(Reference.objects.filter(pk__in=some).exclude(status=status), status=status)
    return _recorded(user, f"reference.{status}", ledger, {}, batch)


@transaction.atomic
def move(user: User, references: Iterable[Reference], person: Person, batch: uuid.UUID | None = None) -> int:
    """Give the references to another person."""
    ledger = Ledger()
    for some in chunks(_ids(references)):
        outdated.hold(some)
        moving = Reference.objects.filter(pk__in=some).exclude(person=person)
        ledger.update(Person.objects.filter(cover__in=moving), cover=None)
        ledger.update(moving, person=person)
    return _recorded(user, "reference.move", ledger, {"person": person.name, "person_id": person.pk}, batch)


def _ids(references: Iterable[Reference]) -> list[int]:
    return sorted({reference.pk for reference in references})


def _recorded(
    user: User, verb: str, ledger: Ledger, summary: dict[str, object], batch: uuid.UUID | None
) -> int:
    changed = ledger.touched("reference")
    if changed:
        followup.after(ledger)
        persons = {
            pk
            for some in chunks(changed)
            for pk in Reference.objects.filter(pk__in=some).values_list("person_id", flat=True)
        }
        subjects = {"reference": changed, "person": persons}
        summary = {"count": len(changed), **summary}
        record(user, verb, None, summary, undo=ledger, batch=batch, subjects=subjects)
    return len(changed)


@transaction.atomic
def embed_again(user: User, references: QuerySet[Reference], batch: uuid.UUID | None = None) -> int:
    """Have the worker make their vectors anew; until then the ones they have are searched. How many will be.

    Taken back, those that have not been begun no longer wait, and are as they were: done, or failed with its reason.
    """
    ledger = Ledger()
    wait_again(ledger, references)
    return _recorded(user, "reference.embed", ledger, {}, batch)
