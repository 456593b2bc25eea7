"""Builds of the index: requested, run one at a time, made active by one write, cleaned up after, and verified."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import Min, QuerySet
from django.utils.translation import gettext as _

from gallery.core.exceptions import JobFailed
from gallery.index import engine
from gallery.index.contents import FACES, INDEXED_ROWS, REFERENCES, IndexedRows
from gallery.index.engine import get_configured_recipe, get_embedder_by_id
from gallery.index.feed import get_latest_change_id, get_settled_change_id, list_index_changes
from gallery.index.index_engines import (
    FILES,
    get_engine_of,
    get_index_engine,
    is_kept_elsewhere,
    list_engines,
    name_build,
)
from gallery.index.live import IndexFollower, open_index
from gallery.index.selectors import (
    SERVING_RECIPE_KEY,
    UNFINISHED_STATUSES,
    find_earlier_builds,
    find_kept_builds,
    get_active_build,
    list_changes_since,
)
from gallery.jobs import dispatch
from gallery.jobs.leases import LeaseLost, claim_row, finish_row, hold_lease, postpone_row
from gallery.models import Build, Face, GalleryChange, SiteSetting, Status, User
from gallery.models.base import build_failure_columns
from gallery.models.clock import get_database_time, get_site_time
from gallery.models.history import get_site_setting
from gallery.models.index import IndexContents
from gallery.models.storage import StorageAway
from recognition import index
from recognition.errors import IndexAway, RecognitionError
from recognition.types import Embedder

BUILD_DEBOUNCE_SECONDS = 20  # seconds from the first change to the build that takes it in
SMALL_GALLERY_SIZE = 5_000  # references up to which any change is worth a build: it takes a second
MIN_CHANGED_SHARE = 0.02  # share of a larger gallery that has to change first; until then the delta serves


@transaction.atomic
def request_build(
    reason: str,
    user: User | None = None,
    delay: float = BUILD_DEBOUNCE_SECONDS,
    embedder_id: str = "",
    contents: str = IndexContents.REFERENCES,
) -> Build:
    """The build that is waiting, or a new one; with no delay it is due at once."""
    embedder_id = embedder_id or engine.get_serving_embedder().id
    due = get_database_time() + timedelta(seconds=delay)
    kind = {"embedder_id": embedder_id, "contents": contents}
    waiting = Build.objects.select_for_update().filter(work=Status.QUEUED, **kind).first()
    if waiting is None:
        waiting = Build.objects.create(**kind, queued_at=due, reason=reason, asked_by=user)
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
    active = get_active_build(embedder_id)
    is_elsewhere = active is not None and is_kept_elsewhere(active.directory)
    if active and not is_elsewhere and get_engine_of(active.directory).takes_changes:
        dispatch.send_task("follow_gallery", countdown=BUILD_DEBOUNCE_SECONDS)
        return None
    is_large = active and active.vectors > SMALL_GALLERY_SIZE
    if active and is_large and list_changes_since(active).count() < MIN_CHANGED_SHARE * active.vectors:
        dispatch.send_task("follow_gallery", countdown=BUILD_DEBOUNCE_SECONDS)
        return None
    return request_build(reason, embedder_id=embedder_id)


FACE_BUILD_RETRY = timedelta(minutes=10)  # after a build of faces that failed, or that somebody stopped
MIN_FACES_TO_BUILD = 1_000  # faces up to which all of them are compared, and changes that are worth a build


def is_face_build_due() -> bool:
    """Whether the index of faces holds what it must not hold any more, or lacks so much that a build is due.

    Loads no model. Removed faces are masked at once; the build takes their vectors off the disk, too.
    """
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    faces = Build.objects.filter(contents=IndexContents.FACES)
    ended = faces.filter(work__in=(Status.FAILED, Status.CANCELLED))
    is_waiting = faces.filter(work__in=UNFINISHED_STATUSES) | ended.filter(
        finished_at__gt=get_site_time() - FACE_BUILD_RETRY
    )
    if not isinstance(recipe, dict) or is_waiting.exists():
        return False
    active = get_active_build(recipe["id"], IndexContents.FACES)
    if active is None:
        is_left = faces.filter(is_active=True).exists()  # of the embedder before
        changes = list_index_changes(recipe["id"], IndexContents.FACES)  # a build takes them out of the feed
        most = (Face.objects.comparable(recipe["id"]), changes)
        return is_left or any(rows[MIN_FACES_TO_BUILD - 1 :].exists() for rows in most)
    if is_kept_elsewhere(active.directory):
        return True
    if get_engine_of(active.directory).takes_changes:
        return False
    since = list_changes_since(active)
    if since.filter(kind=GalleryChange.Kind.ERASED).exists():
        return True
    return since.count() >= max(MIN_FACES_TO_BUILD, MIN_CHANGED_SHARE * active.vectors)


def is_engine_switch_due() -> bool:
    """Whether references are still searched in another engine than that which the settings name."""
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    active = get_active_build(recipe["id"]) if isinstance(recipe, dict) else None
    references = Build.objects.filter(contents=IndexContents.REFERENCES)
    is_tried = references.filter(work__in=UNFINISHED_STATUSES) | references.filter(
        work=Status.FAILED, finished_at__gt=get_site_time() - FACE_BUILD_RETRY
    )
    return active is not None and is_kept_elsewhere(active.directory) and not is_tried.exists()


SECONDS_BETWEEN_REPORTS = 0.5
AWAY_RETRY_SECONDS = 60.0  # after which an engine that was away is asked again
BUILD_STEPS = {"write": (0.0, 0.4), "build": (0.4, 0.5), "check": (0.9, 0.1)}  # start and share of the whole


def run_build(pk: int) -> Build | None:
    """Claim the build and run it; None if it is not ours to do, as while another one is running."""
    _fail_dead_builds(pk)
    try:
        with transaction.atomic():
            build = claim_row(Build.objects.all(), pk)
    except IntegrityError:  # the database holds at most one build that is running
        build = None
    if build is None:
        return None
    with hold_lease(build):
        try:
            _run_claimed_build(build)
        except index.BuildCancelled:
            finish_row(build, Status.CANCELLED)
        except IndexAway as error:
            postpone_row(build, AWAY_RETRY_SECONDS, error)
        except RecognitionError as error:
            finish_row(build, Status.FAILED, error)
        except StorageAway:
            raise  # it waits
        except OSError as error:
            finish_row(build, Status.FAILED, JobFailed("index_not_written", error=error.strerror or error))
    build.refresh_from_db()
    return build


def _fail_dead_builds(pk: int) -> None:
    """A build whose process died gives way to one that was asked for after it; both would hold the same."""
    dead = Build.objects.filter(work=Status.PROCESSING, lease_until__lt=get_database_time(), pk__lt=pk)
    dead.update(
        work=Status.FAILED,
        finished_at=get_site_time(),
        lease_owner="",
        lease_until=None,
        **build_failure_columns(JobFailed("builder_ended")),
    )


def _run_claimed_build(build: Build) -> None:
    embedder = get_embedder_by_id(build.embedder_id)
    # Builds asked for before this one starts will hold nothing that this one does not.
    kind = {"embedder_id": embedder.id, "contents": build.contents}
    waiting = Build.objects.filter(work=Status.QUEUED, **kind).exclude(pk=build.pk)
    superseded = build_failure_columns(JobFailed("build_superseded", pk=build.pk))
    waiting.update(work=Status.CANCELLED, finished_at=get_site_time(), **superseded)
    clean_up_builds(embedder.id, build.contents)
    upto = get_settled_change_id(embedder.id, build.contents)
    name = name_build(embedder.id, build.pk)
    figures = _write_index(build, embedder, name)
    try:
        activate_build(
            build,
            directory=name,
            upto_change=upto,
            vectors=figures.count,
            dimension=figures.dimension,
            index_key=figures.index_key,
            index_param=figures.index_param,
            size=figures.bytes,
            recall=figures.recall,
            milliseconds=round(1000 * figures.build_seconds),
            figures=asdict(figures) | {"built_upto": upto},
        )
    except LeaseLost:
        get_index_engine().drop(name)
        raise
    with suppress(IndexAway):  # the next build finds what is left
        clean_up_builds(embedder.id, build.contents)


def _write_index(build: Build, embedder: Embedder, name: str) -> index.BuildFigures:
    row, is_due = Build.objects.filter(pk=build.pk), _make_interval_check()
    rows = INDEXED_ROWS[build.contents]
    return get_index_engine().build(
        rows.stream_parts(embedder.id),
        name,
        embedder_id=embedder.id,
        dimension=embedder.dimension,
        progress=_make_progress_reporter(row, rows.list_searchable(embedder.id).count()),
        cancelled=lambda: is_due() and row.filter(is_cancel_wanted=True).exists(),
    )


def _make_progress_reporter(row: QuerySet[Build], total: int) -> Callable[[str, int], None]:
    """Writes step and progress into the row, at each new step and else twice a second at most."""
    is_due = _make_interval_check()
    last_step = ""

    def report(step: str, done: int) -> None:
        nonlocal last_step
        if is_due() or step != last_step:
            start, share = BUILD_STEPS[step]
            progress = round(start + share * min(1.0, done / max(1, total)), 3)
            row.update(step=step, progress=progress)
        last_step = step

    return report


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


def activate_build(build: Build, **columns: Any) -> None:
    """Make the finished build the one that serves; LeaseLost, and no change, if it is no longer ours."""
    with transaction.atomic():
        _mark_build_active(build)
        Build.objects.filter(pk=build.pk).update(progress=1, step="", **columns)
        finish_row(build, Status.DONE)
        if build.contents != IndexContents.REFERENCES:
            return
        recipe = get_configured_recipe()
        if recipe["id"] == build.embedder_id:  # the first that serves; others take over in people.processing
            SiteSetting.objects.get_or_create(key=SERVING_RECIPE_KEY, defaults={"value": recipe})
        dispatch.send_task("follow_gallery")
        dispatch.send_task("check_gallery")


def _mark_build_active(build: Build) -> None:
    kind = {"embedder_id": build.embedder_id, "contents": build.contents}
    Build.objects.filter(**kind, is_active=True).update(is_active=False)
    Build.objects.filter(pk=build.pk).update(is_active=True)
    build.is_active = True


def roll_back_build(embedder_id: str) -> Build:
    """Let the build before the active one serve again. What has changed since it was made still counts.

    Raises NoEarlierBuild, or IndexUnusable when its files are broken; nothing has changed then.
    """
    build = find_earlier_builds(embedder_id).first()
    if build is None:
        raise NoEarlierBuild(_("No earlier build is kept, so there is nothing to go back to."))
    open_index(build)
    with transaction.atomic():
        _mark_build_active(build)
        dispatch.send_task("follow_gallery")
    return build


MAX_KEPT_BUILDS = 2  # the build that serves and the one before it


def clean_up_builds(embedder_id: str, contents: str = IndexContents.REFERENCES) -> None:
    """Keep the newest builds; of those made before somebody was erased, only the one that serves."""
    kept = find_kept_builds(embedder_id, contents)
    erased = get_latest_change_id(embedder_id, contents, kind=GalleryChange.Kind.ERASED)
    for place, build in enumerate(kept.order_by("-is_active", "-pk")):
        is_stale = build.upto_change < erased or get_index_engine().takes_changes
        if place >= MAX_KEPT_BUILDS or (not build.is_active and is_stale):
            drop_build_files(build)
    if contents == IndexContents.FACES and kept.filter(is_active=True).exists():
        _drop_face_builds_of_others(embedder_id)
    remove_orphan_directories(embedder_id)
    forget_old_changes(embedder_id, contents)


def forget_old_changes(embedder_id: str, contents: str) -> None:
    """Changes that every kept build contains are followed by nobody any more."""
    kept = find_kept_builds(embedder_id, contents)
    oldest = kept.aggregate(oldest=Min("upto_change"))["oldest"] or 0
    list_index_changes(embedder_id, contents).filter(pk__lt=oldest).delete()


def _drop_face_builds_of_others(embedder_id: str) -> None:
    """A face has one vector: those of the embedder before are gone from the database, or are about to go."""
    others = Build.objects.filter(contents=IndexContents.FACES).exclude(embedder_id=embedder_id)
    others.update(is_active=False)
    for build in others.exclude(directory=""):
        drop_build_files(build)
    GalleryChange.objects.filter(contents=IndexContents.FACES).exclude(embedder_id=embedder_id).delete()


def drop_build_files(build: Build) -> None:
    """Of a build that does not serve.

    The row first: a directory without a row is a leftover, a row without a directory is broken.
    """
    name = build.directory
    Build.objects.filter(pk=build.pk, is_active=False).update(directory="")
    get_engine_of(name).drop(name)


def remove_orphan_directories(embedder_id: str) -> None:
    FILES.drop_partials(embedder_id)
    for name in list_orphans(embedder_id):
        get_engine_of(name).drop(name)


def list_orphans(embedder_id: str) -> list[str]:
    """What belongs to no build: being written, or left by a process that died."""
    owned = set(Build.objects.filter(embedder_id=embedder_id).values_list("directory", flat=True))
    there = [name for each in list_engines() for name in each.list_names(embedder_id)]
    return [name for name in there if name not in owned]


VECTOR_TOLERANCE = 1e-6
MAX_LISTED_IDS = 20  # ids named in a report


@dataclass(slots=True)
class IndexDifferences:
    """Ids of references, or faces, by what is wrong with them in the index; `problem`: it cannot be opened at all."""

    contents: str
    build: int | None = None
    rows: int = 0  # in the database
    problem: str = ""
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    misplaced: list[int] = field(default_factory=list)  # of another person than the database says
    altered: list[int] = field(default_factory=list)  # another vector than the database has
    is_mended: bool = False
    faces: IndexDifferences | None = None  # of the index of faces, where there is one

    @property
    def is_sound(self) -> bool:
        is_faces_sound = self.faces is None or self.faces.is_sound
        return is_faces_sound and not self.is_different

    @property
    def is_different(self) -> bool:
        """Whether this index is, the other aside."""
        return bool(self.problem or self.missing or self.extra or self.misplaced or self.altered)

    def as_json(self) -> dict[str, Any]:
        kinds = ("missing", "extra", "misplaced", "altered")
        counts = {
            kind: {"count": len(ids := getattr(self, kind)), "first": ids[:MAX_LISTED_IDS]} for kind in kinds
        }
        return {
            "is_sound": self.is_sound,
            "build": self.build,
            self.contents: self.rows,
            "problem": self.problem or None,
            "is_mended": self.is_mended,
            **counts,
            **({"faces": self.faces.as_json()} if self.faces else {}),
        }


def compare_index_with_database(*, mend: bool = False) -> IndexDifferences:
    """Compare the indexes as a fresh process would serve them with the database; with `mend`, build anew."""
    embedder = engine.get_serving_embedder()
    found = _compare_one(embedder, REFERENCES, mend=mend)
    if get_active_build(embedder.id, IndexContents.FACES):
        faces = _compare_one(embedder, FACES, mend=mend)
        is_mended = all(each.is_mended or each.is_sound for each in (found, faces))
        found.faces, found.is_mended = faces, is_mended
    return found


def _compare_one(embedder: Embedder, rows: IndexedRows, *, mend: bool) -> IndexDifferences:
    build = get_active_build(embedder.id, rows.contents)
    found = IndexDifferences(rows.contents, build.pk if build else None)
    follower = IndexFollower(embedder.id, embedder.dimension, rows)
    follower.refresh()
    found.problem = follower.problem
    _compare_vectors(follower, found)
    if mend and not found.is_sound and not follower.is_unfetched:
        made = run_build(request_build("verify_index", delay=0, contents=rows.contents).pk)
        found.is_mended = bool(made and made.is_active) and _compare_one(embedder, rows, mend=False).is_sound
    return found


def _compare_vectors(follower: IndexFollower, found: IndexDifferences) -> None:
    met = [np.zeros(0, np.int64)]
    for part in follower.rows.stream_parts(follower.embedder_id):
        found.rows += len(part.ids)
        met.append(part.ids)
        held = follower.live.take(part.ids)
        is_same = np.isclose(held.vectors, part.vectors, atol=VECTOR_TOLERANCE).all(axis=1)
        found.missing += part.ids[~held.is_known].tolist()
        found.misplaced += part.ids[held.is_known & (held.persons != part.persons)].tolist()
        found.altered += part.ids[held.is_known & ~is_same].tolist()
    found.extra = np.setdiff1d(follower.live.list_ids(), np.concatenate(met)).tolist()
