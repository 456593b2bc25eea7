"""What a curator does with an item of a worklist: mends it, or says that all is well. All can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, EditConflict
from gallery.curation.findings import find_worklist_items, get_worklist_rows
from gallery.history.changeset import ChangeSet, find_events_about, record_event
from gallery.history.locking import describe_conflict
from gallery.models import Event, Face, Finding, Person, Reference, User
from gallery.models.clock import get_site_time
from gallery.people.references import (
    embed_references_again,
    judge_references,
    move_references,
    use_face_as_reference,
)
from gallery.people.services import get_or_create_person


@dataclass(frozen=True, slots=True)
class ChosenTarget:
    """Whom, or which face, an act is about."""

    name: str = ""
    person: Person | None = None
    face: Face | None = None


WorklistAct = Callable[[User, Finding, ChosenTarget], Event | None]


@transaction.atomic
def dismiss_finding(user: User, finding: Finding) -> Event:
    """All is well: it does not come back unless another picture, or another person, is concerned."""
    changes, now = ChangeSet(), get_site_time()
    if finding.pk:
        rows = Finding.objects.filter(pk=finding.pk, dismissed_at__isnull=True)
        changes.update(rows, dismissed_at=now, dismissed_by=user)
    else:
        finding.dismissed_at, finding.dismissed_by = now, user
        changes.create(finding)
    return record_event(
        user,
        "finding.dismiss",
        None,
        {"count": 1},
        changes,
        subjects={"person": [finding.person_id], "reference": [finding.reference_id]},
    )


def resolve_worklist_item(
    user: User, kind: str, pk: int, act: str, chosen: ChosenTarget | None = None
) -> Event | None:
    """Do one act on one item of a list; EditConflict, saying who was first, where it is no longer open.

    Raises ActionRefused where the act makes no sense there, and ImageError when a face cannot be cut out.
    """
    if act not in WORKLIST_ACTS:
        raise ActionRefused(_("Choose one of the answers."))
    chosen = chosen or ChosenTarget()
    with transaction.atomic():
        finding = _lock_worklist_item(user, kind, pk)
        if act != "add":
            return WORKLIST_ACTS[act](user, finding, chosen)
    return _add_reference(user, finding, chosen)  # cuts a photo, which must not hold others up


def _lock_worklist_item(user: User, kind: str, pk: int) -> Finding:
    """The item as it is now, its rows kept from others until the transaction ends."""
    found = find_worklist_items(kind, [pk], user)
    if not found:
        raise EditConflict(_("This is no longer in question: the gallery has been checked again."))
    finding = found[0]
    concerned = [finding.reference_id or 0, finding.other_reference_id or 0]
    people = [finding.person_id, finding.other_person_id or 0]
    list(Person.objects.select_for_update().filter(pk__in=people).order_by("pk"))  # before their references
    list(Reference.objects.select_for_update(of=("self",)).filter(pk__in=concerned).order_by("pk"))
    if not get_worklist_rows(kind, user).filter(pk=pk).exists():
        raise EditConflict(describe_conflict(*finding.subject))
    return finding


def _move_reference(user: User, finding: Finding, chosen: ChosenTarget) -> Event | None:
    """Move it to the person it looks like, or to the one who was named."""
    person = chosen.person or (
        get_or_create_person(user, chosen.name) if chosen.name else finding.other_person
    )
    if person is None or finding.reference is None:
        raise ActionRefused(_("Say whose picture it is."))
    if person.pk == finding.person_id:
        raise ActionRefused(_("It is filed under that name already."))
    move_references(user, [finding.reference], person)
    return _get_last_event(finding.reference)


def _judge_reference(
    user: User, reference: Reference | None, status: str = Reference.Judgement.REJECTED
) -> Event | None:
    if reference is None:
        raise ActionRefused(_("There is no picture to judge."))
    judge_references(user, [reference], status)
    return _get_last_event(reference)


def _embed_reference_again(user: User, finding: Finding, chosen: ChosenTarget) -> Event | None:
    """Have the worker look for the face once more."""
    if finding.reference is None:
        raise ActionRefused(_("There is no picture to look at again."))
    if not embed_references_again(user, Reference.objects.filter(pk=finding.reference.pk)):
        return None  # it waits already
    return _get_last_event(finding.reference)


def _get_last_event(reference: Reference) -> Event | None:
    return find_events_about("reference", reference.pk).first()


def _add_reference(user: User, finding: Finding, chosen: ChosenTarget) -> Event | None:
    """One more reference, from a face that people have confirmed."""
    if chosen.face is None or chosen.face.person_id != finding.person_id:
        raise ActionRefused(_("Choose one of the faces shown."))
    return use_face_as_reference(user, chosen.face)


WORKLIST_ACTS: dict[str, WorklistAct] = {
    "keep": lambda user, finding, chosen: dismiss_finding(user, finding),
    "move": _move_reference,
    "reject": lambda user, finding, chosen: _judge_reference(user, finding.reference),
    "approve": lambda user, finding, chosen: _judge_reference(
        user, finding.reference, Reference.Judgement.APPROVED
    ),
    "first": lambda user, finding, chosen: _judge_reference(user, finding.other_reference),
    "second": lambda user, finding, chosen: _judge_reference(user, finding.reference),
    "again": _embed_reference_again,
    "add": _add_reference,
}
