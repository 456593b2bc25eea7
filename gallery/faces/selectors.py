"""Faces as pages show them: on one photo, one face in detail, those without a name in clusters of look-alikes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.faces.labels import (
    FaceLabel,
    SimilarityText,
    describe_similarity,
    get_face_label,
    get_similarity_tail,
    prefetch_label_data,
)
from gallery.faces.namesakes import tell_namesakes_apart
from gallery.models import Candidate, Face, Person, Photo, Reference, Status, User
from gallery.models.labels import Age, get_age
from gallery.models.people import LABEL_COLUMNS
from gallery.models.querysets import FaceQuerySet, recognition_off_q
from recognition.calibrate import Tail

MAX_SHOWN_CANDIDATES = 3
LOW_EDGE_SHARE = 0.94


@dataclass(frozen=True, slots=True)
class FaceMark:
    """A face on its photo. The numbers are text, so that no locale puts a comma into them."""

    face: Face
    label: FaceLabel
    number: int  # left to right, from 1
    box: tuple[str, str, str, str]  # left, top, width, height in photo pixels
    share: tuple[str, str, str, str]  # the same in per cent of the photo
    below: str  # the lower edge in per cent
    rounding: str  # of the box's corners, in photo pixels
    is_low: bool  # no room for the name below the box
    reference: Reference | None = None  # what its name was matched to, if this user may see it
    alike: SimilarityText | None = None  # how alike the two are
    age: Age | None = (
        None  # of the person, where it is known when they were born and when the photo was taken
    )

    @property
    def is_open(self) -> bool:
        """Nobody has said anything, and the machine is not sure."""
        return not self.face.is_decided and self.label.key in ("unsure", "unknown")


def list_face_marks(user: User, photo: Photo, *, is_for_others: bool = False) -> list[FaceMark]:
    """The photo's faces, left to right, with the references their names rest on; a constant number of queries.

    `is_for_others`: no label says an album, which others may not be meant to know of.
    """
    rows = Face.objects.visible_to(user).filter(photo=photo)
    faces = list(prefetch_label_data(rows).order_by("left", "pk"))
    if not is_for_others:
        _tell_apart_on(user, faces)
    labels = [get_face_label(face) for face in faces]
    matched = [face for face, label in zip(faces, labels, strict=True) if label.person and face.reference_id]
    references: dict[int, Reference] = {}
    tail = None
    if matched:
        references = Reference.objects.visible_to(user).in_bulk({face.reference_id for face in matched})
        tail = get_similarity_tail(matched[0].embedder_id)
    marks = []
    for number, (face, label) in enumerate(zip(faces, labels, strict=True), start=1):
        face.photo = photo
        reference = references.get(face.reference_id or 0)
        if reference and (label.person is None or reference.person_id != label.person.pk):
            reference = None
        marks.append(_make_face_mark(face, label, number, reference, tail))
    return marks


def _tell_apart_on(user: User, faces: Sequence[Face]) -> None:
    """Tell apart the people whom the faces' labels name."""
    proposed = [one.person for face in faces for one in getattr(face, "best", ())]
    tell_namesakes_apart(user, [*(face.person for face in faces), *proposed])


def _make_face_mark(
    face: Face, label: FaceLabel, number: int, reference: Reference | None, tail: Tail | None
) -> FaceMark:
    wide, high = max(1, face.photo.width), max(1, face.photo.height)
    share = (face.left / wide, face.top / high, face.width / wide, face.height / high)
    return FaceMark(
        face,
        label,
        number,
        _format_numbers((face.left, face.top, face.width, face.height), 1),
        _format_numbers(tuple(100 * part for part in share), 3),
        f"{100 * (share[1] + share[3]):.3f}",
        f"{0.06 * min(face.width, face.height):.1f}",
        share[1] + share[3] > LOW_EDGE_SHARE,
        reference,
        describe_similarity(face.similarity, face.state, tail) if reference else None,
        get_age_on_photo(label.person, face.photo) if label.is_named else None,
    )


