"""The queue of faces the machine is unsure of: grouped by the person proposed, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from gallery.browse.meaning import Likeness, likeness, tail_of
from gallery.compiled import count
from gallery.models import Candidate, Decision, Face, FaceRejection, Person, Reference, User
from gallery.twice import NAMED
from gallery.visibility import counted_faces, kept_for, seen_through, visible_faces, visible_references

PAGE = 24
PLACE = ("left", "top", "width", "height")  # of a face in its photo
SHOWN = (
    *("similarity", "reference", "look_alike", "person__name"),
    *("face__state", "face__revision", "face__embedder_id", "face__photo__name", "face__photo__sha256"),
    *(f"face__{side}" for side in PLACE),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the queue ended; written into the address of the next."""

    person: int
    similarity: float
    face: int

    def __str__(self) -> str:
        return f"{self.person}:{self.similarity!r}:{self.face}"

    @staticmethod
    def read(text: str) -> Place | None:
        try:
            person, similarity, face = text.split(":")
            return Place(int(person), float(similarity), int(face))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Question:
    """Is this face that person?"""

    face: Face
    person: Person
    alike: Likeness | None  # what the similarity means
    is_measured: bool  # how alike strangers are has been measured on this gallery
    reference: Reference | None
    look_alike: Face | None  # a confirmed face, where there is no reference
    is_there_already: bool  # another face of the photo bears the name


@dataclass(frozen=True, slots=True)
class Section:
    """Questions about one person."""

    person: Person
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Queue:
    sections: list[Section]
    after: Place | None  # where the next page begins; None at the end
    left: int  # faces that wait, this page included


def waiting(user: User, *, person: int | None = None, album: int | None = None) -> QuerySet[Candidate]:
    """The best candidates of unsure, undecided faces that the user may see."""
    rows = Candidate.objects.filter(
        seen_through(user, "face__photo__album"),
        rank=0,
        face__state=Face.State.UNSURE,
        face__decision="",
        face__photo__trashed_at__isnull=True,
    )
    if person is not None:
        rows = rows.filter(person=person)
    if album is not None:
        rows = rows.filter(face__photo__album=album)
    return rows


def _count(user: User, rows: QuerySet[Candidate], person: int | None, album: int | None) -> int:
    """How many wait. Of everybody they are counted by the faces alone, which an index holds, so that a face whose
    proposal has just gone may be among them; the last page says it exactly."""
    if person is not None:
        return rows.count()
    return count(kept_for(user, "to review", album), partial(_unsure, user, album))


def _unsure(user: User, album: int | None) -> QuerySet[Face, Any]:
    faces = counted_faces(user).filter(state=Face.State.UNSURE, decision="").order_by().values("pk")
    return faces if album is None else faces.filter(photo__album=album)


def queue(user: User, after: Place | None, *, person: int | None = None, album: int | None = None) -> Queue:
    """A page of the queue, in a constant number of queries."""
    rows = waiting(user, person=person, album=album)
    waits = _count(user, rows, person, album)
    if after is not None:
        rows = rows.filter(_behind(after))
    rows = rows.order_by("person_id", "-similarity", "face_id")
    found = list(rows.select_related("person", "face__photo").only(*SHOWN)[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    place = Place(last.person_id, last.similarity, last.face_id) if last else None
    is_all = after is None and last is None
    return Queue(_sections(questions(user, found[:PAGE])), place, len(found) if is_all else waits)


def _behind(place: Place) -> Q:
    same = Q(person=place.person)
    later = Q(similarity=place.similarity, face_id__gt=place.face) | Q(similarity__lt=place.similarity)
    return Q(person__gt=place.person) | same & later


def questions(user: User, candidates: Sequence[Candidate]) -> list[Question]:
    """With what each proposal rests on, as far as the user may see it."""
    wanted = [row.reference_id for row in candidates if row.reference_id]
    references = visible_references(user).only("sha256").in_bulk(wanted)
    alikes = [row.look_alike_id for row in candidates if row.look_alike_id]
    pictured = visible_faces(user).select_related("photo").only(*PLACE, "photo__sha256")
    faces = pictured.in_bulk(alikes)
    tails = {name: tail_of(name) for name in {row.face.embedder_id for row in candidates}}
    named = _named_in(candidates)
    return [
        Question(
            row.face,
            row.person,
            likeness(row.similarity, row.face.state, tails[row.face.embedder_id]),
            tails[row.face.embedder_id] is not None,
            references.get(row.reference_id or 0),
            faces.get(row.look_alike_id or 0),
            (row.face.photo_id, row.person_id) in named,
        )
        for row in candidates
    ]


def _named_in(candidates: Sequence[Candidate]) -> set[tuple[int, int | None]]:
    """Photos and who is named in them, of those that are asked about, by other faces than these."""
    photos, people = {row.face.photo_id for row in candidates}, {row.person_id for row in candidates}
    rows = Face.objects.filter(NAMED, photo__in=photos, person__in=people).order_by()
    rows = rows.exclude(pk__in=[row.face_id for row in candidates])
    return set(rows.values_list("photo", "person"))


def _sections(found: Iterable[Question]) -> list[Section]:
    sections: list[Section] = []
    for question in found:
        if not sections or sections[-1].person != question.person:
            sections.append(Section(question.person, []))
        sections[-1].questions.append(question)
    return sections


def question(user: User, face: Face) -> Question | None:
    """The question about one face; None when nobody is proposed."""
    rows = Candidate.objects.filter(face=face).order_by("rank").select_related("person", "face__photo")
    found = questions(user, list(rows[:1]))
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Said:
    """What people have said of a face, in a few words."""

    words: str
    icon: str
    by: User | None


def said_of(face: Face) -> Said | None:
    """None while the face waits for a word."""
    if face.decision == Decision.CONFIRMED and face.person:
        return Said(face.person.name, "check", face.decided_by)
    plain = {
        Decision.REJECTED: (_("Unknown"), "question"),
        Decision.IGNORED: (_("Don't care"), "ignore"),
        Decision.NOT_A_FACE: (_("Not a face"), "notface"),
    }
    if face.decision in plain:
        words, icon = plain[Decision(face.decision)]
        return Said(words, icon, face.decided_by)
    if face.state == Face.State.UNSURE:
        return None
    if face.person:
        return Said(face.person.name, "check", None)
    rejection = max(face.rejections.all(), key=lambda row: row.pk, default=None)
    if rejection:
        return Said(_("Not %(name)s") % {"name": rejection.person.name}, "close", rejection.by)
    return None


def decided(user: User, ids: Iterable[int]) -> list[Face]:
    """Those of the faces that wait no longer, with all that `said_of` reads."""
    rejections = Prefetch("rejections", FaceRejection.objects.select_related("person", "by"))
    rows = visible_faces(user).filter(pk__in=ids).select_related("person", "decided_by", "photo")
    return list(rows.exclude(decision="", state=Face.State.UNSURE).prefetch_related(rejections))
