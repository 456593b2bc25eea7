"""What pages say of a face: its state, its name, and what its similarity means, in words before the number."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.index.selectors import get_applied_calibration
from gallery.models import Candidate, Decision, Face, Person
from gallery.models.querysets import NAMELESS_DECISIONS
from recognition.calibrate import Tail, get_published_figures, interpret_similarity


@dataclass(frozen=True, slots=True)
class FaceLabel:
    """`key` is one of confirmed, known, unsure, unknown, rejected, ignored, not_a_face."""

    key: str
    name: str  # what stands at the box
    word: str  # the state in words
    icon: str
    person: Person | None = None  # the person it is, or may be

    @property
    def is_named(self) -> bool:
        return self.key in ("confirmed", "known")

    @property
    def told(self) -> str:
        """What stands behind the name to tell namesakes apart: no box may be too narrow for it."""
        if self.person is None or self.person.label == self.person.name:
            return ""
        return self.name.removeprefix(self.person.name)

    @property
    def is_shown(self) -> bool:
        """Worth a box: faces nobody cares about and other mistakes are not, until asked for."""
        return self.key not in NAMELESS_DECISIONS

    @property
    def short(self) -> str:
        """The state in one or two words, beside the name; empty where the name says it all."""
        return {
            "confirmed": _("confirmed"),
            "known": _("recognised"),
            "unsure": _("not sure"),
            "rejected": _("said so"),
        }.get(self.key, "")

    @property
    def sentence(self) -> str:
        if self.key in (*NAMELESS_DECISIONS, "unknown", "rejected"):
            return self.word
        return _("%(name)s, %(state)s") % {"name": self.name, "state": self.word}


def prefetch_label_data(faces: QuerySet[Face]) -> QuerySet[Face]:
    """Faces with all that `get_face_label` reads, in a constant number of queries."""
    best = Candidate.objects.filter(rank=0, face__state=Face.State.UNSURE).select_related("person")
    return faces.select_related("person").prefetch_related(Prefetch("candidates", best, to_attr="best"))


def find_proposed_person(face: Face) -> Person | None:
    """The person a search found nearest; from `prefetch_label_data` where the face came through it."""
    best: list[Candidate] = getattr(face, "best", None) or list(
        face.candidates.select_related("person").order_by("rank")[:1]
    )
    return best[0].person if best else None


def get_face_label(face: Face) -> FaceLabel:
    if face.decision == Decision.CONFIRMED and face.person:
        return FaceLabel("confirmed", face.person.label, _("confirmed"), "check", face.person)
    if face.decision == Decision.NOT_A_FACE:
        return FaceLabel("not_a_face", _("Not a face"), _("Not a face"), "notface")
    if face.decision == Decision.IGNORED:
        return FaceLabel("ignored", _("Left alone"), _("Left alone"), "ignore")
    if face.decision == Decision.REJECTED:
        return FaceLabel("rejected", _("Unknown"), _("Unknown, as somebody said"), "question")
    if face.state == Face.State.KNOWN and face.person:
        return FaceLabel("known", face.person.label, _("recognised"), "person", face.person)
    person = find_proposed_person(face) if face.state == Face.State.UNSURE else None
    if person:
        name = _("%(name)s?") % {"name": person.label}
        return FaceLabel("unsure", name, _("not sure"), "question", person)
    return FaceLabel("unknown", _("Unknown"), _("Unknown"), "question")


def get_named_person(face: Face) -> Person | None:
    """The person whose name the face bears; nobody where it is only a guess."""
    label = get_face_label(face)
    return label.person if label.is_named else None


def get_similarity_tail(embedder_id: str) -> Tail | None:
    """How alike strangers are to this embedder: as measured on the owner's gallery, or as published with the
    embedder, whichever knows more people; None where neither knows any.
    """
    published = get_published_figures(embedder_id.rpartition("-")[0]).tail
    known = filter(None, (_get_measured_tail(embedder_id), published))
    return max(known, key=lambda tail: tail.supported, default=None)


def _get_measured_tail(embedder_id: str) -> Tail | None:
    found = get_applied_calibration(embedder_id) if embedder_id else None
    try:
        report = found.report if found else {}
        return Tail.from_json({"impostor": report["impostor"], "persons": report["persons"]})
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class SimilarityText:
    """How alike a face and a reference are."""

    words: str
    number: str  # the similarity
    is_counted: bool  # the words come from counted strangers, not only from the bounds


def describe_similarity(similarity: float | None, state: str, tail: Tail | None) -> SimilarityText | None:
    if similarity is None:
        return None
    counted = _describe_by_tail(similarity, tail)
    by_bounds = {
        Face.State.KNOWN.value: _("Alike enough to be sure of the name"),
        Face.State.UNSURE.value: _("Alike, but not enough to be sure"),
    }.get(state, _("Not alike enough for a name"))
    return SimilarityText(counted or by_bounds, f"{similarity:.3f}", bool(counted))


def _describe_by_tail(similarity: float, tail: Tail | None) -> str:
    found = interpret_similarity(similarity, tail) if tail else None
    if found is None:
        return ""
    if found.one_in < 2:
        return _("Most strangers look this alike")
    words = (
        ngettext(
            "Fewer than 1 in %(number)s stranger looks this alike",
            "Fewer than 1 in %(number)s strangers look this alike",
            found.one_in,
        )
        if found.is_beyond
        else ngettext(
            "1 in %(number)s stranger looks this alike",
            "1 in %(number)s strangers look this alike",
            found.one_in,
        )
    )
    return words % {"number": f"{found.one_in:,}"}