def list_faces_by_photo(user: User, photos: Iterable[Photo]) -> dict[int, list[Face]]:
    """The faces of each of these photos, left to right, with the people they are or may be; three queries."""
    rows = Face.objects.visible_to(user).filter(photo__in=photos).defer("embedding", "quality", "landmarks")
    found: dict[int, list[Face]] = defaultdict(list)
    for face in rows.select_related("person").prefetch_related("candidates__person").order_by("left", "pk"):
        found[face.photo_id].append(face)
    return found


def get_age_on_photo(person: Person | None, photo: Photo) -> Age | None:
    """How old the person was when the photo was taken, as far as both days are known."""
    if person is None or not person.born or photo.taken_at is None:
        return None
    return get_age(person.born, timezone.localdate(photo.taken_at))


def _format_numbers(numbers: tuple[float, ...], digits: int) -> tuple[str, str, str, str]:
    left, top, width, height = (f"{number:.{digits}f}" for number in numbers)
    return left, top, width, height


@dataclass(frozen=True, slots=True)
class PersonProposal:
    """A person a face may be."""

    person: Person
    reference: Reference | None  # the nearest one that this user may see
    alike: SimilarityText | None
    look_alike: Face | None = None  # without a reference: a face people gave this name


@dataclass(frozen=True, slots=True)
class FaceDetail:
    face: Face
    label: FaceLabel
    person: Person | None  # who it is, or most likely is
    main: PersonProposal | None  # the match to show beside the face
    others: list[PersonProposal]
    not_these: list[Person]
    is_reference: bool  # a reference of the person was cut from it
    age: Age | None  # of the person on this photo

    @property
    def may_be_reference(self) -> bool:
        return self.face.landmarks is not None and self.face.is_usable and not self.is_reference


def get_face_detail(user: User, face: Face) -> FaceDetail:
    """Everything the panel of a face says; a constant number of queries."""
    candidates = list(face.candidates.select_related("person").order_by("rank")[: MAX_SHOWN_CANDIDATES + 1])
    wanted = {candidate.reference_id for candidate in candidates} | {face.reference_id}
    references = Reference.objects.visible_to(user).in_bulk([pk for pk in wanted if pk])
    tail = get_similarity_tail(face.embedder_id)
    named = Face.objects.visible_to(user).select_related("photo")
    look_alikes = named.in_bulk([one.look_alike_id for one in candidates if one.look_alike_id])
    proposals = [_make_person_proposal(one, face, references, look_alikes, tail) for one in candidates]
    rejected = list(Person.objects.filter(pk__in=face.rejections.values("person")).order_by("search"))
    tell_namesakes_apart(user, [*(one.person for one in candidates), *rejected])
    _tell_apart_on(user, [face])
    label = get_face_label(face)
    person = label.person
    main = next((one for one in proposals if person and one.person.pk == person.pk), None)
    others = [one for one in proposals if one is not main][:MAX_SHOWN_CANDIDATES]
    if main is None and person:  # named by somebody: another picture of the person to compare with
        pictures = Reference.objects.visible_to(user).approved().filter(person=person)
        other = pictures.exclude(source_face=face.pk).order_by("pk").first()
        main = PersonProposal(person, other, None) if other else None
    cut = Reference.objects.approved().filter(source_face=face, person=person)
    return FaceDetail(
        face, label, person, main, others, rejected, cut.exists(), get_age_on_photo(person, face.photo)
    )


def _make_person_proposal(
    candidate: Candidate,
    face: Face,
    references: dict[int, Reference],
    look_alikes: dict[int, Face],
    tail: Tail | None,
) -> PersonProposal:
    """A name that rests on a look-alike is shown with its own nearest reference, where there is one."""
    state = face.state if candidate.rank == 0 else Face.State.UNKNOWN
    reference, similarity = references.get(candidate.reference_id or 0), candidate.similarity
    own = references.get(face.reference_id or 0)
    if reference is None and own and own.person_id == candidate.person_id and face.similarity is not None:
        reference, similarity = own, face.similarity
    alike = describe_similarity(similarity, state, tail)
    return PersonProposal(candidate.person, reference, alike, look_alikes.get(candidate.look_alike_id or 0))


def count_forgotten_faces(photo: Photo, found: list[FaceMark]) -> int:
    """How many unknown faces of this photo can no longer be compared, because of their age alone."""
    if not photo.may_be_recognised or photo.work != Status.DONE:
        return 0
    faces = (mark.face for mark in found if mark.label.is_shown)
    return sum(
        face.person_id is None
        and face.embedding is None
        and face.is_usable
        and face.landmarks is not None
        and not face.is_veiled
        for face in faces
    )


