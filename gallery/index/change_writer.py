"""Writes the feed of changes to builds that take it, as those in Milvus do; nothing is rebuilt for it.

Searching processes follow the feed themselves, so what is not written yet is found as well. One process writes at
a time: it holds the build's row, reads what the database says now, and writes that."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from gallery.index.builds import forget_old_changes
from gallery.index.contents import INDEXED_ROWS
from gallery.index.feed import get_settled_change_id
from gallery.index.index_engines import get_engine_of, get_milvus
from gallery.index.live import get_settled_time
from gallery.index.selectors import list_changes_since
from gallery.models import Build
from recognition.index import make_part
from recognition.index.milvus import SCHEME

CHANGES_PER_WRITE = 1_000


def list_writable_builds() -> list[Build]:
    """Builds that serve and take changes. Connects to no engine."""
    return list(Build.objects.filter(is_active=True, directory__startswith=SCHEME))


def is_writing_due() -> bool:
    return any(
        list_changes_since(build).filter(at__lte=get_settled_time()).exists()
        for build in list_writable_builds()
    )


def write_index_changes() -> None:
    """Write to every build what has changed, as far as nothing older can still appear in the feed."""
    for build in list_writable_builds():
        write_changes(build)


def write_changes(build: Build, upto: int | None = None) -> None:
    """Write all changes up to this one, or as far as they are settled. Raises IndexAway."""
    while _write_some_changes(build.pk, upto):
        pass
    forget_old_changes(build.embedder_id, build.contents)


def _write_some_changes(pk: int, upto: int | None) -> bool:
    with transaction.atomic():
        build = Build.objects.select_for_update().filter(pk=pk, is_active=True).first()
        if build is None:
            return False
        rows = list_changes_since(build).order_by("pk").values_list("pk", "object_id", "at")
        settled = get_settled_time()
        some = list(
            takewhile(
                lambda row: row[2] <= settled if upto is None else row[0] <= upto, rows[:CHANGES_PER_WRITE]
            )
        )
        if not some:
            return False
        numbers = {number for _, number, _ in some}
        found = INDEXED_ROWS[build.contents].read(build.embedder_id, numbers)
        ids, persons, vectors = zip(*found, strict=True) if found else ((), (), ())
        changed = make_part(ids, persons, np.reshape(vectors, (len(ids), build.dimension)))
        removed = np.array(sorted(numbers.difference(ids)), np.int64)
        get_engine_of(build.directory).write(build.directory, removed, changed)
        Build.objects.filter(pk=pk).update(upto_change=some[-1][0])
        return True


def may_hold_erased_q(change: int) -> Q:
    """Builds on whose disk may be what was erased with this change, although they serve it no more."""
    is_before = Q(upto_change__lt=change)
    if settings.MILVUS_URI and not get_milvus().erases_in_place:
        is_before |= Q(directory__startswith=SCHEME, figures__built_upto__lt=change)
    return is_before


def erase_in_place(build: Build, change: int) -> bool:
    """Have the engine free what was erased up to this change; False where it can't, and a new build is due.

    Asked for again where the change has been written already: nobody knows then whether it is off the disk.
    """
    engine = get_engine_of(build.directory)
    if not engine.erases_in_place:
        return False
    write_changes(build, upto=max(change, get_settled_change_id(build.embedder_id, build.contents)))
    engine.compact(build.directory)
    return True
