"""Bulk acts: previewed as a draft, started, done in parts, stopped, resumed, undone as one.

A small act is done at once, a larger one part by part in the worker. Each part is one transaction with an
event of its own that carries the act's `batch`. The act has one event, whose undo takes back the events of
its parts, the newest first, as a bulk act of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from gallery.core.confirmation import let_confirmed_through
from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict, NameWasErased
from gallery.faces.namesakes import find_person_by_name
from gallery.history.changeset import record_event
from gallery.history.undo import ask_before_undo, undo_events
from gallery.jobs import dispatch
from gallery.jobs.leases import LeaseLost, claim_row, enqueue_rows, extend_lease, finish_row, hold_lease
from gallery.models import Album, BulkAct, Event, Person, Photo, Reference, Status, User
from gallery.models.clock import get_site_time
from gallery.models.curation import PHOTO_ACT_KINDS, get_confirmed_acts
from gallery.models.labels import split_label
from gallery.models.querysets import among_ids
from gallery.people.member_lists import import_people_rows
from gallery.people.names_in_files import take_names
from gallery.people.references import embed_references_again, judge_references, move_references
from gallery.people.services import create_person, merge_people, set_people_hidden
from gallery.photos.albums import create_album
from gallery.photos.membership import list_limiting_albums, put_photos_in_album, take_photos_out
from gallery.photos.services import (
    restore_photos,
    retry_photos,
    set_photos_recognition,
    trash_photos,
)

BulkKind = BulkAct.Kind
JUDGEMENTS: dict[str, Reference.Judgement] = {
    BulkKind.APPROVE: Reference.Judgement.APPROVED,
    BulkKind.REJECT: Reference.Judgement.REJECTED,
    BulkKind.PENDING: Reference.Judgement.PENDING,
}
# Whose ids an act holds; there is none for lines of a file and for events, which nobody changes meanwhile
ACT_MODELS: dict[str, type[Model]] = {
    **dict.fromkeys((BulkKind.HIDE, BulkKind.SHOW, BulkKind.MERGE), Person),
    **dict.fromkeys((*JUDGEMENTS, BulkKind.MOVE, BulkKind.EMBED), Reference),
    **dict.fromkeys(PHOTO_ACT_KINDS, Photo),
}
# rows in one transaction, and how many are done in the request that starts the act
PART_SIZES: dict[str, tuple[int, int]] = {
    BulkKind.MERGE: (1, 20),
    BulkKind.UNDO: (1, 10),
    BulkKind.IMPORT: (200, 200),
    BulkKind.NAMES: (200, 200),
}
DRAFT_DAYS = 1
MAX_MERGED_PEOPLE = 50
MAX_KEPT_REFUSALS = 20  # sentences on what was refused


def get_part_sizes(kind: str) -> tuple[int, int]:
    return PART_SIZES.get(kind, (500, 500))


def create_bulk_draft(user: User, kind: str, ids: Iterable[int], back: str = "") -> BulkAct:
    """Create an act for its preview; nothing is changed yet."""
    chosen = sorted(set(ids))
    if not chosen:
        raise ActionRefused(_("Nothing was chosen."))
    if kind == BulkKind.MERGE and not 2 <= len(chosen) <= MAX_MERGED_PEOPLE:
        raise ActionRefused(
            _("Choose from two to %(most)s people to merge.") % {"most": MAX_MERGED_PEOPLE},
        )
    return BulkAct.objects.create(
        kind=kind,
        ids=chosen,
        total=len(chosen),
        by=user,
        back=back[:1000],
        seen=get_row_revisions(kind, chosen),
    )


def get_row_revisions(kind: str, ids: Sequence[int], *, is_held: bool = False) -> list[int | None]:
    """The revision of each row, None where it is no more; `is_held`: the rows are locked for the transaction."""
    if kind not in ACT_MODELS:
        return []
    rows = ACT_MODELS[kind]._default_manager.filter(pk__in=among_ids(ids)).order_by()
    if is_held:
        rows = rows.select_for_update().order_by("pk")  # the order in which everybody locks several
    found = dict(rows.values_list("pk", "revision"))
    return [found.get(pk) for pk in ids]


def delete_bulk_drafts() -> int:
    """Delete acts that were previewed and never started."""
    old = get_site_time() - timedelta(days=DRAFT_DAYS)
    return BulkAct.objects.filter(confirmed_at__isnull=True, made_at__lt=old).delete()[0]


@transaction.atomic
def start_bulk_act(user: User, act: BulkAct, *, name: str = "", target: int | None = None) -> BulkAct:
    """Start a draft. `name` is of the person who gets the references, or of a new album; `target` is the person who
    stays of those merged, or the album.
    """
    held = BulkAct.objects.select_for_update().get(pk=act.pk)
    if not held.is_draft:
        raise ActionRefused(_("This has been started already."))
    _set_act_target(user, held, name, target)
    held.by, held.confirmed_at, held.queued_at = user, get_site_time(), get_site_time()
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
    """Raise EditConflict, once, if the rows have changed since the preview."""
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
        person = find_person_by_name(name, user)
        if person is None:
            person = create_person(user, split_label(name), is_another=True)
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
        album = Album.objects.visible_to(user).filter(pk=target or 0).first()
        if not target and name.strip():
            album = create_album(user, name)
            Event.objects.filter(verb="album.create", object_id=album.pk).update(batch=act.batch)
        if album is None:
            raise ActionRefused(_("Choose an album, or write the name of a new one."))
        act.album = album.pk


def _summarise_act(act: BulkAct) -> dict[str, Any]:
    """What the history says of it; the count grows with the parts."""
    found = {"count": act.changed, "total": act.total}
    if act.album:
        album = Album.objects.filter(pk=act.album).first()
        return found | {"album": album.name if album else ""}
    person = Person.objects.filter(pk=act.person or 0).first()
    return found | ({"person": person.label, "person_id": person.pk} if person else {})


def _list_limited_albums(act: BulkAct) -> list[int]:
    """Limited albums that the act's line in the history is about, so that only their members see it."""
    if act.is_of_photos:
        found = list_limiting_albums(act.by, among_ids(act.ids))
    elif ACT_MODELS.get(act.kind) is Reference:
        cut = Reference.objects.filter(pk__in=among_ids(act.ids), source_face__isnull=False)
        found = list_limiting_albums(act.by, cut.values("source_face__photo"))
    else:
        return []
    return [pk for pk in (*found, act.album) if pk]


