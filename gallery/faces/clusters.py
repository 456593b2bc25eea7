"""Clusters of unknown faces as pages show them, the biggest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from gallery.faces.selectors import count_unnamed_by_cluster
from gallery.models import Candidate, Face, Person, User
from gallery.models.querysets import recognition_off_q

CLUSTERS_PER_PAGE = 18
SAMPLE_SIZE = 8  # faces shown of each group
# Could be compared, and is not any more, for its age alone.
IS_FORGOTTEN = Q(
    embedding__isnull=True, is_usable=True, landmarks__isnull=False, is_veiled=False
) & ~recognition_off_q("photo")
MAX_CLUSTER_FACES = 240  # faces of one group shown at once

# Faces by group: those in none under None, those like ignored ones below 0
ClusterSizes = dict[int | None, int]


@dataclass(frozen=True, slots=True)
class FaceCluster:
    key: int
    size: int
    sample: list[Face]

    @property
    def unseen(self) -> int:
        return self.size - len(self.sample)


def get_unnamed_faces(user: User) -> QuerySet[Face]:
    """Faces without a name and without a decision."""
    return Face.objects.visible_to(user).unnamed()


def _only_tile_fields(faces: QuerySet[Face]) -> QuerySet[Face]:
    """With what a page of many faces shows of each, and nothing else."""
    sides = ("left", "top", "width", "height")
    return faces.select_related("photo").only("cluster", "revision", *sides, "photo__name", "photo__sha256")


def count_cluster_sizes(user: User) -> ClusterSizes:
    """How many faces each group has: what is in groups and what is outside of them, in one look at all."""
    return count_unnamed_by_cluster(user)


def list_clusters(user: User, sizes: ClusterSizes, page: int) -> tuple[list[FaceCluster], bool]:
    """A page of groups of two and more, and whether more follow; one query."""
    many = ((-size, key) for key, size in sizes.items() if key is not None and key > 0 and size > 1)
    found = nsmallest((page + 1) * CLUSTERS_PER_PAGE + 1, many)[page * CLUSTERS_PER_PAGE :]
    samples = _sample_faces(user, [key for _, key in found[:CLUSTERS_PER_PAGE]])
    return [FaceCluster(key, -size, samples.get(key, [])) for size, key in found[:CLUSTERS_PER_PAGE]], len(
        found
    ) > CLUSTERS_PER_PAGE


def _sample_faces(user: User, keys: Sequence[int]) -> dict[int, list[Face]]:
    place = Window(RowNumber(), partition_by=F("cluster"), order_by=(F("score").desc(), F("pk").asc()))
    rows = (
        get_unnamed_faces(user).filter(cluster__in=keys).annotate(place=place).filter(place__lte=SAMPLE_SIZE)
    )
    samples: dict[int, list[Face]] = {}
    for face in _only_tile_fields(rows.order_by("cluster", "place")):
        samples.setdefault(face.cluster or 0, []).append(face)
    return samples


def list_cluster_faces(user: User, key: int) -> list[Face]:
    """The faces of one group, the clearest first."""
    rows = _only_tile_fields(get_unnamed_faces(user).filter(cluster=key)).order_by("-score", "pk")
    return list(rows[:MAX_CLUSTER_FACES])


def suggest_person(faces: Sequence[Face]) -> Person | None:
    """Whom most of these faces are unsure to be, if it is most of them."""
    best = (
        Candidate.objects.filter(face__in=faces, rank=0, face__state=Face.State.UNSURE)
        .order_by()
        .values("person")
    )
    found = best.annotate(times=Count("pk")).order_by("-times").values_list("person", "times").first()
    if found is None or found[1] * 2 <= len(faces):
        return None
    return Person.objects.filter(pk=found[0]).first()


@dataclass(frozen=True, slots=True)
class UnclusteredCounts:
    """Unknown faces outside of groups."""

    single: int
    like_ignored: int
    forgotten: int  # too old to be compared with others


def count_unclustered_faces(user: User, sizes: ClusterSizes) -> UnclusteredCounts:
    single = sizes.get(None, 0) + sum(size == 1 for key, size in sizes.items() if key is not None and key > 0)
    ignored = sum(size for key, size in sizes.items() if key is not None and key < 0)
    return UnclusteredCounts(single, ignored, get_unnamed_faces(user).filter(IS_FORGOTTEN).count())


def _real_cluster_keys(user: User) -> QuerySet[Face, int | None]:
    """Groups of two and more."""
    sizes = (
        get_unnamed_faces(user).filter(cluster__gt=0).order_by().values("cluster").annotate(size=Count("pk"))
    )
    return sizes.filter(size__gt=1).values_list("cluster", flat=True)


def get_single_faces(user: User) -> QuerySet[Face]:
    """Faces that look like no other unknown one."""
    alone = Q(cluster__isnull=True) | Q(cluster__gt=0) & ~Q(cluster__in=_real_cluster_keys(user))
    return _only_tile_fields(get_unnamed_faces(user).filter(alone))


def get_faces_like_ignored(user: User) -> QuerySet[Face]:
    """Faces kept out of the groups because they look like faces that somebody ignored."""
    return _only_tile_fields(get_unnamed_faces(user).filter(cluster__lt=0))


def list_least_similar_faces(user: User, person: Person) -> list[Face]:
    """Faces that carry the person's name, the least alike first: where faces of somebody else would be."""
    rows = Face.objects.visible_to(user).named().filter(person=person)
    ranked = rows.order_by(F("similarity").asc(nulls_last=True), "pk")
    return list(_only_tile_fields(ranked)[:MAX_CLUSTER_FACES])
