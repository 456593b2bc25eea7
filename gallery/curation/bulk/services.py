"""Bulk acts:

looked at as a draft, started, done in parts, stopped, resumed, undone as one.

A small act is done at once, a larger one part by part in the worker. Each part is one transaction with an
event of its own that carries the act's `batch`. The act has one event, whose undo takes back the events of
its parts, the newest first, as a bulk act of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict
from gallery.curation.bulk.actions import PART_RUNNERS
from gallery.curation.bulk.plan import BulkKind, get_part_sizes, get_row_revisions
from gallery.history.changeset import record_event
from gallery.jobs import dispatch
from gallery.jobs.leases import LeaseLost, claim_row, enqueue_rows, extend_lease, finish_row, hold_lease
from gallery.models import Album, BulkAct, Event, Person, Photo, Status, User
from gallery.models.curation import PHOTO_ACT_KINDS, get_confirmed_acts
from gallery.models.querysets import among_ids
from gallery.people.selectors import find_person_by_name
from gallery.people.services import create_person
from gallery.photos.albums import create_album

MAX_KEPT_REFUSALS = 20  # sentences on what was refused


@transaction.atomic
def start_bulk_act(user: User, act: BulkAct, *, name: str = "", target: int | None = None) -> BulkAct:
    """Do what was looked at. `name`: whose the references are to be, or of a new album; `target`: who stays of the
    merged, or the album.

    Changed, if one of the rows is not as it was then; what is shown next is up to date.
    """
    held = BulkAct.objects.select_for_update().get(pk=act.pk)
    if not held.is_draft:
        raise ActionRefused(_("This has been started already."))
    _set_act_target(user, held, name, target)
    held.by, held.confirmed_at, held.queued_at = user, timezone.now(), timezone.now()
    held.event = record_event(
        user,
        f"bulk.{held.kind}",
        held,
        _summarise_act(held),
        undo={"act": held.pk},
        subjects={"person": [held.person] if held.person else [], "album": _list_limited_albums(held)},
    )
    held.save()
    run_or_queue_act(held)
    return held


def check_rows_unchanged(act: BulkAct) -> None:
    """Changed, once, if the rows are not as they were when the act was looked at."""
    now = get_row_revisions(act.kind, act.ids)
    if now != act.seen:
        BulkAct.objects.filter(pk=act.pk).update(seen=now)
        raise EditConflict(
            _(
                "Somebody has changed some of these since the page was made. Nothing was changed by you: "
                "the figures below are new, look again."
            )
        )


def _set_act_target(user: User, act: BulkAct, name: str, target: int | None) -> None:
    if act.kind == BulkKind.MOVE:
        person = find_person_by_name(name)
        if person is None:
            person = create_person(user, name)
            Event.objects.filter(verb="person.create", object_id=person.pk).update(batch=act.batch)
        act.person = person.pk
    if act.kind == BulkKind.MERGE:
        if target not in act.ids:
            raise ActionRefused(_("Choose who they all are."))
        act.person = target
        act.seen = [number for pk, number in zip(act.ids, act.seen, strict=True) if pk != target]
        act.ids = [pk for pk in act.ids if pk != target]
        act.total = len(act.ids)
    if act.kind == BulkKind.ALBUM:
        act.album = _get_or_create_album(user, act, name, target).pk


def _get_or_create_album(user: User, act: BulkAct, name: str, target: int | None) -> Album:
    """The one that was chosen, or a new one of this name."""
    if not target and name.strip():
        album = create_album(user, name)
        Event.objects.filter(verb="album.create", object_id=album.pk).update(batch=act.batch)
        return album
    found = Album.objects.visible_to(user).filter(pk=target or 0).first()
    if found is None:
        raise ActionRefused(_("Choose an album, or write the name of a new one."))
    return found


def _summarise_act(act: BulkAct) -> dict[str, Any]:
    """What the history says of it; the count grows with the parts."""
    found = {"count": act.changed, "total": act.total}
    if act.album:
        album = Album.objects.filter(pk=act.album).first()
        return found | {"album": album.name if album else ""}
    person = Person.objects.filter(pk=act.person or 0).first()
    return found | ({"person": person.name, "person_id": person.pk} if person else {})


def _list_limited_albums(act: BulkAct) -> list[int]:
    """Whom the act's line in the history is for: with the albums that only some may see."""
    if act.kind not in PHOTO_ACT_KINDS:
        return []
    photos = Photo.objects.filter(pk__in=among_ids(act.ids), album__is_limited=True)
    found = photos.order_by().values_list("album_id", flat=True).distinct()
    return [pk for pk in (*found, act.album) if pk]


