"""What the jobs page shows: counts and lists of jobs, and the processes that work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, QuerySet, Value
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from gallery.jobs.heartbeats import DEAD_AFTER, get_heartbeat_deadline, get_host_name
from gallery.jobs.registry import JOB_KINDS, SITE_JOB_KINDS, TASK_KINDS, TRY_AGAIN, JobKind, Text
from gallery.jobs.timings import estimate_minutes_left
from gallery.models import ErasureHost, Host, Job, Photo, Status, User, Work, WorkerBeat
from gallery.models.base import NO_FAILURE, translate_failure
from gallery.models.history import get_site_setting

# Seconds between two polls of an open page; with heartbeats.DEAD_AFTER, a death is shown within a minute
BUSY_POLL_SECONDS, IDLE_POLL_SECONDS = 5, 25
MAX_SHOWN_JOBS = 20
MAX_NEXT_PHOTOS = 5
LISTED_COLUMNS = (*NO_FAILURE, "started_at", "lease_owner")
UNDONE_STATUSES = (Status.QUEUED, Status.PROCESSING, Status.FAILED, Status.CANCELLED)
DAMAGED_FILE_CODES = {
    "empty", "header_cut_off", "cut_off", "undecodable", "false_start", "broken_pages", "too_many_properties",
    "no_pixels", "decoder_failed", "two_at_once",
}  # fmt: skip
TOO_LARGE_CODES = {
    "too_many_bytes", "over_the_bytes", "too_long_a_side", "too_many_pixels", "far_too_many_pixels",
    "too_much_memory", "too_long", "too_much_metadata", "too_many_frames",
}  # fmt: skip
WRONG_FORMAT_CODES = {"no_photo", "looks_like"}
WRONG_PICTURE_CODES = {"no_face", "several_faces"}


def is_retry_useful(row: Work) -> bool:
    """Whether a retry could succeed: not if the picture itself is at fault."""
    return row.failure_code not in DAMAGED_FILE_CODES | WRONG_FORMAT_CODES | WRONG_PICTURE_CODES


def suggest_remedy(row: Work) -> Text:
    """A sentence on what can be done about a failed job."""
    code = row.failure_code
    if code in DAMAGED_FILE_CODES:
        return _("Trying again will not help. Add a good copy of the file and put this one into the trash.")
    if code in TOO_LARGE_CODES:
        return _("Save it smaller and add it anew, or have the administrator raise the limit and try again.")
    if code in WRONG_FORMAT_CODES:
        return _("Save it as JPEG or PNG and add it anew.")
    if code in WRONG_PICTURE_CODES:
        return _("Choose a picture with one clear face, and reject this one.")
    return TRY_AGAIN


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A row that a process holds."""

    label: str
    url: str
    since: datetime | None
    worker: str


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    beat: WorkerBeat
    is_alive: bool
    is_replaced: bool  # it died, and another one on the same machine has started since
    holds: tuple[RunningJob, ...]
    doing: Text  # a task that holds no row

    @property
    def is_missed(self) -> bool:
        """Dead and not replaced: somebody must do something."""
        return not self.is_alive and not self.is_replaced


def list_processes(running: Sequence[RunningJob] = ()) -> list[ProcessStatus]:
    """Every process heard from within a day: workers before schedulers, and the dead ones first."""
    beats = list(WorkerBeat.objects.order_by("-kind", "name"))
    silent = get_heartbeat_deadline()
    found = [
        ProcessStatus(
            beat,
            is_alive=beat.seen_at >= silent,
            is_replaced=any(
                other.started_at > beat.seen_at
                for other in beats
                if (other.kind, get_host_name(other.name)) == (beat.kind, get_host_name(beat.name))
            ),
            holds=tuple(one for one in running if one.worker == beat.name),
            doing=TASK_KINDS[beat.doing].doing if beat.doing in TASK_KINDS else "",
        )
        for beat in beats
    ]
    return sorted(found, key=lambda one: (one.beat.kind != "worker", one.is_alive, one.beat.name))


