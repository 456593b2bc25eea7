"""This room's kinds of job, what the history says of its acts, and how bulk acts are undone.

Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from gallery.jobs.registry import JobKind, SiteJobKind, TaskKind
from gallery.jobs.services import request_job
from gallery.models import BulkAct, Event, User
from gallery.models.curation import get_confirmed_acts
from gallery.people import names_in_files, references
from gallery.people import services as people
from gallery.photos import membership
from gallery.photos import services as photos

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

GALLERY_CHECK_JOB = "check_gallery"
MEASUREMENT_JOB = "measure_gallery"
TRIAL_TASK = "try_bounds"
BULK_VERBS = [f"bulk.{kind}" for kind in BulkAct.Kind.values]


def request_gallery_check(user: User | None = None) -> None:
    """Have the gallery checked by the worker."""
    request_job(GALLERY_CHECK_JOB, user)


def _describe_bounds(text: StrPromise) -> Callable[[Mapping[str, Any]], str]:
    return lambda summary: text % {"known": f"{float(summary['known'] or 0):.3f}"}


EVENT_DESCRIPTIONS = {
    "calibration.apply": _describe_bounds(_("put measured bounds into force: a name from %(known)s")),
    "calibration.withdraw": _describe_bounds(_("took measured bounds out of force: a name from %(known)s")),
    "calibration.set": _describe_bounds(_("set bounds by hand: a name from %(known)s")),
    "calibration.nearest": _describe_bounds(
        _("let the nearest reference alone decide: a name from %(known)s")
    ),
    "calibration.unset": _describe_bounds(_("took bounds set by hand out of force: a name from %(known)s")),
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
    "bulk.names": names_in_files.EVENT_DESCRIPTIONS[names_in_files.VERB],
    "bulk.process": photos.EVENT_DESCRIPTIONS["photos.retry"],
    "bulk.trash": photos.EVENT_DESCRIPTIONS["photos.trash"],
    "bulk.restore": photos.EVENT_DESCRIPTIONS["photos.restore"],
    "bulk.recognise": photos.EVENT_DESCRIPTIONS["photos.recognise"],
    "bulk.stop_recognising": photos.EVENT_DESCRIPTIONS["photos.stop_recognising"],
    "bulk.album": membership.EVENT_DESCRIPTIONS["photos.album"],
    "bulk.no_album": membership.EVENT_DESCRIPTIONS["photos.leave"],
}


def undo_bulk_act(user: User, event: Event) -> Mapping[str, Any]:
    from gallery.curation import bulk

    return bulk.undo_bulk_act(user, event)


def _resume_bulk_acts(user: User, ids: Sequence[int]) -> int:
    from gallery.curation.bulk import resume_bulk_act

    for act in BulkAct.objects.filter(pk__in=ids):
        resume_bulk_act(act)
    return len(ids)


JOBS = (
    JobKind(
        name="bulk",
        title=_("Bulk actions"),
        model=BulkAct,
        task="run_bulk",
        rows=lambda user: get_confirmed_acts(),
        label=str,
        url=lambda act: reverse("admin:gallery_bulkact_change", args=(act.pk,)),
        waiting=get_confirmed_acts,
        batch=5,
        retry=_resume_bulk_acts,
    ),
    SiteJobKind(
        task=GALLERY_CHECK_JOB,
        title=_("Checking the gallery"),
        doing=_("checking the gallery"),
        request=request_gallery_check,
    ),
    TaskKind(task=MEASUREMENT_JOB, doing=_("measuring the gallery")),
    TaskKind(task=TRIAL_TASK, doing=_("trying bounds")),
)