def run_or_queue_act(act: BulkAct) -> None:
    """At once, in the caller's transaction, or in the worker."""
    if act.total > get_part_sizes(act.kind)[1]:
        dispatch.send_task("run_bulk", act.pk)
        return
    while act.done < act.total:
        _run_next_part(act)
    act.work, act.finished_at = Status.DONE, timezone.now()
    act.ids, act.rows, act.seen = [], [], []
    act.save()


def run_bulk_act(pk: int) -> bool:
    """Claim the act and do its parts until it is done or is to stop; False if it is not ours to do."""
    act = claim_row(get_confirmed_acts(), pk)
    if act is None:
        return False
    with hold_lease(act):
        try:
            _run_all_parts(act)
        except ActionRefused as error:
            finish_row(act, Status.FAILED, error)
        except LeaseLost:
            pass  # another worker has it
    return True


def _run_all_parts(act: BulkAct) -> None:
    while act.done < act.total:
        if BulkAct.objects.filter(pk=act.pk, is_stop_wanted=True).exists():
            finish_row(act, Status.CANCELLED)
            return
        with transaction.atomic():
            extend_lease(act)
            _run_next_part(act)
    with transaction.atomic():
        finish_row(act, Status.DONE)
        BulkAct.objects.filter(pk=act.pk).update(ids=[], rows=[], seen=[])


def _run_next_part(act: BulkAct) -> None:
    if act.by is None:
        raise ActionRefused(_("Whoever asked for this is no longer here."))
    ids = act.ids[act.done : act.done + get_part_sizes(act.kind)[0]]
    theirs = _find_changed_rows(act, ids)
    outcome = PART_RUNNERS[act.kind](act, act.by, [pk for pk in ids if pk not in theirs])
    act.done += len(ids)
    act.changed += outcome.changed
    act.left += len(theirs)
    act.refused = (act.refused + outcome.refused)[:MAX_KEPT_REFUSALS]
    act.save(update_fields=["done", "changed", "left", "refused"])
    if act.event is not None and act.kind != BulkKind.UNDO:
        Event.objects.filter(pk=act.event.pk).exclude(summary={}).update(summary=_summarise_act(act))


def _find_changed_rows(act: BulkAct, ids: Sequence[int]) -> set[int]:
    """Rows that somebody has changed, or erased, since they were looked at: what they are now stands."""
    seen = act.seen[act.done : act.done + len(ids)]
    if len(seen) != len(ids):
        return set()
    now = get_row_revisions(act.kind, ids, is_held=True)
    return {pk for pk, before, after in zip(ids, seen, now, strict=True) if before != after}


def stop_bulk_act(act: BulkAct) -> None:
    """The part that runs is finished, the rest is not begun."""
    BulkAct.objects.filter(pk=act.pk).update(is_stop_wanted=True)
    waiting = get_confirmed_acts().filter(pk=act.pk, work=Status.QUEUED)
    waiting.update(work=Status.CANCELLED, finished_at=timezone.now())


@transaction.atomic
def resume_bulk_act(act: BulkAct) -> None:
    """Go on where it stopped."""
    held = BulkAct.objects.select_for_update(of=("self",)).select_related("event").get(pk=act.pk)
    is_undone = held.event is not None and held.event.undone_at is not None
    if is_undone and held.kind != BulkKind.UNDO:
        raise ActionRefused(_("What was done of this has been undone. Choose the rows anew."))
    if held.is_stopped:
        held.is_stop_wanted = False
        held.save(update_fields=["is_stop_wanted"])
        enqueue_rows(get_confirmed_acts().filter(pk=held.pk))
        dispatch.send_task("run_bulk", held.pk)


def undo_bulk_act(user: User, event: Event) -> dict[str, int]:
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
        kind=BulkKind.UNDO,
        ids=ids,
        total=len(ids),
        by=user,
        confirmed_at=now,
        queued_at=now,
        back=act.back,
        event=event,
    )
    run_or_queue_act(undoing)
    if undoing.refused and not undoing.changed:
        raise CannotUndo(undoing.refused[0])
    return {"act": undoing.pk}


def get_act_event(act: BulkAct) -> Event | None:
    """The event that undoes the act; that of an undo is written by the history, and `event` is what it undoes."""
    if act.kind != BulkKind.UNDO:
        return act.event
    return Event.objects.filter(object_type="bulkact", undo__act=act.pk).first()
