"""Faces as pages show them: on one photo, one face in detail, and how many there are of whom."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from django.db.models import Count, Prefetch

from gallery.faces.labels import (
    FaceLabel,
    SimilarityText,
    describe_similarity,
    get_face_label,
    get_similarity_tail,
    prefetch_label_data,
)
from gallery.models import Candidate, Face, Person, Photo, Reference, Status, User
from gallery.models.querysets import FaceQuerySet
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

    @property
    def is_open(self) -> bool:
        """Nobody has said anything, and the machine is not sure."""
        return not self.face.is_decided and self.label.key in ("unsure", "unknown")


def list_face_marks(user: User, photo: Photo) -> list[FaceMark]:
    """The photo's faces, left to right."""
    faces = prefetch_label_data(Face.objects.visible_to(user).filter(photo=photo)).order_by("left", "pk")
    found = []
    for number, face in enumerate(faces, start=1):
        face.photo = photo
        found.append(_make_face_mark(face, photo, number))
    return _add_matched_references(user, found)


def _add_matched_references(user: User, found: list[FaceMark]) -> list[FaceMark]:
    """The same, with the reference that each name rests on; a constant number of queries."""
    wanted = {mark.face.reference_id for mark in found if mark.label.person and mark.face.reference_id}
    if not wanted:
        return found
    references = Reference.objects.visible_to(user).in_bulk(list(wanted))
    tail = get_similarity_tail(
        next(mark.face.embedder_id for mark in found if mark.face.reference_id in wanted)
    )
    complete = []
    for mark in found:
        reference = references.get(mark.face.reference_id or 0)
        if mark.label.person and reference and reference.person_id == mark.label.person.pk:
            alike = describe_similarity(mark.face.similarity, mark.face.state, tail)
            mark = replace(mark, reference=reference, alike=alike)
        complete.append(mark)
    return complete


def _make_face_mark(face: Face, photo: Photo, number: int) -> FaceMark:
    wide, high = max(1, photo.width), max(1, photo.height)
    share = (face.left / wide, face.top / high, face.width / wide, face.height / high)
    return FaceMark(
        face,
        get_face_label(face),
        number,
        _format_numbers((face.left, face.top, face.width, face.height), 1),
        _format_numbers(tuple(100 * part for part in share), 3),
        f"{100 * (share[1] + share[3]):.3f}",
        f"{0.06 * min(face.width, face.height):.1f}",
        share[1] + share[3] > LOW_EDGE_SHARE,
    )


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
    proposals = [
        replace(
            _make_person_proposal(one, face, references, tail),
            look_alike=look_alikes.get(one.look_alike_id or 0),
        )
        for one in candidates
    ]
    label = get_face_label(face)
    person = label.person
    main = next((one for one in proposals if person and one.person.pk == person.pk), None)
    others = [one for one in proposals if one is not main][:MAX_SHOWN_CANDIDATES]
    if main is None and person:
        main = _find_other_reference(user, face, person)
    rejected = Person.objects.filter(pk__in=face.rejections.values("person")).order_by("search")
    cut = Reference.objects.approved().filter(source_face=face, person=person)
    return FaceDetail(face, label, person, main, others, list(rejected), cut.exists())


def _make_person_proposal(
    candidate: Candidate, face: Face, references: dict[int, Reference], tail: Tail | None
) -> PersonProposal:
    """A name that rests on a look-alike is shown with its own nearest reference, where there is one."""
    state = face.state if candidate.rank == 0 else Face.State.UNKNOWN
    reference, similarity = references.get(candidate.reference_id or 0), candidate.similarity
    own = references.get(face.reference_id or 0)
    if reference is None and own and own.person_id == candidate.person_id and face.similarity is not None:
        reference, similarity = own, face.similarity
    return PersonProposal(candidate.person, reference, describe_similarity(similarity, state, tail))


def _find_other_reference(user: User, face: Face, person: Person) -> PersonProposal | None:
    """For a face named by somebody that no search had matched: another picture of the person to compare with."""
    others = Reference.objects.visible_to(user).approved().filter(person=person)
    found = others.exclude(source_face=face.pk).order_by("pk").first()
    return PersonProposal(person, found, None) if found else None


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
    best = Candidate.objects.filter(rank=0).select_related("person")
    faces = Face.objects.visible_to(user).select_related("photo", "photo__album", "person", "decided_by")
    return faces.prefetch_related(Prefetch("candidates", best, to_attr="best")).filter(pk=pk).first()


MAX_LISTED_FACES = 200
LISTED_FACE_FIELDS = (
    *("left", "top", "width", "height", "state", "decision", "reference"),
    *("photo__sha256", "person__name"),
)


@dataclass(frozen=True, slots=True)
class FaceWithReferences:
    face: Face
    cut: list[Reference]  # references that were cut from it


def list_faces_with_references(user: User, photo: Photo) -> list[FaceWithReferences]:
    """From left to right, in two queries."""
    rows = photo.faces.select_related("photo", "person").only(*LISTED_FACE_FIELDS)
    faces = list(rows.order_by("left", "pk")[:MAX_LISTED_FACES])
    cut: dict[int | None, list[Reference]] = defaultdict(list)
    references = Reference.objects.visible_to(user).filter(source_face__in=faces).only("source_face")
    for reference in references.order_by("pk"):
        cut[reference.source_face_id].append(reference)
    return [FaceWithReferences(face, cut[face.pk]) for face in faces]


def count_unnamed_by_cluster(user: User) -> dict[int | None, int]:
    """How many faces without a name each cluster has, those in none under None."""
    faces = Face.objects.visible_to(user).unnamed().order_by()
    return dict(faces.values_list("cluster").annotate(number=Count("*")))


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