def run_or_queue_act(act: BulkAct) -> None:
    """At once, in the caller's transaction, or in the worker."""
    if act.total > get_part_sizes(act.kind)[1]:
        dispatch.send_task("run_bulk", act.pk)
        return
    while act.done < act.total:
        _run_next_part(act)
    act.work, act.finished_at = Status.DONE, get_site_time()
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
    changed, refused = _change_rows(act, act.by, [pk for pk in ids if pk not in theirs])
    act.done += len(ids)
    act.changed += changed
    act.left += len(theirs)
    act.refused = (act.refused + refused)[:MAX_KEPT_REFUSALS]
    act.save(update_fields=["done", "changed", "left", "refused"])
    if act.event is not None and act.kind != BulkKind.UNDO:
        Event.objects.filter(pk=act.event.pk).exclude(summary={}).update(summary=_summarise_act(act))


def _find_changed_rows(act: BulkAct, ids: Sequence[int]) -> set[int]:
    """Rows that somebody has changed or erased since the preview; they stay as they are now."""
    seen = act.seen[act.done : act.done + len(ids)]
    if len(seen) != len(ids):
        return set()
    now = get_row_revisions(act.kind, ids, is_held=True)
    return {pk for pk, before, after in zip(ids, seen, now, strict=True) if before != after}


def _change_rows(act: BulkAct, user: User, ids: Sequence[int]) -> tuple[int, list[str]]:
    """One part of the act; how many rows it changed, and sentences on what was left as it was."""
    if act.is_of_photos:
        return _change_photos(act, user, ids), []
    if ACT_MODELS.get(act.kind) is Reference:
        return _change_references(act, user, ids), []
    if act.kind == BulkKind.MERGE:
        return _merge_people(act, user, ids)
    if act.kind == BulkKind.IMPORT:
        return import_people_rows(user, [act.rows[number] for number in ids], act.batch)
    if act.kind == BulkKind.NAMES:
        return take_names(user, ids, act.rows, act.batch), []
    if act.kind == BulkKind.UNDO:
        return _undo_parts(act, user, ids)
    return set_people_hidden(user, ids, act.kind == BulkKind.HIDE, act.batch), []


