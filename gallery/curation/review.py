"""The review queue: faces the machine is unsure of, grouped by the person proposed, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from gallery.core.pagination import ScoreCursor
from gallery.faces.labels import SimilarityText, describe_similarity, get_similarity_tail
from gallery.faces.namesakes import tell_namesakes_apart
from gallery.models import Album, Candidate, Decision, Face, FaceRejection, Person, Reference, User
from gallery.models.people import LABEL_COLUMNS
from gallery.models.querysets import visible_photo_q

REVIEW_PAGE_SIZE = 24
FACE_BOX_COLUMNS = ("left", "top", "width", "height")  # of a face in its photo
FACE_PICTURE_COLUMNS = (*FACE_BOX_COLUMNS, "photo__sha256", "photo__turn")
QUESTION_COLUMNS = (
    *("similarity", "reference", "look_alike"),
    *(f"person__{column}" for column in LABEL_COLUMNS),
    *("face__state", "face__revision", "face__embedder_id", "face__photo__name", "face__photo__sha256"),
    "face__photo__turn",
    *(f"face__{side}" for side in FACE_BOX_COLUMNS),
)


@dataclass(frozen=True, slots=True)
class ReviewQuestion:
    """Is this face that person?"""

    face: Face
    person: Person
    alike: SimilarityText | None  # what the similarity means
    is_measured: bool  # how alike strangers are has been measured on this gallery
    reference: Reference | None
    look_alike: Face | None  # a confirmed face, where there is no reference
    is_there_already: bool  # another face of the photo bears the name


@dataclass(frozen=True, slots=True)
class ReviewSection:
    """Questions about one person."""

    person: Person
    questions: list[ReviewQuestion]


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    sections: list[ReviewSection]
    after: ScoreCursor | None  # where the next page begins; None at the end
    left: int  # faces that wait, this page included


def get_waiting_candidates(
    user: User, *, person: int | None = None, album: Album | None = None
) -> QuerySet[Candidate]:
    """The best candidates of unsure, undecided faces that the user may see."""
    rows = Candidate.objects.filter(
        visible_photo_q(user, "face__photo"),
        rank=0,
        face__state=Face.State.UNSURE,
        face__decision="",
        face__photo__trashed_at__isnull=True,
    )
    if person is not None:
        rows = rows.filter(person=person)
    if album is not None:
        rows = rows.filter(face__photo__in=album.photos.order_by().values("pk"))
    return rows


def _count_waiting(user: User, rows: QuerySet[Candidate], person: int | None, album: Album | None) -> int:
    """How many wait. Of everybody they are counted by the faces alone, which an index holds, so that a face whose
    proposal has just gone may be among them; the last page says it exactly."""
    if person is not None:
        return rows.count()
    faces = Face.objects.visible_to(user).undecided().filter(state=Face.State.UNSURE)
    return (faces if album is None else faces.filter(photo__in=album.photos.order_by().values("pk"))).count()


def get_review_queue(
    user: User, after: ScoreCursor | None, *, person: int | None = None, album: Album | None = None
) -> ReviewQueue:
    """A page of the queue, in a constant number of queries."""
    rows = get_waiting_candidates(user, person=person, album=album)
    waits = _count_waiting(user, rows, person, album)
    if after is not None:
        later = Q(similarity=after.score, face_id__gt=after.pk) | Q(similarity__lt=after.score)
        rows = rows.filter(Q(person__gt=after.group) | Q(person=after.group) & later)
    rows = rows.order_by("person_id", "-similarity", "face_id")
    found = list(rows.select_related("person", "face__photo").only(*QUESTION_COLUMNS)[: REVIEW_PAGE_SIZE + 1])
    tell_namesakes_apart(user, [row.person for row in found])
    last = found[REVIEW_PAGE_SIZE - 1] if len(found) > REVIEW_PAGE_SIZE else None
    questions = build_questions(user, found[:REVIEW_PAGE_SIZE])
    return ReviewQueue(
        [ReviewSection(person, list(some)) for person, some in groupby(questions, lambda each: each.person)],
        ScoreCursor(last.similarity, last.face_id, last.person_id) if last else None,
        len(found) if after is None and last is None else waits,
    )


def build_questions(user: User, candidates: Sequence[Candidate]) -> list[ReviewQuestion]:
    """Questions with the pictures that each proposal rests on, as far as the user may see them."""
    wanted = [row.reference_id for row in candidates if row.reference_id]
    references = Reference.objects.visible_to(user).only("sha256").in_bulk(wanted)
    alikes = [row.look_alike_id for row in candidates if row.look_alike_id]
    pictured = Face.objects.visible_to(user).select_related("photo").only(*FACE_PICTURE_COLUMNS)
    faces = pictured.in_bulk(alikes)
    tails = {name: get_similarity_tail(name) for name in {row.face.embedder_id for row in candidates}}
    # Who is named in these photos, by other faces than these
    photos, people = {row.face.photo_id for row in candidates}, {row.person_id for row in candidates}
    others = Face.objects.named().filter(photo__in=photos, person__in=people).order_by()
    others = others.exclude(pk__in=[row.face_id for row in candidates])
    named = set(others.values_list("photo", "person"))
    return [
        ReviewQuestion(
            row.face,
            row.person,
            describe_similarity(row.similarity, row.face.state, tails[row.face.embedder_id]),
            tails[row.face.embedder_id] is not None,
            references.get(row.reference_id or 0),
            faces.get(row.look_alike_id or 0),
            (row.face.photo_id, row.person_id) in named,
        )
        for row in candidates
    ]


def get_question(user: User, face: Face) -> ReviewQuestion | None:
    """The question about one face; None when nobody is proposed."""
    rows = Candidate.objects.filter(face=face).order_by("rank").select_related("person", "face__photo")
    found = build_questions(user, list(rows[:1]))
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """What people have said of a face, in a few words."""

    words: str
    icon: str
    by: User | None


def get_face_verdict(face: Face) -> FaceVerdict | None:
    """None while the face waits for a decision."""
    if face.decision == Decision.CONFIRMED and face.person:
        return FaceVerdict(face.person.label, "check", face.decided_by)
    plain = {
        Decision.REJECTED: (_("Unknown"), "question"),
        Decision.IGNORED: (_("Don't care"), "ignore"),
        Decision.NOT_A_FACE: (_("Not a face"), "notface"),
    }
    if face.decision in plain:
        words, icon = plain[Decision(face.decision)]
        return FaceVerdict(words, icon, face.decided_by)
    if face.state == Face.State.UNSURE:
        return None
    if face.person:
        return FaceVerdict(face.person.label, "check", None)
    rejection = max(face.rejections.all(), key=lambda row: row.pk, default=None)
    if rejection:
        return FaceVerdict(_("Not %(name)s") % {"name": rejection.person.label}, "close", rejection.by)
    return None


def list_decided_faces(user: User, ids: Iterable[int]) -> list[Face]:
    """Those of the faces that wait no longer, with all that `get_face_verdict` reads."""
    rejections = Prefetch("rejections", FaceRejection.objects.select_related("person", "by"))
    rows = Face.objects.visible_to(user).filter(pk__in=ids).select_related("person", "decided_by", "photo")
    return list(rows.exclude(decision="", state=Face.State.UNSURE).prefetch_related(rejections))
