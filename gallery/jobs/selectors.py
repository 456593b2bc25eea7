"""What the jobs page shows: counts and lists of jobs, and the processes that work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, QuerySet, Value

from gallery.jobs.heartbeats import get_heartbeat_deadline, get_host_name
from gallery.jobs.hints import suggest_remedy
from gallery.jobs.registry import JOB_KINDS, SINGLETON_KINDS, TASK_TITLES, JobKind, SingletonKind, Text
from gallery.jobs.singletons import list_singletons
from gallery.jobs.timings import estimate_minutes_left
from gallery.models import Photo, Status, User, WorkerBeat
from gallery.models.failures import NO_FAILURE
from gallery.models.history import get_site_setting


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A row that a process holds."""

    label: str
    url: str
    since: datetime | None
    worker: str


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    name: str
    kind: str  # worker or scheduler
    started_at: datetime
    seen_at: datetime
    is_alive: bool
    is_replaced: bool  # it died, and another one on the same machine has started since
    holds: tuple[RunningJob, ...]
    errand: Text
    errand_since: datetime | None

    @property
    def is_missed(self) -> bool:
        """Dead, and nobody has taken its place: somebody must do something."""
        return not self.is_alive and not self.is_replaced


def list_processes(running: Sequence[RunningJob] = ()) -> list[ProcessStatus]:
    """All that were heard of within a day: schedulers last, the dead ones first among their kind."""
    rows = list(WorkerBeat.objects.order_by("-kind", "name"))
    silent = get_heartbeat_deadline()
    found = [_build_process_status(row, rows, running, silent) for row in rows]
    return sorted(found, key=lambda one: (one.kind != "worker", one.is_alive, one.name))


def _build_process_status(
    row: WorkerBeat, rows: Sequence[WorkerBeat], running: Sequence[RunningJob], silent: datetime
) -> ProcessStatus:
    return ProcessStatus(
        row.name,
        row.kind,
        row.started_at,
        row.seen_at,
        is_alive=row.seen_at >= silent,
        is_replaced=any(_has_taken_over(other, row) for other in rows),
        holds=tuple(one for one in running if one.worker == row.name),
        errand=TASK_TITLES.get(row.doing, ""),
        errand_since=row.since,
    )


def _has_taken_over(other: WorkerBeat, row: WorkerBeat) -> bool:
    is_same = other.kind == row.kind and get_host_name(other.name) == get_host_name(row.name)
    return is_same and other.started_at > row.seen_at