@dataclass(frozen=True, slots=True)
class HostStatus:
    host: Host
    is_alive: bool
    roles: tuple[str, ...]  # what it does, or did when it was last there
    uncleared: int  # erasures that wait for it


def list_hosts() -> list[HostStatus]:
    """Every host, those that are away first; none where there is but the one that answers."""
    silent, waiting = get_heartbeat_deadline(), ErasureHost.objects.filter(cleared_at=None)
    counts = dict(waiting.exclude(host=None).order_by().values_list("host").annotate(Count("pk")))
    found = [
        HostStatus(
            host,
            is_alive=host.seen_at >= silent,
            roles=tuple(
                name
                for name, seen in (
                    (_("Website"), host.web_seen_at),
                    (_("Worker"), host.worker_seen_at),
                    (_("Scheduler"), host.scheduler_seen_at),
                )
                if seen and seen >= min(silent, host.seen_at - DEAD_AFTER)
            ),
            uncleared=counts.get(host.pk, 0),
        )
        for host in Host.objects.order_by("name", "pk")
    ]
    return sorted(found, key=lambda one: one.is_alive) if len(found) > 1 else []


@dataclass(frozen=True, slots=True)
class ProcessProblem:
    """A worker or scheduler that is not there, and what to do."""

    text: str
    remedy: str
    name: str = ""  # of one that fell silent: it may have been stopped on purpose


def find_process_problems(processes: Sequence[ProcessStatus]) -> list[ProcessProblem]:
    start_scheduler = _(
        "New photos are processed, but nothing is taken up after a failure. Start the scheduler (celery beat) again;"
        " if it runs, see whether the broker (Redis) and the database answer."
    )
    start_worker = _(
        "Photos wait safely. Start the worker: stop and start “make run”, or look at the worker's log."
    )
    others_go_on = _(
        "The other workers go on, and take up what it held. Look at its log: often memory ran out."
    )
    alive = {one.beat.kind for one in processes if one.is_alive}
    found = []
    for one in processes:
        said = {"name": one.beat.name, "ago": timesince(one.beat.seen_at)}
        if not one.is_missed:
            continue
        if one.beat.kind == "scheduler":
            text = _("The scheduler %(name)s has not been heard of for %(ago)s.") % said
            remedy = start_scheduler
        else:
            text = _("The worker %(name)s has not been heard of for %(ago)s.") % said
            remedy = others_go_on if "worker" in alive else start_worker
        found.append(ProcessProblem(text, remedy, one.beat.name))
    if found:
        return found
    if "worker" not in alive:
        return [ProcessProblem(_("No worker is running."), start_worker)]
    if "scheduler" not in alive:
        return [ProcessProblem(_("No scheduler is running."), start_scheduler)]
    return []


@dataclass(frozen=True, slots=True)
class JobCounts:
    """How many jobs of one kind are in each state."""

    kind: JobKind
    waiting: int
    running: int
    failed: int
    aside: int


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed, or a site job that found a problem."""

    act: str  # the action that tries it again
    kind: str
    pk: int | None
    label: Text
    url: str
    reason: str
    remedy: Text


def count_jobs_by_kind(user: User) -> list[JobCounts]:
    """Counts for every kind of job, in two queries."""
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
            counts[name, Status.CANCELLED] = 0  # nobody can queue them again
    return [
        JobCounts(kind, *(counts.get((name, work), 0) for work in UNDONE_STATUSES))
        for name, kind in JOB_KINDS.items()
    ]


def list_running_jobs(user: User, kinds: Sequence[JobKind]) -> list[RunningJob]:
    found = []
    for kind in kinds:
        rows = _narrow_rows(kind, kind.rows(user).filter(work=Status.PROCESSING)).order_by("started_at")
        for row in rows[:MAX_SHOWN_JOBS]:
            found.append(RunningJob(kind.label(row), kind.url(row), row.started_at, row.lease_owner))
    return found


def list_failed_jobs(user: User, kind: JobKind) -> list[FailedJob]:
    rows = kind.failed() if kind.failed else kind.rows(user).filter(work=Status.FAILED)
    found = []
    for row in _narrow_rows(kind, rows).order_by("-pk")[:MAX_SHOWN_JOBS]:
        remedy, label, url = kind.remedy or suggest_remedy(row), kind.label(row), kind.url(row)
        found.append(FailedJob("retry", kind.name, row.pk, label, url, row.failure_text, remedy))
    return found


def _narrow_rows(kind: JobKind, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Load only what a list shows, since some rows are wide."""
    if not kind.columns:
        return rows
    related = [column.partition("__")[0] for column in kind.columns if "__" in column]
    rows = rows.select_related(None).only(*LISTED_COLUMNS, *kind.columns)
    return rows.select_related(*related) if related else rows


