"""One build of the index: asked for, streamed from the database, checked, made active."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gallery import changes, engine, queries, queue
from gallery.models import Build, ReferenceVector, Status, User
from gallery.vectors import from_bytes
from recognition import index
from recognition.types import Embedder, IndexUnusable

log = logging.getLogger(__name__)
PART = 5_000  # references read from the database at once
DEBOUNCE = 20  # seconds from the first change to the build that takes it in


@transaction.atomic
def request_build(reason: str, user: User | None = None, delay: float = DEBOUNCE) -> Build:
    """The build that is waiting, or a new one; with no delay it is due at once."""
    due = timezone.now() + timedelta(seconds=delay)
    embedder_id = engine.serving().id
    waiting = Build.objects.select_for_update().filter(work=Status.QUEUED, embedder_id=embedder_id).first()
    if waiting is None:
        waiting = Build.objects.create(embedder_id=embedder_id, queued_at=due, reason=reason, asked_by=user)
    elif waiting.queued_at is None or due < waiting.queued_at:
        waiting.queued_at = due
        waiting.save(update_fields=["queued_at"])
    if not delay:
        queue.send("run_build", waiting.pk)
    return waiting


def run_build(pk: int) -> Build | None:
    """Claim the build and run it; None if it is not ours to do."""
    if Build.objects.filter(work=Status.PROCESSING, lease_until__gte=timezone.now()).exists():
        return None  # one at a time
    build = queue.claim(Build.objects.all(), pk)
    if build is None:
        return None
    with queue.held(build):
        try:
            _run(build, engine.serving())
        except index.BuildCancelled:
            queue.finish(build, Status.CANCELLED)
        except IndexUnusable as error:
            queue.finish(build, Status.FAILED, str(error))
        except OSError as error:
            queue.finish(build, Status.FAILED, f"The index could not be written: {error.strerror}.")
    return build


def _run(build: Build, embedder: Embedder) -> None:
    upto = changes.latest(embedder.id)
    name = f"{embedder.id}/{build.pk}-{uuid.uuid4().hex[:8]}"
    directory = settings.INDEX_ROOT / name
    directory.parent.mkdir(parents=True, exist_ok=True)
    index.remove_partials(directory.parent)
    figures = index.build(
        _parts(embedder.id),
        directory,
        embedder_id=embedder.id,
        dimension=embedder.dimension,
        max_query_ms=settings.INDEX_MAX_QUERY_MS,
        max_memory=settings.INDEX_MAX_MEMORY,
    )
    build.directory = name
    build.upto_change = upto
    build.vectors, build.dimension = figures.count, figures.dimension
    build.index_key, build.index_param = figures.index_key, figures.index_param
    build.size, build.recall = figures.bytes, figures.recall
    build.milliseconds = round(1000 * figures.build_seconds)
    build.figures = {
        "reason": figures.reason,
        "milliseconds_per_photo": figures.milliseconds_per_photo,
        "exact_milliseconds_per_photo": figures.exact_milliseconds_per_photo,
    }
    build.progress = 1
    _activate(build)
    _remove_old(embedder.id)


def _parts(embedder_id: str) -> Iterator[index.Part]:
    rows = ReferenceVector.objects.filter(
        embedder_id=embedder_id, reference__in=queries.searchable_references()
    ).order_by("reference_id")
    fields = ("reference_id", "reference__person_id", "vector", "reference__image", "reference__person__name")
    last = 0
    while True:
        some = list(rows.filter(reference_id__gt=last).values_list(*fields)[:PART])
        if not some:
            return
        ids, persons, vectors, images, names = zip(*some, strict=True)
        yield index.Part(
            np.array(ids, np.int64),
            np.array(persons, np.int64),
            np.stack([from_bytes(vector) for vector in vectors]),
            images,
            names,
        )
        last = ids[-1]


def _activate(build: Build) -> None:
    """One write makes the build the one that serves."""
    with transaction.atomic():
        Build.objects.filter(embedder_id=build.embedder_id, is_active=True).update(is_active=False)
        build.is_active = True
        build.save()
        queue.finish(build, Status.DONE)
    build.refresh_from_db()


def _remove_old(embedder_id: str) -> None:
    """Keep the active build and the one before it; the others' directories go."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE).exclude(directory="")
    for old in kept.order_by("-is_active", "-pk")[2:]:
        shutil.rmtree(settings.INDEX_ROOT / old.directory, ignore_errors=True)
        Build.objects.filter(pk=old.pk).update(directory="")
