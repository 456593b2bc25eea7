"""What the jobs page shows and does across all rooms: all jobs at one look, retries, and maintenance jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.backup.schedule import BACKUP_JOB
from gallery.backup.services import request_backup
from gallery.core.exceptions import ActionRefused
from gallery.curation.bulk.services import resume_bulk_act
from gallery.history.changeset import ChangeSet, record_event
from gallery.history.effects import apply_effects
from gallery.index.services import request_rebuild
from gallery.jobs.registry import JOB_KINDS
from gallery.jobs.requeue import requeue_rows
from gallery.jobs.selectors import (
    FailedJob,
    JobCounts,
    ProcessStatus,
    RunningJob,
    count_jobs_by_kind,
    is_processing_paused,
    list_failed_jobs,
    list_next_photos,
    list_processes,
    list_running_jobs,
)
from gallery.jobs.services import enqueue_jobs, get_job_rows
from gallery.jobs.singletons import SingletonJob, list_singletons, request_singleton
from gallery.jobs.timings import estimate_minutes_left
from gallery.maintenance.sanity_check import SANITY_CHECK_JOB
from gallery.maintenance.services import request_file_check
from gallery.models import (
    BulkAct,
    Event,
    Photo,
    Status,
    User,
)

BUSY_POLL_SECONDS, IDLE_POLL_SECONDS = (
    5,
    25,
)  # seconds between two looks; with beats.SILENT, a death is said within a minute


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


SINGLETON_TITLES: dict[str, str | Promise] = {
    "check_gallery": gettext_lazy("Checking the gallery"),
    "verify_index": gettext_lazy("Verifying the index"),
    BACKUP_JOB: gettext_lazy("Making a backup"),
    SANITY_CHECK_JOB: gettext_lazy("Looking whether every file is there"),
}
ADMINISTRATOR_SINGLETONS = (BACKUP_JOB, SANITY_CHECK_JOB)  # which are administrators' business


@dataclass(frozen=True, slots=True)
class FailedSingleton:
    name: str
    title: str | Promise
    failure: str
    remedy: str
    url: str  # of the page that says more


def list_failed_singletons(user: User) -> list[FailedSingleton]:
    """Those whose last run failed, and a check of the files that missed some; in one query."""
    names = [
        name for name in SINGLETON_TITLES if user.is_administrator or name not in ADMINISTRATOR_SINGLETONS
    ]
    found = []
    for chore in list_singletons(names):
        amiss = _describe_missing_files(chore) if chore.name == SANITY_CHECK_JOB else ""
        if chore.failure or amiss:
            url = reverse("backups") if chore.name in ADMINISTRATOR_SINGLETONS else ""
            found.append(
                FailedSingleton(
                    chore.name,
                    SINGLETON_TITLES[chore.name],
                    chore.failure or amiss,
                    _suggest_singleton_remedy(chore),
                    url,
                )
            )
    return found


def _describe_missing_files(chore: SingletonJob) -> str:
    kinds = ("lost", "altered")
    count = sum(int((chore.result.get(kind) or {}).get("count", 0)) for kind in kinds)
    if not count:
        return ""
    return ngettext(
        "%(count)s file is gone or is not what it was.",
        "%(count)s files are gone or are not what they were.",
        count,
    ) % {"count": count}


def _suggest_singleton_remedy(chore: SingletonJob) -> str:
    if chore.name == BACKUP_JOB:
        return _(
            "See whether the folder for backups is there, can be written to and has room; then try again."
        )
    if chore.name == SANITY_CHECK_JOB and not chore.failure:
        return _(
            "Have it put right on the page about backups: what a backup still holds comes back from there."
        )
    return _("Try again. If it fails again, the worker's log says more.")


CURATOR_SINGLETONS = ("check_gallery", "verify_index")
ADMINISTRATOR_REQUESTS: dict[str, Callable[[User], None]] = {
    BACKUP_JOB: request_backup,
    SANITY_CHECK_JOB: request_file_check,
}
KINDS_WITHOUT_UNDO = ("build", "bulk", "erasure")  # what trying again does not merely let wait


@transaction.atomic
def retry_failed_jobs(user: User, kind: str = "", pk: int | None = None) -> Event | None:
    """What failed waits again: one row, one kind, or everything. None if nothing had failed.

    Taken back, what the worker has not begun is failed again, with its reason. New builds, acts on many and erasures
    that go on are not taken back by this: they have undoing of their own, or none.
    """
    ledger, count = ChangeSet(), 0
    for name in [kind] if kind else JOB_KINDS:
        count += _retry_job_kind(user, ledger, name, pk)
    if not count:
        return None
    apply_effects(ledger)
    subjects = {name: ledger.touched(name)[:500] for name in ("photo", "reference")}
    undo = ledger if ledger.groups else None
    return record_event(user, "queue.retry", None, {"count": count}, undo, subjects=subjects)


def _retry_job_kind(user: User, ledger: ChangeSet, kind: str, pk: int | None) -> int:
    rows = get_job_rows(user, kind, Status.FAILED, pk)
    if kind not in KINDS_WITHOUT_UNDO:
        return len(requeue_rows(ledger, rows))
    ids = list(rows.values_list("pk", flat=True))
    if kind == "build" and ids:  # a failed build is not run again: a new one holds what has changed since
        request_rebuild(user)
        return 1
    if kind == "bulk":
        for act in BulkAct.objects.filter(pk__in=ids):
            resume_bulk_act(act)
    elif ids:
        enqueue_jobs(kind, rows.model._default_manager.filter(pk__in=ids), ids)
    return len(ids)


def request_maintenance_job(user: User, name: str) -> None:
    """Have the worker check the gallery or the files, verify the index, or make a backup."""
    if name in ADMINISTRATOR_REQUESTS and user.is_administrator:
        ADMINISTRATOR_REQUESTS[name](user)
    elif name in CURATOR_SINGLETONS:
        request_singleton(name, user)
    else:
        raise ActionRefused(_("Choose one of the answers."))