def find_visible_face(user: User, pk: int) -> Face | None:
    """A face with its photo and names, if this user may see it."""
    faces = prefetch_label_data(Face.objects.visible_to(user))
    return faces.select_related("photo", "decided_by", "person").filter(pk=pk).first()


MAX_LISTED_FACES = 200
LISTED_FACE_FIELDS = (
    *("left", "top", "width", "height", "state", "decision", "reference"),
    *("photo__sha256", "photo__turn", *(f"person__{column}" for column in LABEL_COLUMNS)),
)


def list_faces_with_references(user: User, photo: Photo) -> list[tuple[Face, list[Reference]]]:
    """From left to right, each with the references that were cut from it; in two queries."""
    rows = photo.faces.select_related("photo", "person").only(*LISTED_FACE_FIELDS)
    faces = list(rows.order_by("left", "pk")[:MAX_LISTED_FACES])
    cut: dict[int | None, list[Reference]] = defaultdict(list)
    references = Reference.objects.visible_to(user).filter(source_face__in=faces).only("source_face")
    for reference in references.order_by("pk"):
        cut[reference.source_face_id].append(reference)
    return [(face, cut[face.pk]) for face in faces]


def find_most_frequent_people(faces: FaceQuerySet, limit: int) -> list[Person]:
    """Whose names stand on these faces in the most photos, with `times`; nobody who is hidden.

    The hidden are left out afterwards: they are few, and the faces would each have to be asked for theirs.
    """
    times = faces.named().order_by().values("person").annotate(times=Count("photo", distinct=True))
    ranked = times.order_by("-times", "person").values_list("person", "times")
    most, found, counts = 0, list[Person](), dict[int, int]()
    while len(found) < limit and len(counts) == most:
        most = 4 * most or 2 * limit  # once is enough, unless half of them are hidden
        counts = dict(ranked[:most])
        found = list(Person.objects.shown().filter(pk__in=counts))
    for person in found:
        person.times = counts[person.pk]  # type: ignore[attr-defined]  # as an annotation would
    return sorted(found, key=lambda person: (-counts[person.pk], person.search))[:limit]


CLUSTERS_PER_PAGE = 18
SAMPLE_SIZE = 8  # faces shown of each cluster
MAX_CLUSTER_FACES = 240  # faces of one cluster shown at once
# Could be compared, and is not any more, for its age alone.
IS_FORGOTTEN = Q(
    embedding__isnull=True, is_usable=True, landmarks__isnull=False, is_veiled=False
) & ~recognition_off_q("photo")

# Faces by cluster: those in none under None, those like ignored ones below 0
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


def get_waiting_unknown_faces(user: User) -> QuerySet[Face]:
    """Those that wait for a name: without the ones like faces that somebody ignored."""
    return get_unnamed_faces(user).filter(Q(cluster=None) | Q(cluster__gt=0))


def _only_tile_fields(faces: QuerySet[Face]) -> QuerySet[Face]:
    """With what a page of many faces shows of each, and nothing else."""
    sides = ("left", "top", "width", "height")
    return faces.select_related("photo").only(
        "cluster", "revision", *sides, "photo__name", "photo__sha256", "photo__turn"
    )


def count_cluster_sizes(user: User) -> ClusterSizes:
    """How many faces without a name each cluster has, and how many are in none."""
    sizes = get_unnamed_faces(user).order_by().values_list("cluster")
    return dict(sizes.annotate(number=Count("*")))


def list_clusters(user: User, sizes: ClusterSizes, page: int) -> tuple[list[FaceCluster], bool]:
    """A page of clusters of two and more, and whether more follow; one query."""
    many = ((-size, key) for key, size in sizes.items() if key is not None and key > 0 and size > 1)
    found = nsmallest((page + 1) * CLUSTERS_PER_PAGE + 1, many)[page * CLUSTERS_PER_PAGE :]
    shown = found[:CLUSTERS_PER_PAGE]
    place = Window(RowNumber(), partition_by=F("cluster"), order_by=(F("score").desc(), F("pk").asc()))
    rows = get_unnamed_faces(user).filter(cluster__in=[key for _, key in shown]).annotate(place=place)
    samples: dict[int | None, list[Face]] = defaultdict(list)
    for face in _only_tile_fields(rows.filter(place__lte=SAMPLE_SIZE).order_by("cluster", "place")):
        samples[face.cluster].append(face)
    return [FaceCluster(key, -size, samples[key]) for size, key in shown], len(found) > len(shown)


