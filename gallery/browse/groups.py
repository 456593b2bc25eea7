"""Unknown faces in groups of look-alikes, the biggest groups first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from gallery.browse import tallies
from gallery.models import Candidate, Face, Person, User
from gallery.recognising import closed
from gallery.visibility import counted_faces, visible_faces

PAGE = 18
SAMPLE = 8  # faces shown of each group
# Could be compared, and is not any more, for its age alone.
FORGOTTEN = Q(embedding__isnull=True, is_usable=True, landmarks__isnull=False, is_veiled=False) & ~closed(
    "photo"
)
LARGEST = 240  # faces of one group shown at once

# Faces by group: those in none under None, those like ignored ones below 0
Sizes = dict[int | None, int]


@dataclass(frozen=True, slots=True)
class Group:
    key: int
    size: int
    sample: list[Face]

    @property
    def unseen(self) -> int:
        return self.size - len(self.sample)


def unnamed(user: User) -> QuerySet[Face]:
    """Faces without a name and without a decision."""
    return visible_faces(user).filter(decision="", person__isnull=True)


def _to_pick(faces: QuerySet[Face]) -> QuerySet[Face]:
    """With what a page of many faces shows of each, and nothing else."""
    sides = ("left", "top", "width", "height")
    return faces.select_related("photo").only("cluster", "revision", *sides, "photo__name", "photo__sha256")


def sizes(user: User) -> Sizes:
    """How many faces each group has: what is in groups and what is outside of them, in one look at all."""
    return tallies.unknown_each(user)


def groups(user: User, sizes: Sizes, page: int) -> tuple[list[Group], bool]:
    """A page of groups of two and more, and whether more follow; one query."""
    many = ((-size, key) for key, size in sizes.items() if key is not None and key > 0 and size > 1)
    found = nsmallest((page + 1) * PAGE + 1, many)[page * PAGE :]
    samples = _samples(user, [key for _, key in found[:PAGE]])
    return [Group(key, -size, samples.get(key, [])) for size, key in found[:PAGE]], len(found) > PAGE


def _samples(user: User, keys: Sequence[int]) -> dict[int, list[Face]]:
    place = Window(RowNumber(), partition_by=F("cluster"), order_by=(F("score").desc(), F("pk").asc()))
    rows = unnamed(user).filter(cluster__in=keys).annotate(place=place).filter(place__lte=SAMPLE)
    samples: dict[int, list[Face]] = {}
    for face in _to_pick(rows.order_by("cluster", "place")):
        samples.setdefault(face.cluster or 0, []).append(face)
    return samples


def group(user: User, key: int) -> list[Face]:
    """The faces of one group, the clearest first."""
    rows = _to_pick(unnamed(user).filter(cluster=key)).order_by("-score", "pk")
    return list(rows[:LARGEST])


def suggestion(faces: Sequence[Face]) -> Person | None:
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
class Rest:
    """Unknown faces outside of groups."""

    single: int
    like_ignored: int
    forgotten: int  # too old to be compared with others


def rest(user: User, sizes: Sizes) -> Rest:
    single = sizes.get(None, 0) + sum(size == 1 for key, size in sizes.items() if key is not None and key > 0)
    ignored = sum(size for key, size in sizes.items() if key is not None and key < 0)
    return Rest(single, ignored, unnamed(user).filter(FORGOTTEN).count())


def _counted(user: User) -> QuerySet[Face]:
    """The faces of `unnamed`, to be counted."""
    return counted_faces(user).filter(decision="", person__isnull=True)


def _grouped(user: User) -> QuerySet[Face, int | None]:
    """Groups of two and more."""
    sizes = _counted(user).filter(cluster__gt=0).order_by().values("cluster").annotate(size=Count("pk"))
    return sizes.filter(size__gt=1).values_list("cluster", flat=True)


def singles(user: User) -> QuerySet[Face]:
    """Faces that look like no other unknown one."""
    alone = Q(cluster__isnull=True) | Q(cluster__gt=0) & ~Q(cluster__in=_grouped(user))
    return _to_pick(unnamed(user).filter(alone))


def like_ignored(user: User) -> QuerySet[Face]:
    """Faces kept out of the groups because they look like faces that somebody ignored."""
    return _to_pick(unnamed(user).filter(cluster__lt=0))


def strays_first(user: User, person: Person) -> list[Face]:
    """Faces that carry the person's name, the least alike first: where faces of somebody else would be."""
    rows = visible_faces(user).filter(person=person).exclude(decision__in=("ignored", "not_a_face"))
    ranked = rows.order_by(F("similarity").asc(nulls_last=True), "pk")
    return list(_to_pick(ranked)[:LARGEST])
