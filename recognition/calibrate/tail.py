"""What a similarity means: how many strangers look this alike. Counted, and never beyond the count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Any

from recognition.calibrate.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Tail:
    """How alike pictures of different people are to one embedder, and from how many people that is known."""

    impostor: Histogram
    persons: int

    @property
    def supported(self) -> float:
        """The largest N for which "1 in N" can be said: pairs of different people, over three.

        Pictures of the same two people are no new strangers, so people count, not pictures; a rate that no
        pair of n reaches may still be 3 / n (the rule of three, 95 %).
        """
        return self.persons * (self.persons - 1) / 6

    def to_json(self) -> dict[str, Any]:
        return {"impostor": self.impostor.to_json(), "persons": self.persons}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tail:
        return cls(Histogram.from_json(data["impostor"]), int(data["persons"]))


@dataclass(frozen=True, slots=True)
class Meaning:
    """One in ``one_in`` strangers looks at least this alike; ``is_beyond``: fewer, how many is not known."""

    one_in: int
    is_beyond: bool

    def __str__(self) -> str:
        if self.is_beyond:
            return f"fewer than 1 in {self.one_in:,} strangers look this alike"
        if self.one_in < 2:
            return "most strangers look this alike"
        return f"1 in {self.one_in:,} strangers look this alike"


def meaning(similarity: float, tail: Tail) -> Meaning | None:
    """What this cosine means by that tail; None where the tail knows too few people to say anything."""
    most = _round_down(tail.supported)
    if most < 2 or not tail.impostor.counts:
        return None
    rate = tail.impostor.rate_at(similarity)
    if rate * most < 1:
        return Meaning(most, True)
    return Meaning(_round_down(1 / rate), False)


def _round_down(number: float) -> int:
    """To 1, 2 or 5 times a power of ten: a count of strangers is not known more finely."""
    if number < 1:
        return 0
    power = 10 ** floor(log10(number))
    return int(next(step for step in (5, 2, 1) if step * power <= number * (1 + 1e-9)) * power)
