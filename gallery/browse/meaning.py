"""What a similarity means, in words that come before the number."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.models import Face
from gallery.queries import applied_calibration
from recognition.calibrate import Tail, meaning, published


def tail_of(embedder_id: str) -> Tail | None:
    """How alike strangers are to this embedder: as measured on the owner's gallery, or as published with the
    embedder, whichever knows more people; None where neither knows any.
    """
    known = [
        tail for tail in (_measured(embedder_id), published(embedder_id.rpartition("-")[0]).tail) if tail
    ]
    return max(known, key=lambda tail: tail.supported, default=None)


def _measured(embedder_id: str) -> Tail | None:
    found = applied_calibration(embedder_id) if embedder_id else None
    try:
        report = found.report if found else {}
        return Tail.from_json({"impostor": report["impostor"], "persons": report["persons"]})
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a face and a reference are."""

    words: str
    number: str  # the similarity
    is_counted: bool  # the words come from counted strangers, not only from the bounds


def likeness(similarity: float | None, state: str, tail: Tail | None) -> Likeness | None:
    if similarity is None:
        return None
    counted = _counted(similarity, tail)
    return Likeness(counted or _judged(state), f"{similarity:.3f}", bool(counted))


def _counted(similarity: float, tail: Tail | None) -> str:
    found = meaning(similarity, tail) if tail else None
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


def _judged(state: str) -> str:
    """Without a measured gallery: by the bounds that gave the state."""
    return {
        Face.State.KNOWN.value: _("Alike enough to be sure of the name"),
        Face.State.UNSURE.value: _("Alike, but not enough to be sure"),
    }.get(state, _("Not alike enough for a name"))
