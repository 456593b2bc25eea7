"""Groups all unknown faces anew, as a job that can be watched and stopped: what grew one by one is put in order.

What people decided stays: named faces are in no cluster, the like of ignored ones are kept out, and what was split
is not joined. A cluster keeps its number where most of its faces had it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from django.db import transaction

from gallery.faces.clustering import list_grouped_faces, stack_vectors, write_clusters
from gallery.faces.splits import choose_free_key, hold_grouping_lock, read_sides
from gallery.index import engine
from gallery.jobs.leases import claim_row, finish_row, hold_lease
from gallery.models import Face, FaceGrouping, Status
from gallery.models.querysets import among_ids
from recognition.cluster import cluster
from recognition.errors import RecognitionError
from recognition.types import Embedder, Embeddings

FACES_READ_AT_ONCE = 5_000
SECONDS_BETWEEN_REPORTS = 0.5
Row = tuple[int, int | None, bool]  # a face's id, its cluster, and whether somebody ignored it


class GroupingStopped(RecognitionError):
    """Somebody stopped it; nothing has changed."""


def run_grouping(pk: int) -> bool:
    """Claim the row and group all faces; False if it is not ours to do."""
    grouping = claim_row(FaceGrouping.objects.all(), pk)
    if grouping is None:
        return False
    with hold_lease(grouping):
        try:
            changed = _group_all_faces(engine.get_serving_embedder(), _make_watch(pk))
        except GroupingStopped:
            finish_row(grouping, Status.CANCELLED)
            return True
        except RecognitionError as error:
            finish_row(grouping, Status.FAILED, error)
            return True
        FaceGrouping.objects.filter(pk=pk).update(progress=1, changed=changed)
        finish_row(grouping, Status.DONE)
    return True


def _make_watch(pk: int) -> Callable[[float], None]:
    last = -SECONDS_BETWEEN_REPORTS

    def watch(share: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last < SECONDS_BETWEEN_REPORTS:
            return
        last = now
        if FaceGrouping.objects.filter(pk=pk, is_cancel_wanted=True).exists():
            raise GroupingStopped
        FaceGrouping.objects.filter(pk=pk).update(progress=round(share, 3))

    return watch


def _group_all_faces(embedder: Embedder, watch: Callable[[float], None]) -> int:
    watch(0)
    rows, vectors = _read_faces(embedder, watch)
    if not rows:
        return 0
    least = engine.get_decision_bounds(embedder).known
    sides = read_sides()
    own = {number: sides[pk] for number, (pk, *_rest) in enumerate(rows) if pk in sides}
    parts = cluster(vectors, least, own, watch=lambda share: watch(0.1 + 0.8 * share))
    watch(0.9)
    with transaction.atomic():
        hold_grouping_lock()
        kept = dict(list_grouped_faces(embedder).values_list("pk", "cluster"))
        now = read_sides()
        split = {pk for pk in now.keys() | sides.keys() if now.get(pk) != sides.get(pk)}
        grouped = [(row, part) for row, part in zip(rows, parts.tolist(), strict=True) if row[0] not in split]
        wanted = _choose_clusters(grouped, kept)
        known = {row[0] for row, _part in grouped}
        late = [pk for pk, key in kept.items() if pk not in known and key is not None]
        # Those that came, or were split, meanwhile find their cluster now.
        Face.objects.filter(pk__in=among_ids(late)).update(cluster=None)
        return write_clusters(wanted)


def _read_faces(embedder: Embedder, watch: Callable[[float], None]) -> tuple[list[Row], Embeddings]:
    found = list_grouped_faces(embedder).only("pk", "cluster", "decision", "embedding").order_by("pk")
    rows, parts, last = list[Row](), [np.zeros((0, embedder.dimension), np.float32)], 0
    while some := list(found.filter(pk__gt=last)[:FACES_READ_AT_ONCE]):
        watch(0.05)
        rows += [(face.pk, face.cluster, bool(face.decision)) for face in some]
        parts.append(stack_vectors(some))
        last = some[-1].pk
    return rows, np.concatenate(parts)


def _choose_clusters(grouped: list[tuple[Row, int]], kept: dict[int, int | None]) -> dict[int, list[int]]:
    """Faces by the cluster they get, of those that still may be in one and whose cluster is another now."""
    groups: dict[int, list[Row]] = {}
    for row, part in grouped:
        groups.setdefault(part, []).append(row)
    taken = set[int]()
    wanted: dict[int, list[int]] = {}
    for faces in sorted(groups.values(), key=len, reverse=True):
        before = Counter(abs(key) for _pk, key, _ignored in faces if key is not None)
        ids = [pk for pk, *_rest in faces]
        key = next((key for key, _times in before.most_common() if key not in taken), None)
        key = key or choose_free_key(ids, taken)
        taken.add(key)
        signed = -key if any(ignored for *_rest, ignored in faces) else key
        if changed := [pk for pk in ids if pk in kept and kept[pk] != signed]:
            wanted[signed] = changed
    return wanted
