"""Gathers unknown faces that look alike into clusters, so that people can name a whole cluster at once.

A face's `cluster` is the id of a face, the oldest there was when the cluster was found. A new face is compared with
its neighbours in the index alone: it joins their cluster or founds one, and clusters that have become alike are
joined. Faces that look like ignored ones get the negative of that id: they are in no cluster that a page shows, but
are not lost. What people have split stays so (faces.splits), whose lock is held by whoever groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
from django.db import transaction
from django.db.models import Q
from numpy.typing import NDArray

from gallery.faces.splits import find_free_key, hold_grouping_lock, read_sides
from gallery.history.changeset import split_into_chunks
from gallery.index import engine
from gallery.index.contents import FACES
from gallery.index.live import get_index_follower
from gallery.models import Decision, Face
from gallery.models.querysets import FaceQuerySet, among_ids
from recognition.cluster import are_on_one_side, cluster, is_coherent, join_new_faces
from recognition.types import Embedder, Embeddings

FACES_PER_STEP = 100  # new faces in one transaction
NEIGHBOURS = 60  # of a new face, named ones among them, that may say where it belongs


def get_clusterable_faces() -> FaceQuerySet:
    """Faces that may be in a cluster: recognisable, without a name and without a decision."""
    return Face.objects.outside_trash().unnamed().filter(embedding__isnull=False)


def list_grouped_faces(embedder: Embedder) -> FaceQuerySet:
    """Those, and ignored ones, whose like are kept out of the clusters."""
    ignored = Face.objects.outside_trash().filter(decision=Decision.IGNORED, embedding__isnull=False)
    return (get_clusterable_faces() | ignored).filter(embedder_id=embedder.id)


def is_clustering_due() -> bool:
    """Whether there are faces that have not been clustered yet. Loads no model."""
    return get_clusterable_faces().filter(cluster__isnull=True).exists()


def cluster_new_faces() -> int:
    """Group the faces that are in no cluster yet, step by step; how many faces changed their cluster."""
    embedder, changed, last = engine.get_serving_embedder(), 0, 0
    new = get_clusterable_faces().filter(cluster__isnull=True, embedder_id=embedder.id).order_by("pk")
    while ids := list(new.filter(pk__gt=last).values_list("pk", flat=True)[:FACES_PER_STEP]):
        changed += _cluster_some_faces(ids, embedder)
        last = ids[-1]
    return changed


@dataclass(slots=True)
class _Group:
    """Faces of one cluster, or one new face; and the sides they stand on."""

    key: int
    faces: list[Face]
    sides: set[int] = field(default_factory=set)

    @property
    def total(self) -> NDArray[np.float64]:
        """The sum (dimension,) of their vectors."""
        total: NDArray[np.float64] = stack_vectors(self.faces).sum(axis=0, dtype=np.float64)
        return total


def _cluster_some_faces(ids: Collection[int], embedder: Embedder) -> int:
    follower = get_index_follower(embedder, FACES)
    follower.refresh()  # may take a while, so not in the transaction
    with transaction.atomic():
        hold_grouping_lock()
        grouped = list_grouped_faces(embedder).only("pk", "embedding", "cluster", "decision").order_by("pk")
        new = [face for face in grouped.filter(pk__in=ids, cluster__isnull=True) if not face.decision]
        if not new:
            return 0
        least = engine.get_decision_bounds(embedder).known
        near = follower.live.search(stack_vectors(new), NEIGHBOURS)
        found = {
            one.reference for neighbours in near for one in neighbours if one.similarity >= least
        }.difference(face.pk for face in new)
        keys = set[int]()
        for some in split_into_chunks(sorted(found)):  # in plain lists: SQLite then looks up each
            clustered = grouped.filter(pk__in=some, cluster__isnull=False)
            keys.update(abs(key) for key in clustered.values_list("cluster", flat=True) if key)
        items = _load_groups(grouped, keys, least)
        sides = read_sides([face.pk for face in new])
        items += [_Group(find_free_key([face.pk]), [face], sides.get(face.pk, set())) for face in new]
        place = {face.pk: number for number, item in enumerate(items) for face in item.faces}
        alike = [
            (-one.similarity, place[face.pk], place[one.reference])
            for face, neighbours in zip(new, near, strict=True)
            for one in neighbours
            if one.similarity >= least and one.reference in place and one.reference != face.pk
        ]
        pairs = [(left, right) for _similarity, left, right in sorted(alike)]
        sums = np.stack([item.total for item in items])
        sizes = np.array([len(item.faces) for item in items], np.float64)
        sides = {number: item.sides for number, item in enumerate(items)}
        roots = join_new_faces(sums, sizes, pairs, least, sides)
        return _write_clusters(items, roots.tolist())


def stack_vectors(faces: Iterable[Face]) -> Embeddings:
    return np.stack([face.embedding for face in faces if face.embedding is not None])


def _load_groups(grouped: FaceQuerySet, keys: Collection[int], least: float) -> list[_Group]:
    """These clusters with all their faces; one that does not hold together any more is taken apart."""
    members: dict[int, list[Face]] = {}
    for chunk in split_into_chunks([signed for key in sorted(keys) for signed in (key, -key)]):
        for face in grouped.filter(cluster__in=chunk):
            members.setdefault(abs(face.cluster or 0), []).append(face)
    sides = read_sides([face.pk for faces in members.values() for face in faces])

    def make_group(key: int, faces: list[Face]) -> _Group:
        return _Group(key, faces, set().union(*(sides.get(face.pk, ()) for face in faces)))

    groups = []
    for key, faces in sorted(members.items()):
        group = make_group(key, faces)
        if is_coherent(group.total, len(faces), least) and are_on_one_side(group.sides):
            groups.append(group)
            continue
        own = {row: sides[face.pk] for row, face in enumerate(faces) if face.pk in sides}
        parts = cluster(stack_vectors(faces), least, own)
        for first in np.unique(parts):
            some = [face for face, part in zip(faces, parts, strict=True) if part == first]
            groups.append(make_group(key if first == 0 else find_free_key([face.pk for face in some]), some))
    return groups


def _write_clusters(items: list[_Group], roots: list[int]) -> int:
    """Give all faces of what was joined one cluster, the oldest; how many faces changed theirs."""
    joined: dict[int, list[_Group]] = {}
    for item, root in zip(items, roots, strict=True):
        joined.setdefault(root, []).append(item)
    wanted: dict[int, list[int]] = {}
    for some in joined.values():
        faces = [face for item in some for face in item.faces]
        key = min(item.key for item in some)
        key = -key if any(face.decision for face in faces) else key
        if ids := [face.pk for face in faces if face.cluster != key]:
            wanted[key] = ids
    return write_clusters(wanted)


@transaction.atomic
def write_clusters(wanted: dict[int, list[int]]) -> int:
    """Faces by the cluster they get; how many there were."""
    ids = sorted(pk for some in wanted.values() for pk in some)
    for chunk in split_into_chunks(ids):  # in the order in which everybody locks several
        list(Face.objects.select_for_update().filter(pk__in=chunk).order_by("pk").values_list("pk"))
    for key, some in wanted.items():
        for chunk in split_into_chunks(some):
            Face.objects.filter(pk__in=chunk).update(cluster=key)
    return len(ids)


def follow_ignored_faces(face_ids: Collection[int]) -> None:
    """After decisions: the like of faces that somebody ignored leave the clusters, and come back with them."""
    embedder = engine.get_serving_embedder()
    with transaction.atomic():
        hold_grouping_lock()
        touched = Face.objects.filter(pk__in=among_ids(face_ids), cluster__isnull=False)
        keys = {abs(key) for key in touched.values_list("cluster", flat=True) if key}
        wanted: dict[int, list[int]] = {}
        for key in sorted(keys):
            rows = list_grouped_faces(embedder).filter(Q(cluster=key) | Q(cluster=-key))
            faces = list(rows.values_list("pk", "cluster", "decision"))
            signed = -key if any(decision for _pk, _cluster, decision in faces) else key
            if ids := [pk for pk, now, _decision in faces if now != signed]:
                wanted[signed] = ids
        write_clusters(wanted)
