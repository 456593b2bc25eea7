"""Counts and lists of jobs, and the processes that work on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.jobs.heartbeats import get_heartbeat_deadline, get_host_name
from gallery.jobs.hints import suggest_remedy
from gallery.jobs.registry import JOB_KINDS, JobKind
from gallery.models import (
    Build,
    BulkAct,
    Erasure,
    Person,
    Photo,
    Reference,
    ReferenceDraft,
    Status,
    User,
    WorkerBeat,
)
from gallery.models.failures import NO_FAILURE
from gallery.models.history import get_site_setting

# Tasks that hold no row, by their names in gallery.tasks
TASK_TITLES: dict[str, str | Promise] = {
    "check_gallery": _("checking the gallery"),
    "verify_index": _("verifying the index"),
    "measure_gallery": _("measuring the gallery"),
    "follow_gallery": _("searching older faces again"),
    "follow_faces": _("following decisions on faces"),
    "group_new_faces": _("grouping unknown faces"),
    "switch_embedder": _("moving to another embedder"),
    "forget_old": _("forgetting what is too old to keep"),
    "embed_face": _("looking at a drawn face"),
    "make_backup": _("making a backup"),
    "check_files": _("looking whether every file is there"),
    "look_after_data": _("looking after backups and files"),
    "look_at_draft": _("looking at a picture that was added"),
    "roll_back": _("going back to the build before"),
}


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A row that a process holds."""

    kind: str  # of gallery.works
    pk: int
    label: str
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
    errand: str | Promise
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


MAX_SHOWN_JOBS = 20
LABEL_FIELDS = {
    "photo": "name",
    "reference": "person__name",
}  # what is told of rows that are wide, and may be many
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
    at: datetime | None


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
    if ("build", Status.FAILED) in counts:
        counts["build", Status.FAILED] = failed_builds().count()
    counts["build", Status.CANCELLED] = 0  # which nobody can queue again
    return [
        JobCounts(kind, *(counts.get((name, work), 0) for work in UNDONE_STATUSES))
        for name, kind in JOB_KINDS.items()
    ]


def failed_builds() -> Any:
    """Builds that failed since the last that did not: what a later one made good is history."""
    done = Build.objects.filter(work=Status.DONE).order_by("-pk").values("pk")[:1]
    return Build.objects.filter(work=Status.FAILED, pk__gt=Coalesce(Subquery(done), 0))


def list_running_jobs(user: User, kinds: Sequence[JobKind]) -> list[RunningJob]:
    found = []
    for kind in kinds:
        rows = kind.rows(user).filter(work=Status.PROCESSING).order_by("started_at")
        found += [
            RunningJob(kind.name, row.pk, _get_job_label(row), row.started_at, row.lease_owner)
            for row in rows[:MAX_SHOWN_JOBS]
        ]
    return found


def list_failed_jobs(user: User, kind: JobKind) -> Sequence[FailedJob]:
    rows = failed_builds() if kind.name == "build" else kind.rows(user).filter(work=Status.FAILED)
    if kind.name in LABEL_FIELDS:
        rows = rows.select_related(None).only(*NO_FAILURE, "finished_at", LABEL_FIELDS[kind.name])
    if kind.name == "reference":
        rows = rows.select_related("person")
    return [
        FailedJob(
            kind.name,
            str(row.pk),
            _get_job_label(row),
            _get_job_url(row),
            row.failure_text,
            suggest_remedy(row, kind.name),
            row.finished_at,
        )
        for row in rows.order_by("-pk")[:MAX_SHOWN_JOBS]
    ]


def _get_job_label(row: Any) -> str:
    if isinstance(row, Photo):
        return row.name
    if isinstance(row, BulkAct | Erasure | ReferenceDraft):
        return str(row)
    person: Person | None = getattr(row, "person", None)
    return person.name if person else str(row.pk)


def _get_job_url(row: Any) -> str:
    if isinstance(row, Photo):
        return reverse("photo", args=(row.pk,))
    if isinstance(row, Build):
        return reverse("build", args=(row.pk,))
    if isinstance(row, Erasure):
        return reverse("erasure", args=(row.receipt,))
    if isinstance(row, BulkAct):
        return reverse("admin:gallery_bulkact_change", args=(row.pk,))
    if isinstance(row, ReferenceDraft):
        return reverse("admin:gallery_person_change", args=(row.person_id,))
    if isinstance(row, Reference):
        return reverse("worklist", args=("faceless",))
    return reverse("person", args=(row.person_id,))


def is_processing_paused() -> bool:
    """Processing of photos is paused by a curator."""
    return get_site_setting("is_paused", False) is True
