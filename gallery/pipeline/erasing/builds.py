"""No kept build of the index, and no part of one, may hold what was erased."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.db.models import QuerySet

from gallery.models import Build, Erasure, Status
from gallery.pipeline import builds
from gallery.pipeline.erasing.steps import count


def clear_builds(erasure: Erasure) -> bool:
    """Drop earlier builds and make the serving ones anew; False while another process is building."""
    for embedder_id, change in erasure.todo["builds"].items():
        stale = _stale(embedder_id, change)
        for build in stale.filter(is_active=False):
            builds.drop(build)
            count(erasure, "builds")
        if not stale.exists() and not _has_leftovers(embedder_id):
            continue
        if _is_building():
            return False
        if not _made_anew(embedder_id, change):
            _give_up(embedder_id)
        count(erasure, "builds", 1)
        for build in stale:
            builds.drop(build)
    return not any(_is_left(*pair) for pair in erasure.todo["builds"].items())


def _stale(embedder_id: str, change: int) -> QuerySet[Build]:
    rows = Build.objects.filter(embedder_id=embedder_id, upto_change__lt=change)
    return rows.exclude(directory="")


def _is_left(embedder_id: str, change: int) -> bool:
    return _stale(embedder_id, change).exists() or _has_leftovers(embedder_id)


def _has_leftovers(embedder_id: str) -> bool:
    """Directories that belong to no build: being written, or left by a process that died."""
    parent = settings.INDEX_ROOT / embedder_id
    owned = set(Build.objects.filter(embedder_id=embedder_id).values_list("directory", flat=True))
    there = [path for path in parent.glob("*") if path.is_dir()] if parent.is_dir() else []
    return any(f"{embedder_id}/{path.name}" not in owned for path in there)


def _is_building() -> bool:
    return Build.objects.filter(work=Status.PROCESSING).exists()


def _made_anew(embedder_id: str, change: int) -> bool:
    """A build that knows of the erasure serves now, and what was there before it is gone."""
    asked = builds.request_build("something was erased", delay=0, embedder_id=embedder_id)
    made = builds.run_build(asked.pk)
    return made is not None and made.is_active and made.upto_change >= change


def _give_up(embedder_id: str) -> None:
    """No new build can be made: none serves then, and references are searched one by one."""
    if _is_building():
        return
    Build.objects.filter(embedder_id=embedder_id).update(is_active=False, directory="")
    shutil.rmtree(settings.INDEX_ROOT / embedder_id, ignore_errors=True)
