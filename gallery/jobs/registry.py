"""The kinds of job: rooms say theirs in their jobs.py, and `GalleryConfig.ready` registers them in order."""

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
    """A task that belongs to no job: the sweep or another task asks for it."""

    task: str
    doing: Text = ""  # what the jobs page says of a process that runs it and holds no row


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind(TaskKind):
    """Jobs that rows of one model carry; the task does one row."""

    name: str
    title: Text
    model: type[Work]
    rows: Callable[[User], QuerySet[Any]]  # which of them a user may know of
    label: Callable[[Any], str]
    url: Callable[[Any], str]  # of the page that says more about a row
    columns: tuple[str, ...] = ()  # all that the label and the address read, of rows that are wide
    list_url: str = ""  # name of the page with all of them
    waiting: Callable[[], QuerySet[Any]] | None = None  # which of them may be begun, if not all
    batch: int = 50  # of them at one sweep
    can_wait: bool = False  # what waits can be set aside, and queued again
    failed: Callable[[], QuerySet[Any]] | None = None  # which failures still matter, if not all
    retry: Callable[[User, Sequence[int]], int] | None = None  # where trying again is more than waiting again
    remedy: Text = ""  # where it does not depend on the failure

    def list_due(self) -> list[int]:
        """Ids of rows that wait and may be begun, the oldest first."""
        return list_claimable_ids(
            self.waiting() if self.waiting else self.model._default_manager.all(), self.batch
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteJobKind(TaskKind):
    """A job about the whole site: once is enough, and a row of `Job`, named as its task, says how it stands."""

    title: Text
    request: Callable[[User], None]
    list_url: str = ""  # name of the page that says more
    is_for_administrators: bool = False
    remedy: Text = TRY_AGAIN
    # What somebody must see to though it did not fail, from its result
    find_problem: Callable[[Mapping[str, Any]], str] = lambda result: ""
    problem_remedy: Text = ""


JOB_KINDS: dict[str, JobKind] = {}
SITE_JOB_KINDS: dict[str, SiteJobKind] = {}
TASK_KINDS: dict[str, TaskKind] = {}  # all of them, by the names of their tasks


def register_jobs(*kinds: TaskKind) -> None:
    for kind in kinds:
        TASK_KINDS[kind.task] = kind
        if isinstance(kind, JobKind):
            JOB_KINDS[kind.name] = kind
        elif isinstance(kind, SiteJobKind):
            SITE_JOB_KINDS[kind.task] = kind
