"""Gathers unknown faces that look alike, so that people can name a whole group at once.

A face's `cluster` is the id of its group's oldest member; groups found before are kept and grow. Faces that
look like ignored ones get the negative of that id: they are in no group that a page shows, but are not lost.
"""

from __future__ import annotations

import numpy as np
from django.db.models import QuerySet

from gallery import engine
from gallery.models import Decision, Face
from gallery.vectors import from_bytes
from recognition.cluster import NONE, cluster

PART = 500  # faces in one statement


def open_faces() -> QuerySet[Face]:
    """Faces that may be in a group: recognisable, without a name and without a decision."""
    rows = Face.objects.filter(embedding__isnull=False, photo__trashed_at__isnull=True)
    return rows.filter(decision=Decision.NONE, person__isnull=True)


def is_due() -> bool:
    """There are faces that no grouping has seen yet. Loads no model."""
    return open_faces().filter(cluster__isnull=True).exists()


def group_new_faces() -> int:
    """Group all open faces if some are new."""
    new = open_faces().filter(cluster__isnull=True, embedder_id=engine.serving().id)
    return group_faces() if new.exists() else 0


def group_faces() -> int:
    """Group all open faces; how many of them changed their group."""
    embedder = engine.serving()
    ignored = Face.objects.filter(decision=Decision.IGNORED, embedding__isnull=False)
    rows = open_faces() | ignored.filter(photo__trashed_at__isnull=True)
    rows = rows.filter(embedder_id=embedder.id)
    faces = list(rows.only("pk", "embedding", "cluster", "decision").order_by("pk"))
    if not faces:
        return 0
    vectors = np.stack([from_bytes(face.embedding or b"") for face in faces])
    found = cluster(vectors, engine.bounds(embedder).known, _earlier(faces))
    changed = _changed(faces, found)
    Face.objects.bulk_update(changed, ["cluster"], batch_size=PART)
    return len(changed)


def _earlier(faces: list[Face]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The groups found before, as rows of these faces."""
    first: dict[int, int] = {}
    groups = np.full(len(faces), NONE, np.int64)
    for row, face in enumerate(faces):
        if face.cluster is not None:
            groups[row] = first.setdefault(abs(face.cluster), row)
    return groups


def _changed(faces: list[Face], found: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[Face]:
    """The faces whose group is another now, with it set."""
    ignored = {int(group) for face, group in zip(faces, found, strict=True) if face.decision}
    changed = []
    for face, group in zip(faces, found, strict=True):
        key = -faces[group].pk if int(group) in ignored else faces[group].pk
        if face.cluster != key:
            face.cluster = key
            changed.append(face)
    return changed
