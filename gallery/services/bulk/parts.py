"""What one part of each kind of act does; called in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.models import BulkAct, Event, Person, Photo, Reference, User
from gallery.services import history, many, people, references
from gallery.services.bulk.plan import Kind
from gallery.services.errors import Refused
from gallery.services.roster import taking
from gallery.visibility import viewable_photos, visible_albums

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


def embed(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    return Outcome(references.embed_again(user, Reference.objects.filter(pk__in=ids), act.batch))


def _photos(user: User, ids: Sequence[int]) -> list[Photo]:
    return list(viewable_photos(user).filter(pk__in=ids))


def _counted(event: Event | None) -> Outcome:
    return Outcome(int(event.summary["count"]) if event else 0)


def process(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    return _counted(many.process(user, _photos(user, ids), act.batch))


def recognise(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    return _counted(many.set_recognised(user, _photos(user, ids), act.kind == Kind.RECOGNISE, act.batch))


def put(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    album = None
    if act.kind == Kind.ALBUM:
        album = visible_albums(user).select_for_update(of=("self",)).filter(pk=act.album or 0).first()
        if album is None:
            raise Refused(_("The album they were to go to is no longer there."))
    return _counted(many.put(user, _photos(user, ids), album, act.batch))


def throw(act: BulkAct, user: User, ids: Sequence[int]) -> Outcome:
    does = many.trash if act.kind == Kind.TRASH else many.restore
    return _counted(does(user, _photos(user, ids), act.batch))


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
    Kind.EMBED: embed,
    Kind.PROCESS: process,
    Kind.STOP_RECOGNISING: recognise,
    Kind.RECOGNISE: recognise,
    Kind.ALBUM: put,
    Kind.NO_ALBUM: put,
    Kind.TRASH: throw,
    Kind.RESTORE: throw,
    Kind.IMPORT: take_in,
    Kind.UNDO: take_back,
}
