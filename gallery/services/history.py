"""Who did what, and taking it back.

Every act of a person records one event, in the act's own transaction. Its `undo` says how to take it back:
`{"rows": [...]}` are the groups of a `Ledger`, which this module replays; anything else is for the function
registered for the event's verb with `inverse`. Taking back is an act with an event of its own, so it can be
taken back in turn. Undo does not expire; what cannot come back (an erased person) has no `undo` at all.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import Event, EventSubject, User
from gallery.services import followup
from gallery.services.errors import CannotUndo
from gallery.services.ledger import Ledger, chunks, reverse

Subjects = Mapping[str, Iterable[int]]  # object type -> ids
Inverse = Callable[[User, Event], Mapping[str, Any] | None]

UNDO, REDO = "undo", "redo"
# Acts that let rows wait for the worker: taken back only for what it has not begun.
OF_THE_QUEUE = {"photo.retry", "photos.retry", "reference.embed", "queue.retry"}
# Where functions for undoing are registered; they are loaded when somebody undoes something.
UNDOING = (
    "gallery.services.builds",
    "gallery.services.bulk.undoing",
    "gallery.services.faces.references",
    "gallery.services.jobs",
    "gallery.services.references",
)
_inverses: dict[str, Inverse] = {}


def inverse(*verbs: str) -> Callable[[Inverse], Inverse]:
    """Register how events of these verbs are taken back.

    The function does it and returns what takes *that* back (None: nothing can), which it is handed in turn,
    as the `undo` of an event, when somebody undoes the undoing. It raises CannotUndo, with a
    sentence, where it is not possible; nothing is changed then.
    """

    def register(function: Inverse) -> Inverse:
        _inverses.update(dict.fromkeys(verbs, function))
        return function

    return register


def record(
    user: User | None,
    verb: str,
    obj: Model | None,
    summary: Mapping[str, Any],
    undo: Mapping[str, Any] | Ledger | None = None,
    batch: uuid.UUID | None = None,
    subjects: Subjects | None = None,
) -> Event:
    """Write the event of an act; `subjects` are what it can also be found by, its object aside."""
    event = Event.objects.create(
        actor=user,
        verb=verb,
        object_type=(obj._meta.model_name or "") if obj else "",
        object_id=obj.pk if obj else None,
        summary=dict(summary),
        undo={"rows": undo.groups} if isinstance(undo, Ledger) else undo and dict(undo),
        batch=batch,
    )
    _add_subjects(event, subjects or {})
    return event


def _add_subjects(event: Event, subjects: Subjects) -> None:
    pairs = {(kind, pk) for kind, ids in subjects.items() for pk in ids if pk is not None}
    if event.object_id is not None:
        pairs.add((event.object_type, event.object_id))
    EventSubject.objects.bulk_create(
        (EventSubject(event=event, object_type=kind, object_id=pk) for kind, pk in sorted(pairs)),
        batch_size=200,
    )


def about(object_type: str, object_id: int) -> QuerySet[Event]:
    """Events about one object, the newest first."""
    return Event.objects.filter(subjects__object_type=object_type, subjects__object_id=object_id)


def may_undo(user: User, event: Event) -> bool:
    """People take back their own acts, curators anybody's."""
    is_allowed = user.is_curator or (user.is_contributor and event.actor_id == user.pk)
    return is_allowed and event.undo is not None and event.undone_at is None


def undo(user: User, what: Event | uuid.UUID) -> list[Event]:
    """Take back one event, or every event of a batch, newest first, in one transaction.

    CannotUndo when that would lose what somebody decided since, or nothing is left to take back.
    """
    with transaction.atomic():
        found = Event.objects.select_for_update().order_by("-pk")
        events = list(found.filter(pk=what.pk) if isinstance(what, Event) else found.filter(batch=what))
        if not events:
            raise CannotUndo(_("There is nothing to undo."))
        return [_undo_one(user, event) for event in events]


def _undo_one(user: User, event: Event) -> Event:
    _must_be_undoable(event)
    redo, left = _take_back(user, event)
    event.undone_at, event.undone_by = timezone.now(), user
    event.save(update_fields=["undone_at", "undone_by"])
    done = Event.objects.create(
        actor=user,
        verb=REDO if event.verb == UNDO else UNDO,
        object_type=event.object_type,
        object_id=event.object_id,
        summary={**_original(event), "event": event.pk, "left": left, **_veiled(redo)},
        undo=redo,
    )
    _copy_subjects(event, done)
    return done


def _veiled(redo: Mapping[str, Any] | None) -> dict[str, list[int]]:
    """Faces that taking the act back hid in what is shared, or showed again: see `withdrawing`."""
    rows = list((redo or {}).get("rows", []))
    veiled = Ledger(rows).changed("face", "is_veiled")
    return {"veiled": veiled} if veiled else {}


def _must_be_undoable(event: Event) -> None:
    if event.undone_at is not None:
        who = str(event.undone_by or _("somebody"))
        raise CannotUndo(_("%(who)s has already undone this.") % {"who": who})
    if event.undo is None:
        raise CannotUndo(_("This cannot be undone."))


def _take_back(user: User, event: Event) -> tuple[Mapping[str, Any] | None, int]:
    verb = str(event.summary.get("verb", "")) if event.verb in (UNDO, REDO) else event.verb
    for module in UNDOING:
        import_module(module)
    if verb in _inverses:
        return _inverses[verb](user, event), 0
    ledger = reverse((event.undo or {}).get("rows", []))
    if not ledger.groups:
        raise CannotUndo(later_decision(event))
    followup.after(ledger)
    return {"rows": ledger.groups}, ledger.left


def later_decision(event: Event) -> str:
    """The sentence that says who has changed since what the event did."""
    if event.summary.get("verb", event.verb) in OF_THE_QUEUE:
        return _(
            "The worker has begun or done all of this since, so nothing is left to take out of the queue."
        )
    ids: dict[str, list[int]] = defaultdict(list)
    for kind, pk in event.subjects.values_list("object_type", "object_id"):
        ids[kind].append(pk)
    acted_on = event.verb.partition(".")[0]
    kind = acted_on if acted_on in ids else event.object_type or next(iter(ids), "")
    later = Event.objects.filter(pk__gt=event.pk, subjects__object_type=kind)
    last = later.filter(subjects__object_id__in=ids[kind][:500]).select_related("actor").first()
    if last is None:
        return _("What this changed is no longer there, so it cannot be undone.")
    who = str(last.actor or _("Somebody"))
    return _("%(who)s has changed this since, so it was left as it is now. Undo the later change first.") % {
        "who": who
    }


def _original(event: Event) -> dict[str, Any]:
    return {"verb": event.verb, **event.summary} if event.verb not in (UNDO, REDO) else dict(event.summary)


def _copy_subjects(event: Event, to: Event) -> None:
    pairs = list(event.subjects.values_list("object_type", "object_id"))
    for some in chunks(range(len(pairs))):
        EventSubject.objects.bulk_create(
            EventSubject(event=to, object_type=pairs[row][0], object_id=pairs[row][1]) for row in some
        )
