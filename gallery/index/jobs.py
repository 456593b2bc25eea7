"""This room's kinds of job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from gallery.index.services import VERIFY_INDEX_JOB, request_rebuild, request_verification
from gallery.jobs.registry import JobKind, SiteJobKind, TaskKind
from gallery.models import Build, Status, User


def _get_recent_failures() -> Any:
    """Builds that failed since the last that did not: what a later one made good is history."""
    done = Build.objects.filter(work=Status.DONE).order_by("-pk").values("pk")[:1]
    return Build.objects.filter(work=Status.FAILED, pk__gt=Coalesce(Subquery(done), 0))


def _retry_builds(user: User, ids: Sequence[int]) -> int:
    """A failed build is not run again: a new one holds what has changed since."""
    request_rebuild(user)
    return 1


JOBS = (
    JobKind(
        name="build",
        title=_("Index builds"),
        model=Build,
        task="run_build",
        rows=lambda user: Build.objects.all(),
        label=lambda build: _now("build %(pk)s") % {"pk": build.pk},
        url=lambda build: reverse("build", args=(build.pk,)),
        list_url="builds",
        batch=1,
        failed=_get_recent_failures,
        retry=_retry_builds,
    ),
    SiteJobKind(
        task=VERIFY_INDEX_JOB,
        title=_("Verifying the index"),
        doing=_("verifying the index"),
        request=request_verification,
    ),
    TaskKind(task="write_index_changes", doing=_("writing changes to the index")),
    TaskKind(task="roll_back", doing=_("going back to the build before")),
)
