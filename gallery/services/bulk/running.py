"""Starting an act, and doing it: at once where it is small, else part by part in the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import queue
from gallery.compiled import among
from gallery.models import Album, BulkAct, Event, Person, Photo, Status, User
from gallery.models.bulk import OF_PHOTOS
from gallery.services import albums, history, people
from gallery.services.bulk.parts import PARTS
from gallery.services.bulk.plan import Kind, revisions, sizes
from gallery.services.errors import Changed, Refused
from gallery.visibility import visible_albums

MOST_SAID = 20  # sentences on what was refused


def confirmed() -> QuerySet[BulkAct]:
    return BulkAct.objects.filter(confirmed_at__isnull=False)


@transaction.atomic
def start(user: User, act: BulkAct, *, name: str = "", target: int | None = None) -> BulkAct:
    """Do what was looked at. `name`: whose the references are to be, or of a new album; `target`: who stays of the
    merged, or the album.

    Changed, if one of the rows is not as it was then; what is shown next is up to date.
    """
    held = BulkAct.objects.select_for_update().get(pk=act.pk)
    if not held.is_draft:
        raise Refused(_("This has been started already."))
    _give_target(user, held, name, target)
    held.by, held.confirmed_at, held.queued_at = user, timezone.now(), timezone.now()
    held.event = history.record(
        user,
        f"bulk.{held.kind}",
        held,
        _summary(held),
        undo={"act": held.pk},
        subjects={"person": [held.person] if held.person else [], "album": _albums(held)},
    )
    held.save()
    go(held)
    return held


def must_be_as_shown(act: BulkAct) -> None:
    """Changed, once, if the rows are not as they were when the act was looked at."""
    now = revisions(act.kind, act.ids)
    if now != act.seen:
        BulkAct.objects.filter(pk=act.pk).update(seen=now)
        raise Changed(
            _(
                "Somebody has changed some of these since the page was made. Nothing was changed by you: "
                "the figures below are new, look again."
            )
        )


def _give_target(user: User, act: BulkAct, name: str, target: int | None) -> None:
    if act.kind == Kind.MOVE:
        person = people.find(name)
        if person is None:
            person = people.create(user, name)
            Event.objects.filter(verb="person.create", object_id=person.pk).update(batch=act.batch)
        act.person = person.pk
    if act.kind == Kind.MERGE:
        if target not in act.ids:
            raise Refused(_("Choose who they all are."))
        act.person = target
        act.seen = [number for pk, number in zip(act.ids, act.seen, strict=True) if pk != target]
        act.ids = [pk for pk in act.ids if pk != target]
        act.total = len(act.ids)
    if act.kind == Kind.ALBUM:
        act.album = _album(user, act, name, target).pk


def _album(user: User, act: BulkAct, name: str, target: int | None) -> Album:
    """The one that was chosen, or a new one of this name."""
    if not target and name.strip():
        album = albums.create(user, name)
        Event.objects.filter(verb="album.create", object_id=album.pk).update(batch=act.batch)
        return album
    found = visible_albums(user).filter(pk=target or 0).first()
    if found is None:
        raise Refused(_("Choose an album, or write the name of a new one."))
    return found


def _summary(act: BulkAct) -> dict[str, Any]:
    """What the history says of it; the count grows with the parts."""
    found = {"count": act.changed, "total": act.total}
    if act.album:
        album = Album.objects.filter(pk=act.album).first()
        return found | {"album": album.name if album else ""}
    person = Person.objects.filter(pk=act.person or 0).first()
    return found | ({"person": person.name, "person_id": person.pk} if person else {})


def _albums(act: BulkAct) -> list[int]:
    """Whom the act's line in the history is for: with the albums that only some may see."""
    if act.kind not in OF_PHOTOS:
        return []
    photos = Photo.objects.filter(pk__in=among(act.ids), album__is_limited=True)
    found = photos.order_by().values_list("album_id", flat=True).distinct()
    return [pk for pk in (*found, act.album) if pk]


def go(act: BulkAct) -> None:
    """At once, in the caller's transaction, or in the worker."""
    if act.total > sizes(act.kind)[1]:
        queue.send("run_bulk", act.pk)
        return
    while act.done < act.total:
        _do_part(act)
    act.work, act.finished_at = Status.DONE, timezone.now()
    act.ids, act.rows, act.seen = [], [], []
    act.save()


def run(pk: int) -> bool:
    """Claim the act and do its parts until it is done or is to stop; False if it is not ours to do."""
    act = queue.claim(confirmed(), pk)
    if act is None:
        return False
    with queue.held(act):
        try:
            _do_all(act)
        except Refused as error:
            queue.finish(act, Status.FAILED, str(error))
        except queue.LeaseLost:
            pass  # another worker has it
    return True


def _do_all(act: BulkAct) -> None:
    while act.done < act.total:
        if BulkAct.objects.filter(pk=act.pk, is_stop_wanted=True).exists():
            queue.finish(act, Status.CANCELLED)
            return
        with transaction.atomic():
            queue.extend(act)
            _do_part(act)
    with transaction.atomic():
        queue.finish(act, Status.DONE)
        BulkAct.objects.filter(pk=act.pk).update(ids=[], rows=[], seen=[])


def _do_part(act: BulkAct) -> None:
    if act.by is None:
        raise Refused(_("Whoever asked for this is no longer here."))
    ids = act.ids[act.done : act.done + sizes(act.kind)[0]]
    theirs = _changed_since(act, ids)
    outcome = PARTS[act.kind](act, act.by, [pk for pk in ids if pk not in theirs])
    act.done += len(ids)
    act.changed += outcome.changed
    act.left += len(theirs)
    act.refused = (act.refused + outcome.refused)[:MOST_SAID]
    act.save(update_fields=["done", "changed", "left", "refused"])
    if act.event is not None and act.kind != Kind.UNDO:
        Event.objects.filter(pk=act.event.pk).exclude(summary={}).update(summary=_summary(act))


def _changed_since(act: BulkAct, ids: Sequence[int]) -> set[int]:
    """Rows that somebody has changed, or erased, since they were looked at: what they are now stands."""
    seen = act.seen[act.done : act.done + len(ids)]
    if len(seen) != len(ids):
        return set()
    now = revisions(act.kind, ids, is_held=True)
    return {pk for pk, before, after in zip(ids, seen, now, strict=True) if before != after}


def stop(act: BulkAct) -> None:
    """The part that runs is finished, the rest is not begun."""
    BulkAct.objects.filter(pk=act.pk).update(is_stop_wanted=True)
    waiting = confirmed().filter(pk=act.pk, work=Status.QUEUED)
    waiting.update(work=Status.CANCELLED, finished_at=timezone.now())


@transaction.atomic
def resume(act: BulkAct) -> None:
    """Go on where it stopped."""
    held = BulkAct.objects.select_for_update(of=("self",)).select_related("event").get(pk=act.pk)
    is_undone = held.event is not None and held.event.undone_at is not None
    if is_undone and held.kind != Kind.UNDO:
        raise Refused(_("What was done of this has been undone. Choose the rows anew."))
    if held.is_stopped:
        held.is_stop_wanted = False
        held.save(update_fields=["is_stop_wanted"])
        queue.enqueue(confirmed().filter(pk=held.pk))
        queue.send("run_bulk", held.pk)
