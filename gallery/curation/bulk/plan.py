"""Drafts of bulk acts: which rows, what is to be done to them, and how they were when somebody looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.core.exceptions import ActionRefused
from gallery.models import BulkAct, Person, Photo, Reference, User
from gallery.models.curation import PHOTO_ACT_KINDS
from gallery.models.querysets import among_ids

BulkKind = BulkAct.Kind
PEOPLE_KINDS = {BulkKind.HIDE, BulkKind.SHOW, BulkKind.MERGE}
REFERENCE_KINDS = {BulkKind.APPROVE, BulkKind.REJECT, BulkKind.PENDING, BulkKind.MOVE, BulkKind.EMBED}
DRAFT_DAYS = 1
MAX_MERGED_PEOPLE = 50

# rows in one transaction, and how many are done in the request that starts the act
PART_SIZES = {BulkKind.MERGE: (1, 20), BulkKind.UNDO: (1, 10), BulkKind.IMPORT: (200, 200)}


def get_part_sizes(kind: str) -> tuple[int, int]:
    return PART_SIZES.get(BulkKind(kind), (500, 500))


def create_bulk_draft(user: User, kind: str, ids: Iterable[int], back: str = "") -> BulkAct:
    """An act to be looked at; nothing is changed by it."""
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


def get_act_model(kind: str) -> type[Model] | None:
    """Whose ids the act holds; None for lines of a file and events, which nobody changes meanwhile."""
    if kind in PEOPLE_KINDS:
        return Person
    if kind in PHOTO_ACT_KINDS:
        return Photo
    return Reference if kind in REFERENCE_KINDS else None


def get_row_revisions(kind: str, ids: Sequence[int], *, is_held: bool = False) -> list[int | None]:
    """The revision of each row, None where it is no more; `is_held`: the rows are locked for the transaction."""
    model = get_act_model(kind)
    if model is None:
        return []
    rows = model._default_manager.filter(pk__in=among_ids(ids)).order_by()
    if is_held:
        rows = rows.select_for_update().order_by("pk")  # as all hold them who hold several
    found = dict(rows.values_list("pk", "revision"))
    return [found.get(pk) for pk in ids]


def delete_bulk_drafts() -> int:
    """Remove what was looked at and never started."""
    old = timezone.now() - timedelta(days=DRAFT_DAYS)
    return BulkAct.objects.filter(confirmed_at__isnull=True, made_at__lt=old).delete()[0]
