"""One build: claimed, streamed from the database, checked, made active. The rest serve on meanwhile."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import changes, engine, queue
from gallery.models import Build, Status
from gallery.pipeline.builds.activate import activate
from gallery.pipeline.builds.tidy import tidy
from gallery.pipeline.vectorparts import parts_of, rows_of
from recognition import index
from recognition.types import Embedder, RecognitionError

log = logging.getLogger(__name__)
SECONDS_BETWEEN_REPORTS = 0.5
STEPS = {"write": (0.0, 0.4), "build": (0.4, 0.5), "check": (0.9, 0.1)}  # start and share of the whole


def run_build(pk: int) -> Build | None:
    """Claim the build and run it; None if it is not ours to do, as while another one is running."""
    build = _claim(pk)
    if build is None:
        return None
    with queue.held(build):
        _run_or_say_why(build)
    build.refresh_from_db()
    return build


def _run_or_say_why(build: Build) -> None:
    try:
        _run(build)
    except index.BuildCancelled:
        queue.finish(build, Status.CANCELLED)
    except RecognitionError as error:
        queue.finish(build, Status.FAILED, str(error))
    except OSError as error:
        reason = _("The index could not be written: %(error)s.") % {"error": error.strerror or error}
        queue.finish(build, Status.FAILED, reason)


def _claim(pk: int) -> Build | None:
    """The row, if it is free and no other build is running: the database holds at most one that is."""
    _give_up_dead(pk)
    try:
        with transaction.atomic():
            return queue.claim(Build.objects.all(), pk)
    except IntegrityError:
        return None


def _give_up_dead(pk: int) -> None:
    """A build whose process died gives way to one that was asked for after it; both would hold the same."""
    dead = Build.objects.filter(work=Status.PROCESSING, lease_until__lt=queue.now(), pk__lt=pk)
    dead.update(
        work=Status.FAILED,
        failure=_("The process that built it ended; a later build has taken its place."),
        finished_at=timezone.now(),
        lease_owner="",
        lease_until=None,
    )


def _run(build: Build) -> None:
    embedder = engine.embedder_with(build.embedder_id)
    _take_over_waiting(build)
    tidy(embedder.id)
    upto = changes.settled(embedder.id)
    name = f"{embedder.id}/{build.pk}-{uuid.uuid4().hex[:8]}"
    directory = settings.INDEX_ROOT / name
    figures = _build(build, embedder, directory)
    build.directory, build.upto_change = name, upto
    build.vectors, build.dimension = figures.count, figures.dimension
    build.index_key, build.index_param = figures.index_key, figures.index_param
    build.size, build.recall = figures.bytes, figures.recall
    build.milliseconds = round(1000 * figures.build_seconds)
    build.figures = asdict(figures)
    try:
        activate(build)
    except queue.LeaseLost:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    tidy(embedder.id)


def _take_over_waiting(build: Build) -> None:
    """Builds asked for before this one starts will hold nothing that this one does not."""
    waiting = Build.objects.filter(work=Status.QUEUED, embedder_id=build.embedder_id).exclude(pk=build.pk)
    waiting.update(
        work=Status.CANCELLED,
        failure=_("Build %(pk)s, started later, holds the same.") % {"pk": build.pk},
        finished_at=timezone.now(),
    )


def _build(build: Build, embedder: Embedder, directory: Path) -> index.BuildFigures:
    return index.build(
        parts_of(embedder.id),
        directory,
        embedder_id=embedder.id,
        dimension=embedder.dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
        progress=_reporter(build, rows_of(embedder.id).count()),
        cancelled=_canceller(build),
    )


def _reporter(build: Build, total: int) -> Callable[[str, int], None]:
    """Writes step and progress into the row, twice a second at most."""
    is_due = _clock()
    last_step = ""

    def report(step: str, done: int) -> None:
        nonlocal last_step
        if is_due() or step != last_step:
            start, share = STEPS[step]
            progress = round(start + share * min(1.0, done / max(1, total)), 3)
            Build.objects.filter(pk=build.pk).update(step=step, progress=progress)
        last_step = step

    return report


def _canceller(build: Build) -> Callable[[], bool]:
    """Asks the row, twice a second at most, whether somebody wants the build stopped."""
    is_due = _clock()
    return lambda: is_due() and Build.objects.filter(pk=build.pk, is_cancel_wanted=True).exists()


def _clock() -> Callable[[], bool]:
    """True at first, and then whenever the time between two reports has passed."""
    last = -SECONDS_BETWEEN_REPORTS

    def is_due() -> bool:
        nonlocal last
        if (now := time.monotonic()) - last < SECONDS_BETWEEN_REPORTS:
            return False
        last = now
        return True

    return is_due