# Seconds between two looks of an open page; with heartbeats.DEAD_AFTER, a death is shown within a minute
BUSY_POLL_SECONDS, IDLE_POLL_SECONDS = 5, 25
MAX_SHOWN_JOBS = 20
LISTED_COLUMNS = (*NO_FAILURE, "started_at", "lease_owner")
MAX_NEXT_PHOTOS = 5
UNDONE_STATUSES = (Status.QUEUED, Status.PROCESSING, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How one kind of work stands."""

    kind: JobKind
    waiting: int
    running: int
    failed: int
    aside: int


@dataclass(frozen=True, slots=True)
class FailedJob:
    kind: str
    pk: str
    label: str
    url: str
    reason: str
    remedy: str


def list_next_photos(user: User) -> list[Photo]:
    rows = JOB_KINDS["photo"].rows(user).filter(work=Status.QUEUED)
    return list(rows.order_by(F("queued_at").asc(nulls_first=True), "pk")[:MAX_NEXT_PHOTOS])


def count_jobs_by_kind(user: User) -> list[JobCounts]:
    """How all kinds of work stand; two queries."""
    counts: dict[tuple[str, str], int] = {}
    kinds = [
        kind.rows(user)
        .filter(work__in=UNDONE_STATUSES)
        .order_by()
        .annotate(works=Value(name, CharField()))
        .values_list("works", "work")
        .annotate(number=Count("pk"))
        for name, kind in JOB_KINDS.items()
    ]
    for name, work, number in kinds[0].union(*kinds[1:], all=True):
        counts[name, work] = number
    for name, kind in JOB_KINDS.items():
        if kind.failed and (name, Status.FAILED) in counts:
            counts[name, Status.FAILED] = kind.failed().count()
        if kind.failed:
            counts[name, Status.CANCELLED] = 0  # which nobody can queue again
    return [
        JobCounts(kind, *(counts.get((name, work), 0) for work in UNDONE_STATUSES))
        for name, kind in JOB_KINDS.items()
    ]


def list_running_jobs(user: User, kinds: Sequence[JobKind]) -> list[RunningJob]:
    return [
        RunningJob(kind.label(row), kind.url(row), row.started_at, row.lease_owner)
        for kind in kinds
        for row in _narrow_rows(kind, kind.rows(user).filter(work=Status.PROCESSING)).order_by("started_at")[
            :MAX_SHOWN_JOBS
        ]
    ]


def list_failed_jobs(user: User, kind: JobKind) -> list[FailedJob]:
    rows = kind.failed() if kind.failed else kind.rows(user).filter(work=Status.FAILED)
    return [
        FailedJob(
            kind.name,
            str(row.pk),
            kind.label(row),
            kind.url(row),
            row.failure_text,
            str(kind.remedy or suggest_remedy(row)),
        )
        for row in _narrow_rows(kind, rows).order_by("-pk")[:MAX_SHOWN_JOBS]
    ]


def _narrow_rows(kind: JobKind, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Only what a list shows of them: some rows are wide."""
    if not kind.columns:
        return rows
    related = [column.partition("__")[0] for column in kind.columns if "__" in column]
    rows = rows.select_related(None).only(*LISTED_COLUMNS, *kind.columns)
    return rows.select_related(*related) if related else rows


@dataclass(frozen=True, slots=True)
class FailedSingleton:
    """Its last run failed, or found what somebody must see to."""

    kind: SingletonKind
    failure: str
    remedy: Text


def list_failed_singletons(user: User) -> list[FailedSingleton]:
    """In one query."""
    kinds = [
        kind for kind in SINGLETON_KINDS.values() if user.is_administrator or not kind.is_for_administrators
    ]
    found = []
    for kind, last in zip(kinds, list_singletons([kind.name for kind in kinds]), strict=True):
        if last.failure:
            found.append(FailedSingleton(kind, last.failure, kind.remedy))
        elif problem := kind.find_problem(last.result):
            found.append(FailedSingleton(kind, problem, kind.problem_remedy))
    return found


def is_processing_paused() -> bool:
    """Processing of photos is paused by a curator."""
    return get_site_setting("is_paused", False) is True


@dataclass(frozen=True, slots=True)
class JobsPage:
    lines: list[JobCounts]
    running: list[RunningJob]
    failures: list[FailedJob]
    chores: list[FailedSingleton]  # whose last run failed, or found what somebody must see to
    processes: list[ProcessStatus]
    waiting_photos: list[Photo]  # the next ones
    is_paused: bool
    minutes_left: int | None

    @property
    def orphans(self) -> list[RunningJob]:
        """What is still held by a process that nobody knows any more."""
        known = {one.name for one in self.processes}
        return [one for one in self.running if one.worker not in known]

    @property
    def has_worker(self) -> bool:
        return any(one.is_alive for one in self.processes if one.kind == "worker")

    @property
    def has_scheduler(self) -> bool:
        return any(one.is_alive for one in self.processes if one.kind == "scheduler")

    @property
    def missed(self) -> list[ProcessStatus]:
        return [one for one in self.processes if one.is_missed]

    @property
    def failed(self) -> int:
        return sum(line.failed for line in self.lines)

    @property
    def is_going_on(self) -> bool:
        """Photos that wait while processing is paused do not move, so there is little to watch."""
        waits = (line.waiting for line in self.lines if line.kind.name != "photo" or not self.is_paused)
        return bool(self.running) or any(waits)

    @property
    def poll(self) -> int:
        return BUSY_POLL_SECONDS if self.is_going_on else IDLE_POLL_SECONDS


def build_jobs_page(user: User) -> JobsPage:
    lines = count_jobs_by_kind(user)
    running = list_running_jobs(user, [line.kind for line in lines if line.running])
    found = list_processes(running)
    waiting = next(line.waiting for line in lines if line.kind.name == "photo")
    alive = sum(one.is_alive for one in found if one.kind == "worker")
    return JobsPage(
        lines=lines,
        running=running,
        failures=[failure for line in lines if line.failed for failure in list_failed_jobs(user, line.kind)],
        chores=list_failed_singletons(user),
        processes=found,
        waiting_photos=list_next_photos(user) if waiting else [],
        is_paused=is_processing_paused(),
        minutes_left=estimate_minutes_left(waiting, alive),
    )
