"""Undoing and redoing events, one by one or in batches.

Undo replays an event's groups of rows; for verbs with other undo data the rooms above register a function
(`GalleryConfig.ready`). Undoing is an act with an event of its own, so it can be undone in turn."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.core.exceptions import CannotUndo
from gallery.history.changeset import CHUNK_SIZE, ChangeGroup, ChangeSet, apply_effects, reverse_groups
from gallery.history.erased import ask_about_names
from gallery.history.locking import ERASING, hold_words
from gallery.models import Event, EventSubject, User
from gallery.models.clock import get_site_time

InverseFunction = Callable[[User, Event], Mapping[str, Any] | None]

VERB_UNDO, VERB_REDO = "undo", "redo"
_inverse_functions: dict[str, InverseFunction] = {}


def register_inverse(function: InverseFunction, *verbs: str) -> None:
    """Register how events of these verbs are taken back.

    The function does it and returns what takes *that* back (None: nothing can), which it is handed in turn,
    as the `undo` of an event, when somebody undoes the undoing. It raises CannotUndo, with a
    sentence, where it is not possible; nothing is changed then.
    """
    _inverse_functions.update(dict.fromkeys(verbs, function))


UndoQuestion = Callable[[User, list[ChangeGroup]], None]
_undo_questions: list[UndoQuestion] = []


def register_undo_question(ask: UndoQuestion) -> None:
    """Have this called with who takes these groups back; it raises ConfirmationNeeded to ask first, or CannotUndo."""
    _undo_questions.append(ask)


def ask_before_undo(user: User, event: Event) -> None:
    for ask in _undo_questions:
        ask(user, (event.undo or {}).get("rows", []))


def can_undo(user: User, event: Event) -> bool:
    """People take back their own acts, curators anybody's."""
    is_allowed = user.is_curator or (user.is_contributor and event.actor_id == user.pk)
    return is_allowed and event.undo is not None and event.undone_at is None


def undo_event_as_shown(user: User, event: Event) -> Event:
    """Take back one event that the user was shown: one's own, or as a curator anybody's."""
    if not (user.is_curator or event.actor_id == user.pk):
        raise CannotUndo(_("Only curators undo what somebody else did."))
    return undo_events(user, event)[0]


def undo_events(user: User, what: Event | uuid.UUID) -> list[Event]:
    """Take back one event, or every event of a batch, newest first, in one transaction.

    CannotUndo when that would lose what somebody decided since, or nothing is left to take back.
    """
    with transaction.atomic():
        hold_words(ERASING)
        found = Event.objects.select_for_update().order_by("-pk")
        events = list(found.filter(pk=what.pk) if isinstance(what, Event) else found.filter(batch=what))
        if not events:
            raise CannotUndo(_("There is nothing to undo."))
        return [_undo_event(user, event) for event in events]


def _undo_event(user: User, event: Event) -> Event:
    _check_undoable(event)
    redo, changes = _reverse_event(user, event)
    event.undone_at, event.undone_by = get_site_time(), user
    event.save(update_fields=["undone_at", "undone_by"])
    original = {} if event.verb in (VERB_UNDO, VERB_REDO) else {"verb": event.verb}
    done = Event.objects.create(
        actor=user,
        verb=VERB_REDO if event.verb == VERB_UNDO else VERB_UNDO,
        object_type=event.object_type,
        object_id=event.object_id,
        summary={**original, **event.summary, "event": event.pk, "left": changes.left, **changes.notes},
        undo=redo,
    )
    pairs = event.subjects.values_list("object_type", "object_id")
    subjects = [EventSubject(event=done, object_type=kind, object_id=pk) for kind, pk in pairs]
    EventSubject.objects.bulk_create(subjects, batch_size=CHUNK_SIZE)
    return done


def _check_undoable(event: Event) -> None:
    if event.undone_at is not None:
        who = str(event.undone_by or _("somebody"))
        raise CannotUndo(_("%(who)s has already undone this.") % {"who": who})
    if event.undo is None:
        raise CannotUndo(_("This cannot be undone."))


def _reverse_event(user: User, event: Event) -> tuple[Mapping[str, Any] | None, ChangeSet]:
    verb = str(event.summary.get("verb", "")) if event.verb in (VERB_UNDO, VERB_REDO) else event.verb
    if verb in _inverse_functions:
        return _inverse_functions[verb](user, event), ChangeSet()
    ask_before_undo(user, event)
    changes = reverse_groups((event.undo or {}).get("rows", []))
    if not changes.groups:
        raise CannotUndo(describe_later_change(event))
    ask_about_names(user, changes.groups)
    apply_effects(changes)
    return {"rows": changes.groups}, changes


def describe_later_change(event: Event) -> str:
    """The sentence that says who has changed since what the event did."""
    if _has_requeued_rows(event):
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


def _has_requeued_rows(event: Event) -> bool:
    """Rows were to wait for the worker: that is taken back only for what it has not begun."""
    groups = (event.undo or {}).get("rows", [])
    return any("work" in (group["before"] or {}) and group["after"] for group in groups)
