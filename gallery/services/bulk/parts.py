"""What one part of each kind of act does; called in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.models import BulkAct, Event, Person, Reference, User
from gallery.services import history, people, references
from gallery.services.bulk.plan import Kind
from gallery.services.errors import Refused
from gallery.services.roster import taking

JUDGED = {
    Kind.APPROVE: Reference.Judgement.APPROVED,
    Kind.REJECT: Reference.Judgement.REJECTED,
    Kind.PENDING: Reference.Judgement.PENDING,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    changed: int = 0
    refused: list[str] = field(default_factory=list)  # sentences on what was left as it was


def judge(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    rows = Reference.objects.filter(pk__in=ids)
    return Outcome(references.judge(user, rows, JUDGED[Kind(act.kind)], act.batch))


def move(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    person = Person.objects.filter(pk=act.person or 0).first()
    if person is None:
        raise Refused(_("The person they were to go to is no longer there."))
    return Outcome(references.move(user, Reference.objects.filter(pk__in=ids), person, act.batch))


def hide(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    return Outcome(people.set_all_hidden(user, ids, act.kind == Kind.HIDE, act.batch))


def merge(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    """Each of these, but for the one that stays, becomes that one."""
    target = Person.objects.filter(pk=act.person or 0).first()
    if target is None:
        raise Refused(_("The person they were to become is no longer there."))
    refused, changed = [], 0
    for source in Person.objects.filter(pk__in=ids).exclude(pk=target.pk):
        try:
            event = people.merge(user, source, target)
        except Refused as error:
            refused.append(str(error))
        else:
            _add_to(act, event)
            changed += 1
    return Outcome(changed, refused)


def take_in(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    """These lines of a file of people."""
    return Outcome(*taking.take_in(user, [act.rows[number] for number in ids], act.batch))


def take_back(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    """Undo these events; what was changed since stands."""
    refused, changed = [], 0
    for event in Event.objects.filter(pk__in=ids).order_by("-pk"):
        try:
            with transaction.atomic():
                (done,) = history.undo(user, event)
        except Refused as error:
            refused.append(str(error))
        else:
            _add_to(act, done)
            changed += max(int(event.summary.get("count", 1)) - int(done.summary.get("left") or 0), 0)
    return Outcome(changed, refused)


def _add_to(act: BulkAct, event: Event) -> None:
    event.batch = act.batch
    event.save(update_fields=["batch"])


PARTS: dict[str, Callable[[BulkAct, User, Sequence[int]], Outcome]] = {
    Kind.APPROVE: judge,
    Kind.REJECT: judge,
    Kind.PENDING: judge,
    Kind.MOVE: move,
    Kind.HIDE: hide,
    Kind.SHOW: hide,
    Kind.MERGE: merge,
    Kind.IMPORT: take_in,
    Kind.UNDO: take_back,
}
