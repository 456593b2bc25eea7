"""Which findings hold after an act; what bulk acts are called, and how they are taken back.

Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Case, OuterRef, Q, Subquery, Value, When
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from gallery.history.changeset import ChangeSet, split_into_chunks
from gallery.history.locking import lock_references
from gallery.models import BulkAct, Event, Finding, Reference, User
from gallery.people import references
from gallery.people import services as people
from gallery.photos import albums
from gallery.photos import services as photos

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

BULK_VERBS = [f"bulk.{kind}" for kind in BulkAct.Kind.values]


def _describe_bounds(text: StrPromise) -> Callable[[Mapping[str, Any]], str]:
    return lambda summary: text % {"known": f"{float(summary['known'] or 0):.3f}"}


EVENT_DESCRIPTIONS = {
    "calibration.apply": _describe_bounds(_("put measured bounds into force: a name from %(known)s")),
    "calibration.withdraw": _describe_bounds(_("took measured bounds out of force: a name from %(known)s")),
    "finding.dismiss": ngettext_lazy(
        "said that %(count)s finding is all right", "said that %(count)s findings are all right", "count"
    ),
    "bulk.approve": references.EVENT_DESCRIPTIONS["reference.approved"],
    "bulk.reject": references.EVENT_DESCRIPTIONS["reference.rejected"],
    "bulk.pending": references.EVENT_DESCRIPTIONS["reference.pending"],
    "bulk.move": references.EVENT_DESCRIPTIONS["reference.move"],
    "bulk.embed": references.EVENT_DESCRIPTIONS["reference.embed"],
    "bulk.hide": people.EVENT_DESCRIPTIONS["people.hide"],
    "bulk.show": people.EVENT_DESCRIPTIONS["people.show"],
    "bulk.import": people.EVENT_DESCRIPTIONS["people.import"],
    "bulk.merge": ngettext_lazy(
        "merged %(count)s person into “%(person)s”", "merged %(count)s people into “%(person)s”", "count"
    ),
    "bulk.process": photos.EVENT_DESCRIPTIONS["photos.retry"],
    "bulk.trash": photos.EVENT_DESCRIPTIONS["photos.trash"],
    "bulk.restore": photos.EVENT_DESCRIPTIONS["photos.restore"],
    "bulk.recognise": photos.EVENT_DESCRIPTIONS["photos.recognise"],
    "bulk.stop_recognising": photos.EVENT_DESCRIPTIONS["photos.stop_recognising"],
    "bulk.album": albums.EVENT_DESCRIPTIONS["photos.album"],
    "bulk.no_album": albums.EVENT_DESCRIPTIONS["photos.album"],
}


def undo_bulk_act(user: User, event: Event) -> Mapping[str, Any]:
    from gallery.curation.bulk import undo_bulk_act

    return undo_bulk_act(user, event)


def mark_touched_findings(changes: ChangeSet) -> None:
    for some in split_into_chunks(changes.list_changed_ids("reference", "person_id", "status")):
        mark_outdated_findings(references=some)
    for some in split_into_chunks(changes.list_written_ids("finding")):
        mark_outdated_findings(findings=some)


def mark_outdated_findings(*, references: Iterable[int] = (), findings: Iterable[int] = ()) -> None:
    """Work out anew for these findings, and for those that name one of these references, whether they hold.

    Call it in the transaction that changes whose a reference is, or how it was judged; for findings that were made
    otherwise, `settle_findings`.
    """
    named = list(references)
    rows = Finding.objects.filter(
        Q(reference__in=named) | Q(other_reference__in=named) | Q(pk__in=list(findings))
    )
    # Held first, so that what is asked then sees what others have just done to the other reference of the same one.
    found = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    holds = _is_still_of_person("reference", "person") & _is_still_of_person(
        "other_reference", "other_person"
    )
    Finding.objects.filter(pk__in=found).update(
        is_outdated=Case(When(holds, then=Value(False)), default=Value(True))
    )


@transaction.atomic
def settle_findings(findings: Sequence[int]) -> None:
    """Work out whether these findings hold. Changes of their references that are not finished are waited for."""
    named = Finding.objects.filter(pk__in=findings).values_list("reference", "other_reference")
    lock_references({pk for both in named for pk in both if pk})
    mark_outdated_findings(findings=findings)


def _is_still_of_person(reference: str, person: str) -> Q:
    """The reference is that person's and searched, where there is one."""
    whose = Reference.objects.approved().filter(pk=OuterRef(reference)).order_by()
    return Q(**{f"{reference}__isnull": True}) | Q(**{person: Subquery(whose.values("person")[:1])})
