"""What the machine is doing: what waits, what runs and since when, what failed and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse

from gallery import queries
from gallery.browse.jobs.errands import Errand, failed_errands
from gallery.browse.jobs.hints import remedy
from gallery.browse.jobs.processes import Process, Running, processes
from gallery.browse.jobs.times import minutes_left
from gallery.models import Build, BulkAct, Erasure, Person, Photo, Reference, ReferenceDraft, Status, User
from gallery.paths import path_of
from gallery.works import WORKS, WorkKind

SHOWN = 20
SAYS = {"photo": "name", "reference": "person__name"}  # what is told of rows that are wide, and may be many
NEXT = 5
UNDONE = (Status.QUEUED, Status.PROCESSING, Status.FAILED, Status.CANCELLED)
BUSY, IDLE = 5, 25  # seconds between two looks; with beats.SILENT, a death is said within a minute


@dataclass(frozen=True, slots=True)
class Line:
    """How one kind of work stands."""

    kind: WorkKind
    waiting: int
    running: int
    failed: int
    aside: int


@dataclass(frozen=True, slots=True)
class Failure:
    kind: str
    pk: str
    label: str
    url: str
    reason: str
    remedy: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Jobs:
    lines: list[Line]
    running: list[Running]
    failures: list[Failure]
    chores: list[Errand]  # whose last run failed, or found what somebody must see to
    processes: list[Process]
    waiting_photos: list[Photo]  # the next ones
    is_paused: bool
    minutes_left: int | None

    @property
    def orphans(self) -> list[Running]:
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
    def missed(self) -> list[Process]:
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
        return BUSY if self.is_going_on else IDLE


def jobs(user: User) -> Jobs:
    lines = _lines(user)
    running = _running(user, [line.kind for line in lines if line.running])
    found = processes(running)
    waiting = next(line.waiting for line in lines if line.kind.name == "photo")
    alive = sum(one.is_alive for one in found if one.kind == "worker")
    return Jobs(
        lines=lines,
        running=running,
        failures=[failure for line in lines if line.failed for failure in _failures(user, line.kind)],
        chores=failed_errands(user),
        processes=found,
        waiting_photos=_next(user) if waiting else [],
        is_paused=queries.is_paused(),
        minutes_left=minutes_left(waiting, alive),
    )


def _next(user: User) -> list[Photo]:
    rows = WORKS["photo"].rows(user).filter(work=Status.QUEUED)
    return list(rows.order_by(F("queued_at").asc(nulls_first=True), "pk")[:NEXT])


def _lines(user: User) -> list[Line]:
    """How all kinds of work stand; two queries."""
    counts: dict[tuple[str, str], int] = {}
    kinds = [
        kind.rows(user)
        .filter(work__in=UNDONE)
        .order_by()
        .annotate(works=Value(name, CharField()))
        .values_list("works", "work")
        .annotate(number=Count("pk"))
        for name, kind in WORKS.items()
    ]
    for name, work, number in kinds[0].union(*kinds[1:], all=True):
        counts[name, work] = number
    if ("build", Status.FAILED) in counts:
        counts["build", Status.FAILED] = failed_builds().count()
    counts["build", Status.CANCELLED] = 0  # which nobody can queue again
    return [Line(kind, *(counts.get((name, work), 0) for work in UNDONE)) for name, kind in WORKS.items()]


def failed_builds() -> Any:
    """Builds that failed since the last that did not: what a later one made good is history."""
    done = Build.objects.filter(work=Status.DONE).order_by("-pk").values("pk")[:1]
    return Build.objects.filter(work=Status.FAILED, pk__gt=Coalesce(Subquery(done), 0))


def _running(user: User, kinds: Sequence[WorkKind]) -> list[Running]:
    found = []
    for kind in kinds:
        rows = kind.rows(user).filter(work=Status.PROCESSING).order_by("started_at")
        found += [
            Running(kind.name, row.pk, _label(row), row.started_at, row.lease_owner) for row in rows[:SHOWN]
        ]
    return found


def _failures(user: User, kind: WorkKind) -> Sequence[Failure]:
    rows = failed_builds() if kind.name == "build" else kind.rows(user).filter(work=Status.FAILED)
    if kind.name in SAYS:
        rows = rows.select_related(None).only("failure", "finished_at", SAYS[kind.name])
    if kind.name == "reference":
        rows = rows.select_related("person")
    return [
        Failure(
            kind.name,
            str(row.pk),
            _label(row),
            _address(row),
            row.failure,
            remedy(row.failure, kind.name),
            row.finished_at,
        )
        for row in rows.order_by("-pk")[:SHOWN]
    ]


def _label(row: Any) -> str:
    if isinstance(row, Photo):
        return row.name
    if isinstance(row, BulkAct | Erasure | ReferenceDraft):
        return str(row)
    person: Person | None = getattr(row, "person", None)
    return person.name if person else str(row.pk)


def _address(row: Any) -> str:
    if isinstance(row, Photo):
        return path_of("photo", row.pk)
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