def list_failed_site_jobs(user: User) -> list[FailedJob]:
    """Site jobs that failed or found a problem, in one query."""
    jobs = Job.objects.in_bulk(list(SITE_JOB_KINDS))
    found = []
    for name, kind in SITE_JOB_KINDS.items():
        job = jobs.get(name)
        if job is None or (kind.is_for_administrators and not user.is_administrator):
            continue
        reason, remedy = translate_failure("", {}, job.failure), kind.remedy
        if not reason:
            reason, remedy = kind.find_problem(job.result), kind.problem_remedy
        if reason:
            url = reverse(kind.list_url) if kind.list_url else ""
            found.append(FailedJob("run", name, None, kind.title, url, reason, remedy))
    return found


def is_processing_paused() -> bool:
    """Whether a curator has paused the processing of photos."""
    return get_site_setting("is_paused", False) is True


@dataclass(frozen=True, slots=True)
class JobsPage:
    lines: list[JobCounts]
    running: list[RunningJob]
    failures: list[FailedJob]
    processes: list[ProcessStatus]
    hosts: list[HostStatus]
    waiting_photos: list[Photo]  # the next ones
    is_paused: bool
    minutes_left: int | None

    @property
    def has_more_failures(self) -> bool:
        """Whether some failed rows are not listed; failed site jobs always are."""
        return self.failed > sum(one.pk is not None for one in self.failures)

    @property
    def orphans(self) -> list[RunningJob]:
        """Jobs still held by a process that is no longer known."""
        known = {one.beat.name for one in self.processes}
        return [one for one in self.running if one.worker not in known]

    @property
    def has_worker(self) -> bool:
        return any(one.is_alive for one in self.processes if one.beat.kind == "worker")

    @property
    def missed(self) -> list[ProcessProblem]:
        return find_process_problems(self.processes)

    @property
    def failed(self) -> int:
        return sum(line.failed for line in self.lines)

    @property
    def is_going_on(self) -> bool:
        """Whether anything moves; photos that wait while processing is paused do not."""
        waits = (line.waiting for line in self.lines if line.kind.name != "photo" or not self.is_paused)
        return bool(self.running) or any(waits)

    @property
    def poll(self) -> int:
        return BUSY_POLL_SECONDS if self.is_going_on else IDLE_POLL_SECONDS


def build_jobs_page(user: User) -> JobsPage:
    lines = count_jobs_by_kind(user)
    running = list_running_jobs(user, [line.kind for line in lines if line.running])
    processes = list_processes(running)
    waiting = next(line.waiting for line in lines if line.kind.name == "photo")
    queued = JOB_KINDS["photo"].rows(user).filter(work=Status.QUEUED)
    next_photos = queued.order_by(F("queued_at").asc(nulls_first=True), "pk")[:MAX_NEXT_PHOTOS]
    alive = sum(one.is_alive for one in processes if one.beat.kind == "worker")
    return JobsPage(
        lines=lines,
        running=running,
        failures=list_failed_site_jobs(user)
        + [failure for line in lines if line.failed for failure in list_failed_jobs(user, line.kind)],
        processes=processes,
        hosts=list_hosts(),
        waiting_photos=list(next_photos) if waiting else [],
        is_paused=is_processing_paused(),
        minutes_left=estimate_minutes_left(waiting, alive),
    )
