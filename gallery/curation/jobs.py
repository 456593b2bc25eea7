"""This room's kinds of job. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from gallery.jobs.registry import JobKind, SiteJobKind, TaskKind
from gallery.jobs.services import request_job
from gallery.models import BulkAct, User
from gallery.models.curation import get_confirmed_acts

GALLERY_CHECK_JOB = "check_gallery"


def request_gallery_check(user: User | None = None) -> None:
    """Have the gallery checked by the worker."""
    request_job(GALLERY_CHECK_JOB, user)


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
    TaskKind(task="measure_gallery", doing=_("measuring the gallery")),
)
