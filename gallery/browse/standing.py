"""What a page says of a face: one word for its state, a name, a sign, and a sentence for screen readers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from gallery.models import Candidate, Decision, Face, Person

HIDDEN = ("ignored", "not_a_face")


@dataclass(frozen=True, slots=True)
class Standing:
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
    def is_shown(self) -> bool:
        """Worth a box: faces nobody cares about and other mistakes are not, until asked for."""
        return self.key not in HIDDEN

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
        if self.key in HIDDEN or self.key in ("unknown", "rejected"):
            return self.word
        return _("%(name)s, %(state)s") % {"name": self.name, "state": self.word}


def with_names(faces: QuerySet[Face]) -> QuerySet[Face]:
    """Faces with all that `standing` reads, in a constant number of queries."""
    best = Candidate.objects.filter(rank=0, face__state=Face.State.UNSURE).select_related("person")
    return faces.select_related("person").prefetch_related(Prefetch("candidates", best, to_attr="best"))


def proposed(face: Face) -> Person | None:
    """The person a search found nearest; from `with_names` where the face came through it."""
    best: list[Candidate] = getattr(face, "best", None) or list(
        face.candidates.select_related("person").order_by("rank")[:1]
    )
    return best[0].person if best else None


def standing(face: Face) -> Standing:
    if face.decision == Decision.CONFIRMED and face.person:
        return Standing("confirmed", face.person.name, _("confirmed"), "check", face.person)
    if face.decision == Decision.NOT_A_FACE:
        return Standing("not_a_face", _("Not a face"), _("Not a face"), "notface")
    if face.decision == Decision.IGNORED:
        return Standing("ignored", _("Left alone"), _("Left alone"), "ignore")
    if face.decision == Decision.REJECTED:
        return Standing("rejected", _("Unknown"), _("Unknown, as somebody said"), "question")
    if face.state == Face.State.KNOWN and face.person:
        return Standing("known", face.person.name, _("recognised"), "person", face.person)
    person = proposed(face) if face.state == Face.State.UNSURE else None
    if person:
        name = _("%(name)s?") % {"name": person.name}
        return Standing("unsure", name, _("not sure"), "question", person)
    return Standing("unknown", _("Unknown"), _("Unknown"), "question")
