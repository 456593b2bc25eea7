"""Metrics for Prometheus, read from the database at each scrape."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Avg, Count, F, Min, Model, QuerySet
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gallery.history.audit import VERB_SIGN_IN_FAILED
from gallery.jobs.heartbeats import DEAD_AFTER
from gallery.models import Build, Event, GalleryChange, Photo, Reference, Status, WorkerBeat

ONE_HOUR = timedelta(hours=1)
MEASURED_PHOTOS = 200  # the newest photos, for the time of each step


class GalleryCollector(Collector):
    """Rows counted anew whenever somebody asks."""

    def collect(self) -> Iterator[Metric]:
        yield from _collect_jobs()
        yield from _collect_timings()
        yield from _collect_index()
        yield from _collect_environment()


def render_metrics() -> bytes:
    """All figures, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(GalleryCollector())
    return generate_latest(registry)


def _build_gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"facesite_{name}", about, value=value)


def _collect_jobs() -> Iterator[Metric]:
    kinds: list[tuple[str, QuerySet[Model]]] = [
        ("photo", Photo.objects.outside_trash()),
        ("reference", Reference.objects.all()),
        ("build", Build.objects.all()),
    ]
    states = GaugeMetricFamily(
        "facesite_work", "Rows by kind and state of their work", labels=("kind", "state")
    )
    oldest = GaugeMetricFamily(
        "facesite_oldest_queued_seconds", "Age of what waits longest", labels=("kind",)
    )
    failed = GaugeMetricFamily(
        "facesite_failed_last_hour", "Rows that failed within an hour", labels=("kind",)
    )
    now = timezone.now()
    for kind, rows in kinds:
        counts = dict(rows.order_by().values_list("work").annotate(count=Count("pk")))
        for state in Status.values:
            states.add_metric((kind, state), counts.get(state, 0))
        since = rows.filter(work=Status.QUEUED).aggregate(since=Min("queued_at"))["since"]
        oldest.add_metric((kind,), max(0.0, (now - since).total_seconds()) if since else 0)
        recent = rows.filter(work=Status.FAILED, finished_at__gt=now - ONE_HOUR)
        failed.add_metric((kind,), recent.count())
    yield from (states, oldest, failed)


def _collect_timings() -> Iterator[Metric]:
    steps = GaugeMetricFamily(
        "facesite_photo_step_seconds",
        f"Mean time of a step over the newest {MEASURED_PHOTOS} photos",
        labels=("step",),
    )
    done = Photo.objects.filter(work=Status.DONE).order_by("-pk").values_list("milliseconds", flat=True)
    newest = [times for times in done[:MEASURED_PHOTOS] if isinstance(times, dict)]
    for step in sorted({step for times in newest for step in times}):
        known = [times[step] for times in newest if isinstance(times.get(step), int | float)]
        if known:
            steps.add_metric((step,), sum(known) / len(known) / 1000)
    yield steps
    finished = Photo.objects.filter(work=Status.DONE, finished_at__gt=timezone.now() - ONE_HOUR)
    yield _build_gauge("photos_done_last_hour", "Photos finished within an hour", finished.count())
    took = finished.aggregate(mean=Avg(F("finished_at") - F("started_at")))["mean"]
    yield _build_gauge(
        "photo_seconds", "Mean time of a photo within an hour", took.total_seconds() if took else 0
    )


def _collect_index() -> Iterator[Metric]:
    about = (
        ("index_vectors", "References in the active build"),
        ("index_age_seconds", "Since the active build was finished"),
        ("index_waiting_changes", "Changes of the gallery that the active build does not contain yet"),
        ("index_milliseconds", "How long the active build took"),
    )
    metrics = [
        GaugeMetricFamily(f"facesite_{name}", sentence, labels=("embedder",)) for name, sentence in about
    ]
    for build in Build.objects.filter(is_active=True):
        label = (build.embedder_id,)
        age = timezone.now() - build.finished_at if build.finished_at else timedelta()
        waiting = GalleryChange.objects.filter(
            embedder_id=build.embedder_id, pk__gt=build.upto_change
        ).count()
        figures = (build.vectors, age.total_seconds(), waiting, build.milliseconds)
        for metric, figure in zip(metrics, figures, strict=True):
            metric.add_metric(label, figure)
    yield from metrics


def _collect_environment() -> Iterator[Metric]:
    alive = GaugeMetricFamily("facesite_processes", "Live processes", labels=("kind",))
    seen = WorkerBeat.objects.filter(seen_at__gt=timezone.now() - DEAD_AFTER)
    counts = dict(seen.order_by().values_list("kind").annotate(count=Count("pk")))
    for kind in ("worker", "scheduler"):
        alive.add_metric((kind,), counts.get(kind, 0))
    yield alive
    failures = Event.objects.filter(verb=VERB_SIGN_IN_FAILED, at__gt=timezone.now() - ONE_HOUR)
    yield _build_gauge("failed_sign_ins_last_hour", "Failed sign-ins within an hour", failures.count())
    yield _build_gauge(
        "disk_free_bytes", "Free on the data directory's disk", shutil.disk_usage(settings.DATA_DIR).free
    )
