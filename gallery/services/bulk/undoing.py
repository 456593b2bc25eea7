"""Taking a whole act back, and taking that back: the parts' events, the newest first, as an act of its own."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import BulkAct, Event, User
from gallery.services import history
from gallery.services.bulk.plan import Kind
from gallery.services.bulk.running import go
from gallery.services.errors import CannotUndo

VERBS = [f"bulk.{kind}" for kind in Kind.values]


@history.inverse(*VERBS)
def _take_back(user: User, event: Event) -> dict[str, int]:
    act = BulkAct.objects.filter(pk=(event.undo or {}).get("act", 0)).first()
    if act is None:
        raise CannotUndo(_("This cannot be undone."))
    if act.is_running:
        raise CannotUndo(_("This is still being done. Stop it first, or wait until it is through."))
    parts = Event.objects.filter(batch=act.batch, undone_at__isnull=True, undo__isnull=False)
    ids = list(parts.order_by("-pk").values_list("pk", flat=True))
    if not ids:
        raise CannotUndo(_("There is nothing to undo."))
    now = timezone.now()
    undoing = BulkAct.objects.create(
        kind=Kind.UNDO,
        ids=ids,
        total=len(ids),
        by=user,
        confirmed_at=now,
        queued_at=now,
        back=act.back,
        event=event,
    )
    go(undoing)
    if undoing.refused and not undoing.changed:
        raise CannotUndo(undoing.refused[0])
    return {"act": undoing.pk}


def own_event(act: BulkAct) -> Event | None:
    """The event that undoes the act; that of an undo is written by the history, and `event` is what it undoes."""
    if act.kind != Kind.UNDO:
        return act.event
    return Event.objects.filter(object_type="bulkact", undo__act=act.pk).first()
