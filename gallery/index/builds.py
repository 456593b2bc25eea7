"""Builds of the index: requested, run one at a time, made active by one write, cleaned up after."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.core.exceptions import JobFailed
from gallery.index import engine
from gallery.index.engine import SERVING_RECIPE_KEY, get_configured_recipe, get_embedder_by_id
from gallery.index.feed import get_settled_change_id
from gallery.index.live import searchable_vectors, stream_vector_parts
from gallery.index.selectors import get_active_build
from gallery.jobs import dispatch, leases
from gallery.jobs.leases import LeaseLost, claim_row, finish_row, hold_lease
from gallery.models import Build, GalleryChange, SiteSetting, Status, User
from gallery.models.base import build_failure_columns
from recognition import index
from recognition.errors import RecognitionError
from recognition.index import Index, builder
from recognition.types import Embedder

BUILD_DEBOUNCE_SECONDS = 20  # seconds from the first change to the build that takes it in
SMALL_GALLERY_SIZE = 5_000  # references up to which any change is worth a build: it takes a second
MIN_CHANGED_SHARE = 0.02  # share of a larger gallery that has to change first; until then the delta serves


@transaction.atomic
def request_build(
    reason: str, user: User | None = None, delay: float = BUILD_DEBOUNCE_SECONDS, embedder_id: str = ""
) -> Build:
    """The build that is waiting, or a new one; with no delay it is due at once."""
    embedder_id = embedder_id or engine.get_serving_embedder().id
    due = leases.get_database_time() + timedelta(seconds=delay)
    waiting = Build.objects.select_for_update().filter(work=Status.QUEUED, embedder_id=embedder_id).first()
    if waiting is None:
        waiting = Build.objects.create(embedder_id=embedder_id, queued_at=due, reason=reason, asked_by=user)
    elif waiting.queued_at is None or due < waiting.queued_at:
        waiting.queued_at = due
        waiting.save(update_fields=["queued_at"])
    if not delay:
        dispatch.send_task("run_build", waiting.pk)
    return waiting


def request_build_after_change(reason: str) -> Build | None:
    """Ask for a build some seconds from now, or for none where so little has changed that the delta serves.

    Older faces are searched again either way.
    """
    embedder_id = engine.get_serving_embedder().id
    if _is_delta_small(embedder_id):
        dispatch.send_task("follow_gallery", countdown=BUILD_DEBOUNCE_SECONDS)
        return None
    return request_build(reason, embedder_id=embedder_id)


def _is_delta_small(embedder_id: str) -> bool:
    active = get_active_build(embedder_id)
    if active is None or active.vectors <= SMALL_GALLERY_SIZE:
        return False
    since = GalleryChange.objects.filter(embedder_id=embedder_id, pk__gt=active.upto_change)
    return since.count() < MIN_CHANGED_SHARE * active.vectors


log = logging.getLogger(__name__)
SECONDS_BETWEEN_REPORTS = 0.5
BUILD_STEPS = {"write": (0.0, 0.4), "build": (0.4, 0.5), "check": (0.9, 0.1)}  # start and share of the whole


def run_build(pk: int) -> Build | None:
    """Claim the build and run it; None if it is not ours to do, as while another one is running."""
    build = _claim_build(pk)
    if build is None:
        return None
    with hold_lease(build):
        _run_or_record_failure(build)
    build.refresh_from_db()
    return build


def _run_or_record_failure(build: Build) -> None:
    try:
        _run_claimed_build(build)
    except index.BuildCancelled:
        finish_row(build, Status.CANCELLED)
    except RecognitionError as error:
        finish_row(build, Status.FAILED, error)
    except OSError as error:
        finish_row(build, Status.FAILED, JobFailed("index_not_written", error=error.strerror or error))


def _claim_build(pk: int) -> Build | None:
    """The row, if it is free and no other build is running: the database holds at most one that is."""
    _fail_dead_builds(pk)
    try:
        with transaction.atomic():
            return claim_row(Build.objects.all(), pk)
    except IntegrityError:
        return None


def _fail_dead_builds(pk: int) -> None:
    """A build whose process died gives way to one that was asked for after it; both would hold the same."""
    dead = Build.objects.filter(work=Status.PROCESSING, lease_until__lt=leases.get_database_time(), pk__lt=pk)
    dead.update(
        work=Status.FAILED,
        finished_at=timezone.now(),
        lease_owner="",
        lease_until=None,
        **build_failure_columns(JobFailed("builder_ended")),
    )


def _run_claimed_build(build: Build) -> None:
    embedder = get_embedder_by_id(build.embedder_id)
    _cancel_waiting_builds(build)
    clean_up_builds(embedder.id)
    upto = get_settled_change_id(embedder.id)
    name = f"{embedder.id}/{build.pk}-{uuid.uuid4().hex[:8]}"
    directory = settings.INDEX_ROOT / name
    figures = _write_index(build, embedder, directory)
    build.directory, build.upto_change = name, upto
    build.vectors, build.dimension = figures.count, figures.dimension
    build.index_key, build.index_param = figures.index_key, figures.index_param
    build.size, build.recall = figures.bytes, figures.recall
    build.milliseconds = round(1000 * figures.build_seconds)
    build.figures = asdict(figures)
    try:
        activate_build(build)
    except LeaseLost:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    clean_up_builds(embedder.id)


def _cancel_waiting_builds(build: Build) -> None:
    """Builds asked for before this one starts will hold nothing that this one does not."""
    waiting = Build.objects.filter(work=Status.QUEUED, embedder_id=build.embedder_id).exclude(pk=build.pk)
    waiting.update(
        work=Status.CANCELLED,
        finished_at=timezone.now(),
        **build_failure_columns(JobFailed("build_superseded", pk=build.pk)),
    )


def _write_index(build: Build, embedder: Embedder, directory: Path) -> index.BuildFigures:
    return builder.build(
        stream_vector_parts(embedder.id),
        directory,
        embedder_id=embedder.id,
        dimension=embedder.dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
        progress=_make_progress_reporter(build, searchable_vectors(embedder.id).count()),
        cancelled=_make_cancel_check(build),
    )


def _make_progress_reporter(build: Build, total: int) -> Callable[[str, int], None]:
    """Writes step and progress into the row, twice a second at most."""
    is_due = _make_interval_check()
    last_step = ""

    def report(step: str, done: int) -> None:
        nonlocal last_step
        if is_due() or step != last_step:
            start, share = BUILD_STEPS[step]
            progress = round(start + share * min(1.0, done / max(1, total)), 3)
            Build.objects.filter(pk=build.pk).update(step=step, progress=progress)
        last_step = step

    return report


def _make_cancel_check(build: Build) -> Callable[[], bool]:
    """Asks the row, twice a second at most, whether somebody wants the build stopped."""
    is_due = _make_interval_check()
    return lambda: is_due() and Build.objects.filter(pk=build.pk, is_cancel_wanted=True).exists()


def _make_interval_check() -> Callable[[], bool]:
    """True at first, and then whenever the time between two reports has passed."""
    last = -SECONDS_BETWEEN_REPORTS

    def is_due() -> bool:
        nonlocal last
        if (now := time.monotonic()) - last < SECONDS_BETWEEN_REPORTS:
            return False
        last = now
        return True

    return is_due


class NoEarlierBuild(RecognitionError):
    """There is nothing to go back to."""


def activate_build(build: Build) -> None:
    """Make the finished build the one that serves; queue.LeaseLost, and no change, if it is no longer ours."""
    with transaction.atomic():
        _mark_build_active(build)
        build.progress, build.step = 1, ""
        build.save(update_fields=[*FINISHED_BUILD_FIELDS, "progress", "step"])
        finish_row(build, Status.DONE)
        _remember_first_embedder(build.embedder_id)
        dispatch.send_task("follow_gallery")
        dispatch.send_task("check_gallery")


def _remember_first_embedder(embedder_id: str) -> None:
    """The first embedder that serves; later ones take over in `pipeline.switch`."""
    recipe = get_configured_recipe()
    if recipe["id"] == embedder_id:
        SiteSetting.objects.get_or_create(key=SERVING_RECIPE_KEY, defaults={"value": recipe})


FINISHED_BUILD_FIELDS: tuple[str, ...] = (
    "directory",
    "upto_change",
    "vectors",
    "dimension",
    "index_key",
    "index_param",
    "size",
    "recall",
)
FINISHED_BUILD_FIELDS += ("milliseconds", "figures")


def _mark_build_active(build: Build) -> None:
    Build.objects.filter(embedder_id=build.embedder_id, is_active=True).update(is_active=False)
    Build.objects.filter(pk=build.pk).update(is_active=True)
    build.is_active = True


def find_earlier_build(embedder_id: str) -> Build | None:
    """The build to go back to: the newest that was kept and does not serve."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE, is_active=False)
    return kept.exclude(directory="").order_by("-pk").first()


