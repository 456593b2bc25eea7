"""What one part of each kind of bulk act does; called in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.curation.bulk.plan import BulkKind
from gallery.history.undo import undo_events
from gallery.models import Album, BulkAct, Event, Person, Photo, Reference, User
from gallery.people.member_lists import import_people_rows
from gallery.people.references import embed_references_again, judge_references, move_references
from gallery.people.services import merge_people, set_people_hidden
from gallery.photos.services import (
    put_photos_in_album,
    restore_photos,
    retry_photos,
    set_photos_recognition,
    trash_photos,
)

JUDGEMENT_BY_KIND = {
    BulkKind.APPROVE: Reference.Judgement.APPROVED,
    BulkKind.REJECT: Reference.Judgement.REJECTED,
    BulkKind.PENDING: Reference.Judgement.PENDING,
}


@dataclass(frozen=True, slots=True)
class PartOutcome:
    changed: int = 0
    refused: list[str] = field(default_factory=list)  # sentences on what was left as it was


def run_judge_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    rows = Reference.objects.filter(pk__in=ids)
    return PartOutcome(judge_references(user, rows, JUDGEMENT_BY_KIND[BulkKind(act.kind)], act.batch))


def run_move_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    person = Person.objects.filter(pk=act.person or 0).first()
    if person is None:
        raise ActionRefused(_("The person they were to go to is no longer there."))
    return PartOutcome(move_references(user, Reference.objects.filter(pk__in=ids), person, act.batch))


def run_embed_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    return PartOutcome(embed_references_again(user, Reference.objects.filter(pk__in=ids), act.batch))


def _get_viewable_photos(user: User, ids: Sequence[int]) -> list[Photo]:
    return list(Photo.objects.viewable_by(user).filter(pk__in=ids))


def _build_outcome(event: Event | None) -> PartOutcome:
    return PartOutcome(int(event.summary["count"]) if event else 0)


def run_process_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    return _build_outcome(retry_photos(user, _get_viewable_photos(user, ids), act.batch))


def run_recognition_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    return _build_outcome(
        set_photos_recognition(
            user, _get_viewable_photos(user, ids), act.kind == BulkKind.RECOGNISE, act.batch
        )
    )


def run_album_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    album = None
    if act.kind == BulkKind.ALBUM:
        album = (
            Album.objects.visible_to(user).select_for_update(of=("self",)).filter(pk=act.album or 0).first()
        )
        if album is None:
            raise ActionRefused(_("The album they were to go to is no longer there."))
    return _build_outcome(put_photos_in_album(user, _get_viewable_photos(user, ids), album, act.batch))


def run_trash_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    does = trash_photos if act.kind == BulkKind.TRASH else restore_photos
    return _build_outcome(does(user, _get_viewable_photos(user, ids), act.batch))


def run_hide_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    return PartOutcome(set_people_hidden(user, ids, act.kind == BulkKind.HIDE, act.batch))


def run_merge_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    """Each of these, but for the one that stays, becomes that one."""
    target = Person.objects.filter(pk=act.person or 0).first()
    if target is None:
        raise ActionRefused(_("The person they were to become is no longer there."))
    refused, changed = [], 0
    for source in Person.objects.filter(pk__in=ids).exclude(pk=target.pk):
        try:
            event = merge_people(user, source, target)
        except ActionRefused as error:
            refused.append(str(error))
        else:
            _add_event_to_batch(act, event)
            changed += 1
    return PartOutcome(changed, refused)


def run_import_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    """These lines of a file of people."""
    return PartOutcome(*import_people_rows(user, [act.rows[number] for number in ids], act.batch))


def run_undo_part(act: BulkAct, user: User, ids: Sequence[int]) -> PartOutcome:
    """Undo these events; what was changed since stands."""
    refused, changed = [], 0
    for event in Event.objects.filter(pk__in=ids).order_by("-pk"):
        try:
            with transaction.atomic():
                (done,) = undo_events(user, event)
        except ActionRefused as error:
            refused.append(str(error))
        else:
            _add_event_to_batch(act, done)
            changed += max(int(event.summary.get("count", 1)) - int(done.summary.get("left") or 0), 0)
    return PartOutcome(changed, refused)


def _add_event_to_batch(act: BulkAct, event: Event) -> None:
    event.batch = act.batch
    event.save(update_fields=["batch"])


PART_RUNNERS: dict[str, Callable[[BulkAct, User, Sequence[int]], PartOutcome]] = {
    BulkKind.APPROVE: run_judge_part,
    BulkKind.REJECT: run_judge_part,
    BulkKind.PENDING: run_judge_part,
    BulkKind.MOVE: run_move_part,
    BulkKind.HIDE: run_hide_part,
    BulkKind.SHOW: run_hide_part,
    BulkKind.MERGE: run_merge_part,
    BulkKind.EMBED: run_embed_part,
    BulkKind.PROCESS: run_process_part,
    BulkKind.STOP_RECOGNISING: run_recognition_part,
    BulkKind.RECOGNISE: run_recognition_part,
    BulkKind.ALBUM: run_album_part,
    BulkKind.NO_ALBUM: run_album_part,
    BulkKind.TRASH: run_trash_part,
    BulkKind.RESTORE: run_trash_part,
    BulkKind.IMPORT: run_import_part,
    BulkKind.UNDO: run_undo_part,
}
