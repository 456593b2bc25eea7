"""Drafts: which rows, what is to be done to them, and how they were when somebody looked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Model, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import BulkAct, Person, Reference, User
from gallery.queries import among
from gallery.services.errors import Refused

Kind = BulkAct.Kind
OF_PEOPLE = {Kind.HIDE, Kind.SHOW, Kind.MERGE}
OF_REFERENCES = {Kind.APPROVE, Kind.REJECT, Kind.PENDING, Kind.MOVE}
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
        revisions=revisions(kind, chosen),
    )


def revisions(kind: str, ids: list[int]) -> int:
    """A number that changes when one of the rows does, or is no more."""
    model: type[Model] = Person if kind in OF_PEOPLE else Reference
    rows = model._default_manager.filter(pk__in=among(ids))
    return (rows.aggregate(all=Sum("revision"))["all"] or 0) + rows.count()


def forget_drafts() -> int:
    """Remove what was looked at and never started."""
    old = timezone.now() - timedelta(days=DRAFT_DAYS)
    return BulkAct.objects.filter(confirmed_at__isnull=True, made_at__lt=old).delete()[0]
