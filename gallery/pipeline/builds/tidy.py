"""What is no longer needed of builds goes: old directories, what dead builds left, old rows of the feed.

Call it only while holding the one build that may run: it takes whatever nobody owns for a leftover.
"""

from __future__ import annotations

import shutil

from django.conf import settings
from django.db.models import Min

from gallery.models import Build, GalleryChange, Status
from recognition import index

KEPT = 2  # the build that serves and the one before it


def tidy(embedder_id: str) -> None:
    _drop_old(embedder_id)
    _remove_leftovers(embedder_id)
    _forget_old_changes(embedder_id)


def _drop_old(embedder_id: str) -> None:
    """Keep the newest; of builds made before somebody was erased, only the one that serves."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE).exclude(directory="")
    erased = _last_erasure(embedder_id)
    for place, build in enumerate(kept.order_by("-is_active", "-pk")):
        if place >= KEPT or (not build.is_active and build.upto_change < erased):
            drop(build)


def _last_erasure(embedder_id: str) -> int:
    rows = GalleryChange.objects.filter(embedder_id=embedder_id, kind=GalleryChange.Kind.ERASED)
    return rows.order_by("-pk").values_list("pk", flat=True).first() or 0


def drop(build: Build) -> None:
    """Of a build that does not serve.

    The row first: a directory without a row is a leftover, a row without a directory is broken.
    """
    directory = settings.INDEX_ROOT / build.directory
    Build.objects.filter(pk=build.pk, is_active=False).update(directory="")
    shutil.rmtree(directory, ignore_errors=True)


def _remove_leftovers(embedder_id: str) -> None:
    parent = settings.INDEX_ROOT / embedder_id
    parent.mkdir(parents=True, exist_ok=True)
    index.remove_partials(parent)
    owned = set(Build.objects.filter(embedder_id=embedder_id).values_list("directory", flat=True))
    for path in parent.iterdir():
        if path.is_dir() and f"{embedder_id}/{path.name}" not in owned:
            shutil.rmtree(path, ignore_errors=True)


def _forget_old_changes(embedder_id: str) -> None:
    """Rows that every kept build contains are followed by nobody any more."""
    kept = Build.objects.filter(embedder_id=embedder_id, work=Status.DONE).exclude(directory="")
    oldest = kept.aggregate(oldest=Min("upto_change"))["oldest"] or 0
    GalleryChange.objects.filter(embedder_id=embedder_id, pk__lt=oldest).delete()
