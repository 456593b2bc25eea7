"""What the machine is doing: what waits, what runs and since when, what failed and why, and how long it takes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from gallery import beats, queries
from gallery.models import Build, Photo, Reference, Status, User, WorkerBeat
from gallery.visibility import visible_photos, visible_references

SHOWN = 50
RECENT = 50  # photos from whose times the time left is guessed


@dataclass(frozen=True, slots=True)
class Running:
    """A row that a worker holds."""

    kind: str  # photo, reference, build
    pk: int
    since: datetime | None
    worker: str


@dataclass(frozen=True, slots=True)
class Jobs:
    waiting: dict[str, int]
    running: list[Running]
    failed_photos: list[Photo]
    failed_references: list[Reference]
    failed: dict[str, int]
    workers: list[WorkerBeat]
    has_worker: bool
    has_scheduler: bool
    is_paused: bool
    minutes_left: int | None

    @property
    def is_going_on(self) -> bool:
        """Photos that wait while processing is paused do not move, so there is nothing to watch."""
        waiting = (count for kind, count in self.waiting.items() if kind != "photo" or not self.is_paused)
        return bool(self.running) or any(waiting)


def jobs(user: User) -> Jobs:
    photos, references = visible_photos(user), visible_references(user)
    tables = {"photo": photos, "reference": references, "build": Build.objects.all()}
    counts = {kind: dict(rows.values_list("work").annotate(Count("pk"))) for kind, rows in tables.items()}
    running = [
        Running(kind, row.pk, row.started_at, row.lease_owner)
        for kind, rows in tables.items()
        for row in rows.filter(work=Status.PROCESSING).order_by("started_at")[:SHOWN]
    ]
    alive = list(
        WorkerBeat.objects.filter(seen_at__gte=timezone.now() - beats.SILENT).order_by("kind", "name")
    )
    waiting = {kind: found.get(Status.QUEUED, 0) for kind, found in counts.items()}
    return Jobs(
        waiting=waiting,
        running=running,
        failed_photos=list(photos.filter(work=Status.FAILED).order_by("-pk")[:SHOWN]),
        failed_references=list(
            references.filter(work=Status.FAILED).select_related("person").order_by("-pk")[:SHOWN]
        ),
        failed={kind: found.get(Status.FAILED, 0) for kind, found in counts.items()},
        workers=alive,
        has_worker=any(beat.kind == "worker" for beat in alive),
        has_scheduler=any(beat.kind == "scheduler" for beat in alive),
        is_paused=queries.is_paused(),
        minutes_left=_minutes_left(waiting["photo"]),
    )


def _minutes_left(waiting: int) -> int | None:
    """By the median of the last photos; None where nothing waits or none was done yet."""
    done = Photo.objects.filter(work=Status.DONE, started_at__isnull=False, finished_at__isnull=False)
    times = done.order_by("-finished_at").values_list("started_at", "finished_at")[:RECENT]
    seconds = [(end - begin).total_seconds() for begin, end in times if begin and end]
    if not waiting or not seconds:
        return None
    return max(1, round(waiting * statistics.median(seconds) / settings.WORKER_PROCESSES / 60))
