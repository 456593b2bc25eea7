"""One photo's page: its faces as boxes to draw, and one face with all there is to say about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import Prefetch

from gallery.browse.meaning import Likeness, likeness, tail_of
from gallery.browse.standing import Standing, standing, with_names
from gallery.models import Candidate, Face, Person, Photo, Reference, Status, User
from gallery.visibility import visible_faces, visible_references
from recognition.calibrate import Tail

SHOWN_CANDIDATES = 3
LOW = 0.94


@dataclass(frozen=True, slots=True)
class Mark:
    """A face on its photo. The numbers are text, so that no locale puts a comma into them."""

    face: Face
    said: Standing
    number: int  # left to right, from 1
    box: tuple[str, str, str, str]  # left, top, width, height in photo pixels
    share: tuple[str, str, str, str]  # the same in per cent of the photo
    below: str  # the lower edge in per cent
    rounding: str  # of the box's corners, in photo pixels
    is_low: bool  # no room for the name below the box
    reference: Reference | None = None  # what its name was matched to, if this user may see it
    alike: Likeness | None = None  # how alike the two are

    @property
    def is_open(self) -> bool:
        """Nobody has said anything, and the machine is not sure."""
        return not self.face.is_decided and self.said.key in ("unsure", "unknown")


def marks(user: User, photo: Photo) -> list[Mark]:
    """The photo's faces, left to right."""
    faces = with_names(visible_faces(user).filter(photo=photo)).order_by("left", "pk")
    found = []
    for number, face in enumerate(faces, start=1):
        face.photo = photo
        found.append(_mark(face, photo, number))
    return _with_matches(user, found)


def _with_matches(user: User, found: list[Mark]) -> list[Mark]:
    """The same, with the reference that each name rests on; a constant number of queries."""
    wanted = {mark.face.reference_id for mark in found if mark.said.person and mark.face.reference_id}
    if not wanted:
        return found
    references = visible_references(user).in_bulk(list(wanted))
    tail = tail_of(next(mark.face.embedder_id for mark in found if mark.face.reference_id in wanted))
    complete = []
    for mark in found:
        reference = references.get(mark.face.reference_id or 0)
        if mark.said.person and reference and reference.person_id == mark.said.person.pk:
            alike = likeness(mark.face.similarity, mark.face.state, tail)
            mark = replace(mark, reference=reference, alike=alike)
        complete.append(mark)
    return complete


def _mark(face: Face, photo: Photo, number: int) -> Mark:
    wide, high = max(1, photo.width), max(1, photo.height)
    share = (face.left / wide, face.top / high, face.width / wide, face.height / high)
    return Mark(
        face,
        standing(face),
        number,
        _texts((face.left, face.top, face.width, face.height), 1),
        _texts(tuple(100 * part for part in share), 3),
        f"{100 * (share[1] + share[3]):.3f}",
        f"{0.06 * min(face.width, face.height):.1f}",
        share[1] + share[3] > LOW,
    )


def _texts(numbers: tuple[float, ...], digits: int) -> tuple[str, str, str, str]:
    left, top, width, height = (f"{number:.{digits}f}" for number in numbers)
    return left, top, width, height


@dataclass(frozen=True, slots=True)
class Proposal:
    """A person a face may be."""

    person: Person
    reference: Reference | None  # the nearest one that this user may see
    alike: Likeness | None
    look_alike: Face | None = None  # without a reference: a face people gave this name


@dataclass(frozen=True, slots=True)
class FaceDetail:
    face: Face
    said: Standing
    person: Person | None  # who it is, or most likely is
    main: Proposal | None  # the match to show beside the face
    others: list[Proposal]
    not_these: list[Person]
    is_reference: bool  # a reference of the person was cut from it

    @property
    def may_be_reference(self) -> bool:
        return self.face.landmarks is not None and self.face.is_usable and not self.is_reference


def detail(user: User, face: Face) -> FaceDetail:
    """Everything the panel of a face says; a constant number of queries."""
    candidates = list(face.candidates.select_related("person").order_by("rank")[: SHOWN_CANDIDATES + 1])
    wanted = {candidate.reference_id for candidate in candidates} | {face.reference_id}
    references = visible_references(user).in_bulk([pk for pk in wanted if pk])
    tail = tail_of(face.embedder_id)
    named = visible_faces(user).select_related("photo")
    look_alikes = named.in_bulk([one.look_alike_id for one in candidates if one.look_alike_id])
    proposals = [
        replace(_proposal(one, face, references, tail), look_alike=look_alikes.get(one.look_alike_id or 0))
        for one in candidates
    ]
    said = standing(face)
    person = said.person
    main = next((one for one in proposals if person and one.person.pk == person.pk), None)
    others = [one for one in proposals if one is not main][:SHOWN_CANDIDATES]
    if main is None and person:
        main = _some_reference(user, face, person)
    rejected = Person.objects.filter(pk__in=face.rejections.values("person")).order_by("search")
    cut = Reference.objects.filter(source_face=face, person=person, status=Reference.Judgement.APPROVED)
    return FaceDetail(face, said, person, main, others, list(rejected), cut.exists())


def _proposal(
    candidate: Candidate, face: Face, references: dict[int, Reference], tail: Tail | None
) -> Proposal:
    """A name that rests on a look-alike is shown with its own nearest reference, where there is one."""
    state = face.state if candidate.rank == 0 else Face.State.UNKNOWN
    reference, similarity = references.get(candidate.reference_id or 0), candidate.similarity
    own = references.get(face.reference_id or 0)
    if reference is None and own and own.person_id == candidate.person_id and face.similarity is not None:
        reference, similarity = own, face.similarity
    return Proposal(candidate.person, reference, likeness(similarity, state, tail))


def _some_reference(user: User, face: Face, person: Person) -> Proposal | None:
    """For a face named by somebody that no search had matched: another picture of the person to compare with."""
    others = visible_references(user).filter(person=person, status=Reference.Judgement.APPROVED)
    found = others.exclude(source_face=face.pk).order_by("pk").first()
    return Proposal(person, found, None) if found else None


def forgotten(photo: Photo, found: list[Mark]) -> int:
    """How many unknown faces of this photo can no longer be compared, because of their age alone."""
    if not photo.may_be_recognised or photo.work != Status.DONE:
        return 0
    faces = (mark.face for mark in found if mark.said.is_shown)
    return sum(
        face.person_id is None
        and face.embedding is None
        and face.is_usable
        and face.landmarks is not None
        and not face.is_veiled
        for face in faces
    )


def one_face(user: User, pk: int) -> Face | None:
    """A face with its photo and names, if this user may see it."""
    best = Candidate.objects.filter(rank=0).select_related("person")
    faces = visible_faces(user).select_related("photo", "photo__album", "person", "decided_by")
    return faces.prefetch_related(Prefetch("candidates", best, to_attr="best")).filter(pk=pk).first()
