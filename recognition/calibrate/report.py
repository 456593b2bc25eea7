"""What a calibration found, as one frozen value that goes to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recognition.calibrate.histogram import Histogram, Tail
from recognition.types import Bounds


@dataclass(frozen=True, slots=True)
class FalseMatch:
    """At this rate of false matches between single pictures, what similarity, and how much is still found."""

    rate: float
    similarity: float | None  # None: too few pairs to say
    true_match_rate: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What some bounds would do, as shares of the references tried, 0 to 1."""

    bounds: Bounds
    strangers_named: float  # their person left out of the gallery: given somebody's name
    kept: (
        float | None
    )  # their person in the gallery: given the right name; None where nobody has two references
    wrong: float | None  # their person in the gallery: given another's name

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "bounds": self.bounds.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Verdict:
        return cls(**{**data, "bounds": Bounds.from_json(data["bounds"])})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Bounds for a false-name rate, and how well they are founded."""

    false_name_rate: float
    bounds: Bounds
    is_founded: bool  # False: too few references, these are the published bounds
    reason: str  # a sentence for people: why not founded, or how
    effective_strangers: float  # independent strangers the references amount to


@dataclass(frozen=True, slots=True)
class Calibration:
    """A gallery measured with one embedder."""

    embedder_id: str
    persons: int
    references: int
    paired_persons: int  # people with at least two references
    rank1: float | None
    genuine: Histogram
    impostor: Histogram
    false_matches: tuple[FalseMatch, ...]
    current: Verdict
    suggested: Verdict
    suggestion: Suggestion
    curve: tuple[Verdict, ...]  # over bounds with the suggested margin, from loose to strict

    @property
    def tail(self) -> Tail:
        """What a similarity means among these people."""
        return Tail(self.impostor, self.persons)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; bounds as ``Bounds.to_json`` has them."""
        plain = asdict(self)
        plain["suggestion"]["bounds"] = self.suggestion.bounds.to_json()
        plain |= {"current": self.current.to_json(), "suggested": self.suggested.to_json()}
        plain["curve"] = [point.to_json() for point in self.curve]
        plain["genuine"], plain["impostor"] = self.genuine.to_json(), self.impostor.to_json()
        return plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibration:
        """The value ``to_json`` was made from; ``KeyError``, ``TypeError`` or ``ValueError`` on anything else."""
        suggestion = {**data["suggestion"], "bounds": Bounds.from_json(data["suggestion"]["bounds"])}
        return cls(
            **{
                **data,
                "genuine": Histogram.from_json(data["genuine"]),
                "impostor": Histogram.from_json(data["impostor"]),
                "false_matches": tuple(FalseMatch(**line) for line in data["false_matches"]),
                "current": Verdict.from_json(data["current"]),
                "suggested": Verdict.from_json(data["suggested"]),
                "suggestion": Suggestion(**suggestion),
                "curve": tuple(Verdict.from_json(point) for point in data["curve"]),
            }
        )
