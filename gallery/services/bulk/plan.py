"""Drafts: which rows, what is to be done to them, and how they were when somebody looked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.compiled import among
from gallery.models import BulkAct, Person, Photo, Reference, User
from gallery.models.bulk import OF_PHOTOS
from gallery.services.errors import Refused

Kind = BulkAct.Kind
OF_PEOPLE = {Kind.HIDE, Kind.SHOW, Kind.MERGE}
OF_REFERENCES = {Kind.APPROVE, Kind.REJECT, Kind.PENDING, Kind.MOVE, Kind.EMBED}
DRAFT_DAYS = 1
MOST_MERGED = 50

# rows in one transaction, and how many are done in the request that starts the act
SIZES = {Kind.MERGE: (1, 20), Kind.UNDO: (1, 10), Kind.IMPORT: (200, 200)}


def sizes(kind: str) -> tuple[int, int]:
    return SIZES.get(Kind(kind), (500, 500))


def draft(user: User, kind: str, ids: Iterable[int], back: str = "") -> BulkAct:
    """An act to be looked at; nothing is changed by it."""
    chosen = sorted(set(ids))
    if not chosen:
        raise Refused(_("Nothing was chosen."))
    if kind == Kind.MERGE and not 2 <= len(chosen) <= MOST_MERGED:
        raise Refused(
            _("Choose from two to %(most)s people to merge.") % {"most": MOST_MERGED},
        )
    return BulkAct.objects.create(
        kind=kind,
        ids=chosen,
        total=len(chosen),
        by=user,
        back=back[:1000],
        seen=revisions(kind, chosen),
    )


def model_of(kind: str) -> type[Model] | None:
    """Whose ids the act holds; None for lines of a file and events, which nobody changes meanwhile."""
    if kind in OF_PEOPLE:
        return Person
    if kind in OF_PHOTOS:
        return Photo
    return Reference if kind in OF_REFERENCES else None


def revisions(kind: str, ids: Sequence[int], *, is_held: bool = False) -> list[int | None]:
    """The revision of each row, None where it is no more; `is_held`: the rows are locked for the transaction."""
    model = model_of(kind)
    if model is None:
        return []
    rows = model._default_manager.filter(pk__in=among(ids)).order_by()
    if is_held:
        rows = rows.select_for_update().order_by("pk")  # as all hold them who hold several
    found = dict(rows.values_list("pk", "revision"))
    return [found.get(pk) for pk in ids]


def forget_drafts() -> int:
    """Remove what was looked at and never started."""
    old = timezone.now() - timedelta(days=DRAFT_DAYS)
    return BulkAct.objects.filter(confirmed_at__isnull=True, made_at__lt=old).delete()[0]
