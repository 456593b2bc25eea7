"""What a curator does with an item of a worklist: mends it, or says that all is well. All can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, EditConflict
from gallery.curation.findings import WorklistItem, find_worklist_items, get_worklist_rows
from gallery.history.changeset import ChangeSet, find_events_about, record_event
from gallery.history.locking import describe_conflict
from gallery.models import Event, Face, Finding, Person, Reference, User
from gallery.people.references import (
    embed_references_again,
    move_references,
    reject_references,
    use_face_as_reference,
)
from gallery.people.services import get_or_create_person


@dataclass(frozen=True, slots=True)
class ChosenTarget:
    """Whom, or which face, an act is about."""

    name: str = ""
    person: Person | None = None
    face: Face | None = None


WorklistAct = Callable[[User, WorklistItem, ChosenTarget], Event | None]


@transaction.atomic
def dismiss_findings(user: User, findings: Iterable[Finding]) -> Event:
    """These are all right: later checks do not bring them up again."""
    ledger = ChangeSet()
    found = list(findings)
    done = ledger.update(
        Finding.objects.filter(pk__in=[finding.pk for finding in found], dismissed_at__isnull=True),
        dismissed_at=timezone.now(),
        dismissed_by=user,
    )
    subjects = {
        "person": [finding.person_id for finding in found],
        "reference": [finding.reference_id for finding in found if finding.reference_id],
    }
    return record_event(user, "finding.dismiss", None, {"count": len(done)}, ledger, subjects=subjects)


def resolve_worklist_item(
    user: User, kind: str, pk: int, act: str, chosen: ChosenTarget | None = None
) -> Event | None:
    """Do one act on one thing of a list; Changed, saying who was first, where it is no longer open.

    Raises Refused where the act makes no sense there, and ImageError when a face cannot be cut out.
    """
    if act not in WORKLIST_ACTS:
        raise ActionRefused(_("Choose one of the answers."))
    with transaction.atomic():
        matter = _lock_worklist_item(user, kind, pk)
        if act != "add":
            return WORKLIST_ACTS[act](user, matter, chosen or ChosenTarget())
    return _add_reference(
        user, matter, chosen or ChosenTarget()
    )  # cuts a photo, which must not hold others up


def _lock_worklist_item(user: User, kind: str, pk: int) -> WorklistItem:
    """The matter as it is now, its rows kept from others until the transaction ends."""
    found = find_worklist_items(kind, [pk], user)
    if not found:
        raise EditConflict(_("This is no longer in question: the gallery has been checked again."))
    matter = found[0]
    concerned = [row.pk for row in (matter.reference, matter.other_reference) if row]
    list(Reference.objects.select_for_update(of=("self",)).filter(pk__in=concerned).order_by("pk"))
    list(Person.objects.select_for_update().filter(pk=matter.person.pk))
    if not get_worklist_rows(kind, user).filter(pk=pk).exists():
        raise EditConflict(describe_conflict(*matter.subject))
    return matter


def _keep_as_is(user: User, matter: WorklistItem, chosen: ChosenTarget) -> Event:
    """All is well: it does not come back unless another picture, or another person, is concerned."""
    if matter.finding is not None:
        return dismiss_findings(user, [matter.finding])
    ledger = ChangeSet()
    kept = Finding(kind=matter.kind, person=matter.person, reference=matter.reference, similarity=0)
    kept.dismissed_at, kept.dismissed_by = timezone.now(), user
    ledger.create(kept)
    kind, pk = matter.subject
    subjects = {"person": [matter.person.pk], kind: [pk]}
    return record_event(user, "finding.dismiss", None, {"count": 1}, ledger, subjects=subjects)


def _move_reference(user: User, matter: WorklistItem, chosen: ChosenTarget) -> Event | None:
    """To the person it looks like, or to the one who was named."""
    person = chosen.person or (
        get_or_create_person(user, chosen.name) if chosen.name else matter.other_person
    )
    if person is None or matter.reference is None:
        raise ActionRefused(_("Say whose picture it is."))
    if person.pk == matter.person.pk:
        raise ActionRefused(_("It is filed under that name already."))
    move_references(user, [matter.reference], person)
    return _get_last_event(matter.reference)


def _reject_reference(user: User, matter: WorklistItem, chosen: ChosenTarget) -> Event | None:
    return _reject_single_reference(user, matter.reference)


def _reject_other_reference(user: User, matter: WorklistItem, chosen: ChosenTarget) -> Event | None:
    return _reject_single_reference(user, matter.other_reference)


def _reject_single_reference(user: User, reference: Reference | None) -> Event | None:
    if reference is None:
        raise ActionRefused(_("There is no picture to reject."))
    reject_references(user, [reference])
    return _get_last_event(reference)


def _get_last_event(reference: Reference) -> Event | None:
    return find_events_about("reference", reference.pk).first()


def _embed_reference_again(user: User, matter: WorklistItem, chosen: ChosenTarget) -> Event | None:
    """Have the worker look for the face once more."""
    if matter.reference is None:
        raise ActionRefused(_("There is no picture to look at again."))
    if not embed_references_again(user, Reference.objects.filter(pk=matter.reference.pk)):
        return None  # it waits already
    return _get_last_event(matter.reference)


def _add_reference(user: User, matter: WorklistItem, chosen: ChosenTarget) -> Event | None:
    """One more reference, from a face that people have confirmed."""
    if chosen.face is None or chosen.face.person_id != matter.person.pk:
        raise ActionRefused(_("Choose one of the faces shown."))
    return use_face_as_reference(user, chosen.face)


WORKLIST_ACTS: dict[str, WorklistAct] = {
    "keep": _keep_as_is,
    "move": _move_reference,
    "reject": _reject_reference,
    "first": _reject_other_reference,
    "second": _reject_reference,
    "again": _embed_reference_again,
    "add": _add_reference,
}
