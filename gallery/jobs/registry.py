"""The kinds of job: each room declares its own in jobs.py, and `GalleryConfig.ready` registers them in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.jobs.leases import list_claimable_ids
from gallery.models import User
from gallery.models.base import Work

Text = str | Promise
TRY_AGAIN = _("Try again. If it fails again, the worker's log says more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKind:
    """A task without a job of its own: the sweep, a service or another task sends it."""

    task: str
    doing: Text = ""  # shown on the jobs page for a process that runs it and holds no row


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind(TaskKind):
    """Jobs carried by the rows of one model; the task works on one row."""

    name: str
    title: Text
    model: type[Work]
    rows: Callable[[User], QuerySet[Any]]  # those that a user may see
    label: Callable[[Any], str]
    url: Callable[[Any], str]  # of the page about one row
    columns: tuple[str, ...] = ()  # all that `label` and `url` read, for models with wide rows
    list_url: str = ""  # name of the page that lists them
    waiting: Callable[[], QuerySet[Any]] | None = None  # those that may be started, if not all
    batch: int = 50  # most sent by one sweep
    can_wait: bool = False  # waiting rows can be set aside and queued again
    failed: Callable[[], QuerySet[Any]] | None = None  # failures that still matter, if not all
    retry: Callable[[User, Sequence[int]], int] | None = None  # instead of queueing the row again
    remedy: Text = ""  # if it does not depend on the failure

    def list_due(self) -> list[int]:
        """Ids of rows that are waiting and may be started, oldest first."""
        return list_claimable_ids(
            self.waiting() if self.waiting else self.model._default_manager.all(), self.batch
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteJobKind(TaskKind):
    """A job about the whole site; its state is the `Job` row with the name of its task."""

    title: Text
    request: Callable[[User], None]
    list_url: str = ""  # name of the page about it
    is_for_administrators: bool = False
    remedy: Text = TRY_AGAIN
    # A problem in its result that somebody must deal with, though it did not fail
    find_problem: Callable[[Mapping[str, Any]], str] = lambda result: ""
    problem_remedy: Text = ""


JOB_KINDS: dict[str, JobKind] = {}
SITE_JOB_KINDS: dict[str, SiteJobKind] = {}
TASK_KINDS: dict[str, TaskKind] = {}  # every kind, by the name of its task


def register_jobs(*kinds: TaskKind) -> None:
    for kind in kinds:
        TASK_KINDS[kind.task] = kind
        if isinstance(kind, JobKind):
            JOB_KINDS[kind.name] = kind
        elif isinstance(kind, SiteJobKind):
            SITE_JOB_KINDS[kind.task] = kind
