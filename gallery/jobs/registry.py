"""The kinds of job: rooms say theirs in their jobs.py, and `GalleryConfig.ready` registers them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class JobKind:
    """Jobs that rows of one model carry."""

    name: str
    title: Text
    model: type[Work]
    task: str  # what is sent to have one row done
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


@dataclass(frozen=True, slots=True)
class SingletonKind:
    """A job without rows: it is about the whole site, and once is enough."""

    name: str  # of its task as well
    title: Text
    request: Callable[[User], None]
    list_url: str = ""  # name of the page that says more
    is_for_administrators: bool = False
    remedy: Text = TRY_AGAIN
    # What somebody must see to though it did not fail, from its result
    find_problem: Callable[[Mapping[str, Any]], str] = lambda result: ""
    problem_remedy: Text = ""


JOB_KINDS: dict[str, JobKind] = {}
SINGLETON_KINDS: dict[str, SingletonKind] = {}
TASK_TITLES: dict[str, Text] = {}  # what a process is doing, for tasks that hold no row


def register_jobs(
    kinds: Iterable[JobKind] = (),
    singletons: Iterable[SingletonKind] = (),
    task_titles: Mapping[str, Text] | None = None,
) -> None:
    JOB_KINDS.update((kind.name, kind) for kind in kinds)
    SINGLETON_KINDS.update((kind.name, kind) for kind in singletons)
    TASK_TITLES.update(task_titles or {})
