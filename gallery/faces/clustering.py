"""Gathers unknown faces that look alike into clusters, so that people can name a whole cluster at once.

A face's `cluster` is the id of its cluster's oldest member; clusters found before are kept and grow. Faces that
look like ignored ones get the negative of that id: they are in no cluster that a page shows, but are not lost."""

from __future__ import annotations

import numpy as np

from gallery.index import engine
from gallery.models import Decision, Face
from gallery.models.querysets import FaceQuerySet
from recognition.cluster import NO_GROUP, cluster

FACES_PER_UPDATE = 500  # faces in one statement


def get_clusterable_faces() -> FaceQuerySet:
    """Faces that may be in a cluster: recognisable, without a name and without a decision."""
    return Face.objects.outside_trash().unnamed().filter(embedding__isnull=False)


def is_clustering_due() -> bool:
    """Whether there are faces that have not been clustered yet. Loads no model."""
    return get_clusterable_faces().filter(cluster__isnull=True).exists()


def cluster_new_faces() -> int:
    """Cluster all open faces if some are new."""
    new = get_clusterable_faces().filter(cluster__isnull=True, embedder_id=engine.get_serving_embedder().id)
    return cluster_all_faces() if new.exists() else 0


def cluster_all_faces() -> int:
    """Cluster all open faces; how many of them changed their cluster."""
    embedder = engine.get_serving_embedder()
    ignored = Face.objects.outside_trash().filter(decision=Decision.IGNORED, embedding__isnull=False)
    rows = (get_clusterable_faces() | ignored).filter(embedder_id=embedder.id)
    faces = list(rows.only("pk", "embedding", "cluster", "decision").order_by("pk"))
    if not faces:
        return 0
    vectors = np.stack([face.embedding for face in faces if face.embedding is not None])
    found = cluster(vectors, engine.get_decision_bounds(embedder).known, _get_earlier_clusters(faces))
    changed = _reassign_faces(faces, found)
    Face.objects.bulk_update(changed, ["cluster"], batch_size=FACES_PER_UPDATE)
    return len(changed)


def _get_earlier_clusters(faces: list[Face]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The clusters found before, as rows of these faces."""
    first: dict[int, int] = {}
    groups = np.full(len(faces), NO_GROUP, np.int64)
    for row, face in enumerate(faces):
        if face.cluster is not None:
            groups[row] = first.setdefault(abs(face.cluster), row)
    return groups


def _reassign_faces(faces: list[Face], found: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[Face]:
    """The faces whose cluster is another now, with it set."""
    ignored = {int(group) for face, group in zip(faces, found, strict=True) if face.decision}
    changed = []
    for face, group in zip(faces, found, strict=True):
        key = -faces[group].pk if int(group) in ignored else faces[group].pk
        if face.cluster != key:
            face.cluster = key
            changed.append(face)
    return changed