def list_cluster_faces(user: User, key: int) -> list[Face]:
    """The faces of one cluster, the clearest first."""
    rows = _only_tile_fields(get_unnamed_faces(user).filter(cluster=key)).order_by("-score", "pk")
    return list(rows[:MAX_CLUSTER_FACES])


def suggest_person(faces: Sequence[Face]) -> Person | None:
    """Whom most of these faces are unsure to be, if it is most of them."""
    best = Candidate.objects.filter(face__in=faces, rank=0, face__state=Face.State.UNSURE)
    times = best.order_by().values("person").annotate(times=Count("pk")).order_by("-times")
    found = times.filter(times__gt=len(faces) // 2).first()
    return Person.objects.filter(pk=found["person"]).first() if found else None


def count_unclustered_faces(user: User, sizes: ClusterSizes) -> dict[str, int]:
    """Unknown faces outside of clusters; those `forgotten` are too old to be compared with others."""
    return {
        "single": sizes.get(None, 0)
        + sum(size for key, size in sizes.items() if key and key > 0 and size == 1),
        "like_ignored": sum(size for key, size in sizes.items() if key and key < 0),
        "forgotten": get_unnamed_faces(user).filter(IS_FORGOTTEN).count(),
    }


def get_single_faces(user: User) -> QuerySet[Face]:
    """Faces that look like no other unknown one."""
    faces = get_unnamed_faces(user)
    sizes = faces.filter(cluster__gt=0).order_by().values("cluster").annotate(size=Count("pk"))
    shared = sizes.filter(size__gt=1).values("cluster")
    alone = Q(cluster__isnull=True) | Q(cluster__gt=0) & ~Q(cluster__in=shared)
    return _only_tile_fields(faces.filter(alone))


def get_faces_like_ignored(user: User) -> QuerySet[Face]:
    """Faces kept out of the clusters because they look like faces that somebody ignored."""
    return _only_tile_fields(get_unnamed_faces(user).filter(cluster__lt=0))


def list_least_similar_faces(user: User, person: Person) -> list[Face]:
    """Faces that carry the person's name, the least alike first: where faces of somebody else would be."""
    rows = Face.objects.visible_to(user).named().filter(person=person)
    ranked = rows.order_by(F("similarity").asc(nulls_last=True), "pk")
    return list(_only_tile_fields(ranked)[:MAX_CLUSTER_FACES])


@dataclass(frozen=True, slots=True)
class AlikeFace:
    """A face that a search has found."""

    face: Face
    label: FaceLabel
    words: str  # what the similarity means
    number: str


@dataclass(frozen=True, slots=True)
class AlikeGroup:
    """Faces that are as surely the one that was searched for."""

    certainty: str  # known, unsure, alike
    title: str
    faces: list[AlikeFace]


def read_alike_groups(user: User, found: Sequence[Mapping[str, Any]]) -> list[AlikeGroup]:
    """What `faces.alike` has found, as it is shown to the user who asked."""
    titles = {
        "known": _("Alike enough to be the same person"),
        "unsure": _("Perhaps the same person"),
        "alike": _("Only similar"),
    }
    rows = prefetch_label_data(Face.objects.visible_to(user)).select_related("photo")
    faces = rows.defer("embedding", "quality", "landmarks").in_bulk([one["face"] for one in found])
    _tell_apart_on(user, list(faces.values()))
    groups = {certainty: AlikeGroup(certainty, title, []) for certainty, title in titles.items()}
    for one in found:
        if face := faces.get(one["face"]):
            shown = AlikeFace(face, get_face_label(face), one["meaning"], f"{one['similarity']:.3f}")
            groups[one["certainty"]].faces.append(shown)
    return [group for group in groups.values() if group.faces]
