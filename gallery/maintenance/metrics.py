"""Metrics for Prometheus, read from the database at each scrape."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Avg, Count, F, Min, Model, QuerySet
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gallery.backup.schedule import get_last_success, get_last_trial
from gallery.history.audit import VERB_SIGN_IN_FAILED
from gallery.index.selectors import list_changes_since
from gallery.jobs.heartbeats import get_heartbeat_deadline
from gallery.models import Build, Event, Photo, Reference, Status, WorkerBeat
from gallery.models.clock import get_site_time
from gallery.models.index import IndexContents

Figures = dict[tuple[str, ...], float]  # by the values of their labels
ONE_HOUR = timedelta(hours=1)
MEASURED_PHOTOS = 200  # the newest photos, for the time of each step


class GalleryCollector(Collector):
    """Counts rows at every scrape."""

    def collect(self) -> Iterator[Metric]:
        yield from _collect_jobs()
        yield from _collect_timings()
        yield from _collect_index()
        yield from _collect_environment()


def render_metrics() -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(GalleryCollector())
    return generate_latest(registry)


def _build_gauge(name: str, about: str, labels: str, values: Figures) -> Metric:
    gauge = GaugeMetricFamily(f"facesite_{name}", about, labels=labels.split())
    for key, value in values.items():
        gauge.add_metric(key, value)
    return gauge


def _collect_jobs() -> Iterator[Metric]:
    kinds: dict[str, QuerySet[Model]] = {
        "photo": Photo.objects.outside_trash(),
        "reference": Reference.objects.all(),
        "build": Build.objects.all(),
    }
    states, oldest, failed, now = Figures(), Figures(), Figures(), get_site_time()
    for kind, rows in kinds.items():
        counts = dict(rows.order_by().values_list("work").annotate(count=Count("pk")))
        states |= {(kind, state): counts.get(state, 0) for state in Status.values}
        since = rows.filter(work=Status.QUEUED).aggregate(since=Min("queued_at"))["since"]
        oldest[kind,] = max(0.0, (now - since).total_seconds()) if since else 0
        failed[kind,] = rows.filter(work=Status.FAILED, finished_at__gt=now - ONE_HOUR).count()
    yield _build_gauge("work", "Rows by kind and state of their work", "kind state", states)
    yield _build_gauge("oldest_queued_seconds", "Age of what waits longest", "kind", oldest)
    yield _build_gauge("failed_last_hour", "Rows that failed within an hour", "kind", failed)


def _collect_timings() -> Iterator[Metric]:
    done = Photo.objects.filter(work=Status.DONE).order_by("-pk").values_list("milliseconds", flat=True)
    newest = [times for times in done[:MEASURED_PHOTOS] if isinstance(times, dict)]
    means = Figures()
    for step in sorted({step for times in newest for step in times}):
        known = [times[step] for times in newest if isinstance(times.get(step), int | float)]
        if known:
            means[step,] = sum(known) / len(known) / 1000
    about = f"Mean time of a step over the newest {MEASURED_PHOTOS} photos"
    yield _build_gauge("photo_step_seconds", about, "step", means)
    finished = Photo.objects.filter(work=Status.DONE, finished_at__gt=get_site_time() - ONE_HOUR)
    yield _build_gauge("photos_done_last_hour", "Photos finished within an hour", "", {(): finished.count()})
    took = finished.aggregate(mean=Avg(F("finished_at") - F("started_at")))["mean"]
    mean: Figures = {(): took.total_seconds() if took else 0}
    yield _build_gauge("photo_seconds", "Mean time of a photo within an hour", "", mean)


def _collect_index() -> Iterator[Metric]:
    vectors, ages, changes, times = Figures(), Figures(), Figures(), Figures()
    for build in Build.objects.filter(is_active=True, contents=IndexContents.REFERENCES):
        key = (build.embedder_id,)
        age = get_site_time() - build.finished_at if build.finished_at else timedelta()
        vectors[key], ages[key] = build.vectors, age.total_seconds()
        changes[key], times[key] = list_changes_since(build).count(), build.milliseconds
    about = "Changes of the gallery that the active build does not contain yet"
    yield _build_gauge("index_vectors", "References in the active build", "embedder", vectors)
    yield _build_gauge("index_age_seconds", "Since the active build was finished", "embedder", ages)
    yield _build_gauge("index_waiting_changes", about, "embedder", changes)
    yield _build_gauge("index_milliseconds", "How long the active build took", "embedder", times)


def _collect_environment() -> Iterator[Metric]:
    beats = WorkerBeat.objects.filter(seen_at__gte=get_heartbeat_deadline()).order_by()
    counts = dict(beats.values_list("kind").annotate(count=Count("pk")))
    alive: Figures = {(kind,): counts.get(kind, 0) for kind in ("worker", "scheduler")}
    yield _build_gauge("processes", "Live processes", "kind", alive)
    failures = Event.objects.filter(verb=VERB_SIGN_IN_FAILED, at__gt=get_site_time() - ONE_HOUR)
    yield _build_gauge(
        "failed_sign_ins_last_hour", "Failed sign-ins within an hour", "", {(): failures.count()}
    )
    about = "Since the newest backup was made, and since one was last tried and found whole"
    known = {"made": get_last_success(), "tried": get_last_trial()}
    ages: Figures = {(word,): (get_site_time() - at).total_seconds() for word, at in known.items() if at}
    yield _build_gauge("backup_age_seconds", about, "what", ages)
    free = shutil.disk_usage(settings.DATA_DIR).free
    yield _build_gauge("disk_free_bytes", "Free on the data directory's disk", "", {(): free})