def roll_back_build(embedder_id: str) -> Build:
    """Let the build before the active one serve again. What has changed since it was made still counts.

    Raises NoEarlierBuild, or IndexUnusable when its files are broken; nothing has changed then.
    """
    build = find_earlier_build(embedder_id)
    if build is None:
        raise NoEarlierBuild(_("No earlier build is kept, so there is nothing to go back to."))
    Index.load(settings.INDEX_ROOT / build.directory, embedder_id)
    with transaction.atomic():
        _mark_build_active(build)
        dispatch.send_task("follow_gallery")
    return build


MAX_KEPT_BUILDS = 2  # the build that serves and the one before it


def clean_up_builds(embedder_id: str) -> None:
    _drop_old_builds(embedder_id)
    _remove_orphan_directories(embedder_id)
    _delete_followed_changes(embedder_id)


def _drop_old_builds(embedder_id: str) -> None:
    """Keep the newest; of builds made before somebody was erased, only the one that serves."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE).exclude(directory="")
    erased = _last_erasure_change_id(embedder_id)
    for place, build in enumerate(kept.order_by("-is_active", "-pk")):
        if place >= MAX_KEPT_BUILDS or (not build.is_active and build.upto_change < erased):
            drop_build_files(build)


def _last_erasure_change_id(embedder_id: str) -> int:
    rows = GalleryChange.objects.filter(embedder_id=embedder_id, kind=GalleryChange.Kind.ERASED)
    return rows.order_by("-pk").values_list("pk", flat=True).first() or 0


def drop_build_files(build: Build) -> None:
    """Of a build that does not serve.

    The row first: a directory without a row is a leftover, a row without a directory is broken.
    """
    directory = settings.INDEX_ROOT / build.directory
    Build.objects.filter(pk=build.pk, is_active=False).update(directory="")
    shutil.rmtree(directory, ignore_errors=True)


def _remove_orphan_directories(embedder_id: str) -> None:
    parent = settings.INDEX_ROOT / embedder_id
    parent.mkdir(parents=True, exist_ok=True)
    index.remove_partials(parent)
    owned = set(Build.objects.filter(embedder_id=embedder_id).values_list("directory", flat=True))
    for path in parent.iterdir():
        if path.is_dir() and f"{embedder_id}/{path.name}" not in owned:
            shutil.rmtree(path, ignore_errors=True)


def _delete_followed_changes(embedder_id: str) -> None:
    """Rows that every kept build contains are followed by nobody any more."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE).exclude(directory="")
    oldest = kept.aggregate(oldest=Min("upto_change"))["oldest"] or 0
    GalleryChange.objects.filter(embedder_id=embedder_id, pk__lt=oldest).delete()