def _change_photos(act: BulkAct, user: User, ids: Sequence[int]) -> int:
    photos = list(Photo.objects.viewable_by(user).filter(pk__in=ids))
    match act.kind:
        case BulkKind.PROCESS:
            event = retry_photos(user, photos, act.batch)
        case BulkKind.TRASH:
            event = trash_photos(user, photos, act.batch)
        case BulkKind.RESTORE:
            event = restore_photos(user, photos, act.batch)
        case BulkKind.NO_ALBUM:
            event = take_photos_out(user, photos, None, act.batch)
        case BulkKind.ALBUM:
            albums = Album.objects.visible_to(user).select_for_update(of=("self",))
            album = albums.filter(pk=act.album or 0).first()
            if album is None:
                raise ActionRefused(_("The album they were to go to is no longer there."))
            with let_confirmed_through():  # the preview has said who sees them from then on
                event = put_photos_in_album(user, photos, album, act.batch)
        case _:
            event = set_photos_recognition(user, photos, act.kind == BulkKind.RECOGNISE, act.batch)
    return int(event.summary["count"]) if event else 0


def _change_references(act: BulkAct, user: User, ids: Sequence[int]) -> int:
    rows = Reference.objects.filter(pk__in=ids)
    if act.kind in JUDGEMENTS:
        return judge_references(user, rows, JUDGEMENTS[act.kind], act.batch)
    if act.kind == BulkKind.EMBED:
        return embed_references_again(user, rows, act.batch)
    person = Person.objects.filter(pk=act.person or 0).first()
    if person is None:
        raise ActionRefused(_("The person they were to go to is no longer there."))
    return move_references(user, rows, person, act.batch)


def _merge_people(act: BulkAct, user: User, ids: Sequence[int]) -> tuple[int, list[str]]:
    """Merge each of these people into the one that stays."""
    target = Person.objects.filter(pk=act.person or 0).first()
    if target is None:
        raise ActionRefused(_("The person they were to become is no longer there."))
    sources = Person.objects.filter(pk__in=ids).exclude(pk=target.pk)
    return _try_each(act, sources, lambda source: (merge_people(user, source, target), 1))


def _undo_parts(act: BulkAct, user: User, ids: Sequence[int]) -> tuple[int, list[str]]:
    """Undo these events; what was changed since stands."""

    def undo_event(event: Event) -> tuple[Event, int]:
        with let_confirmed_through():  # asked about when the undo was begun
            (done,) = undo_events(user, event)
        return done, max(int(event.summary.get("count", 1)) - int(done.summary.get("left") or 0), 0)

    return _try_each(act, Event.objects.filter(pk__in=ids).order_by("-pk"), undo_event)


def _try_each(
    act: BulkAct, rows: QuerySet[Any], change: Callable[[Any], tuple[Event, int]]
) -> tuple[int, list[str]]:
    """Change rows one by one, where one that is refused does not keep the others from it."""
    changed, refused = 0, []
    for row in rows:
        try:
            with transaction.atomic():
                event, number = change(row)
        except (ActionRefused, NameWasErased) as error:
            refused.append(str(error))
            continue
        event.batch = act.batch
        event.save(update_fields=["batch"])
        changed += number
    return changed, refused


def stop_bulk_act(act: BulkAct) -> None:
    """The part that runs is finished, the rest is not begun."""
    BulkAct.objects.filter(pk=act.pk).update(is_stop_wanted=True)
    waiting = get_confirmed_acts().filter(pk=act.pk, work=Status.QUEUED)
    waiting.update(work=Status.CANCELLED, finished_at=get_site_time())


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
    for part in parts:
        ask_before_undo(user, part)
    now = get_site_time()
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
