"""Counts of similarities in equal bins, and what can be read from them. Pure.

What a similarity means is how many strangers look this alike: counted, and never said beyond the count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

HISTOGRAM_BINS = 8000
"""Bins over the cosines -1 to 1, so 0.00025 wide: a tenth of the least difference that matters here."""

Counts = NDArray[np.int64]


def make_empty_counts() -> Counts:
    return np.zeros(HISTOGRAM_BINS, np.int64)


def count_similarities(similarities: NDArray[np.float32]) -> Counts:
    """Bin cosines of any shape."""
    bins = ((similarities.ravel() + np.float32(1)) * np.float32(HISTOGRAM_BINS / 2)).astype(np.int32)
    return np.bincount(np.clip(bins, 0, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of cosines; ``counts[i]`` holds those from ``start + i * width`` to the next bin."""

    start: float
    width: float
    counts: tuple[int, ...]

    @classmethod
    def of(cls, counts: Counts) -> Histogram:
        """Trimmed to the bins in use."""
        used = np.flatnonzero(counts)
        if not used.size:
            return cls(0.0, 2 / HISTOGRAM_BINS, ())
        first, last = int(used[0]), int(used[-1])
        return cls(
            first * 2 / HISTOGRAM_BINS - 1,
            2 / HISTOGRAM_BINS,
            tuple(int(n) for n in counts[first : last + 1]),
        )

    @property
    def total(self) -> int:
        return sum(self.counts)

    def rate_at(self, similarity: float) -> float:
        """The share of pairs at least this alike, 0 to 1; the bin the similarity is in counts whole."""
        if not self.counts:
            return 0.0
        first = max(0, int((similarity - self.start) / self.width + 1e-9))
        return sum(self.counts[first:]) / self.total

    def similarity_at(self, rate: float) -> float | None:
        """The least similarity that no more than ``rate`` of the pairs reach; None without pairs."""
        if not self.counts:
            return None
        allowed, above = rate * self.total, 0
        for place in range(len(self.counts) - 1, -1, -1):
            above += self.counts[place]
            if above > allowed:
                return self.start + (place + 1) * self.width
        return self.start

    def coarser(self, bins: int) -> Histogram:
        """The same counts in at most this many bins, for drawing and storing."""
        factor = -(-len(self.counts) // bins) if self.counts else 1
        if factor <= 1:
            return self
        padded = [*self.counts, *[0] * (-len(self.counts) % factor)]
        merged = np.array(padded).reshape(-1, factor).sum(1)
        return Histogram(self.start, self.width * factor, tuple(int(n) for n in merged))

    def to_json(self) -> dict[str, Any]:
        return {"start": round(self.start, 6), "width": round(self.width, 6), "counts": list(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Histogram:
        return cls(float(data["start"]), float(data["width"]), tuple(int(n) for n in data["counts"]))


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


def interpret_similarity(similarity: float, tail: Tail) -> Meaning | None:
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
