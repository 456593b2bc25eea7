"""Counts of similarities in equal bins, and what can be read from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 8000
"""Bins over the cosines -1 to 1, so 0.00025 wide: a tenth of the least difference that matters here."""

Counts = NDArray[np.int64]


def empty() -> Counts:
    return np.zeros(BINS, np.int64)


def count(similarities: NDArray[np.float32]) -> Counts:
    """Bin cosines of any shape."""
    bins = ((similarities.ravel() + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
    return np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS).astype(np.int64)


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
            return cls(0.0, 2 / BINS, ())
        first, last = int(used[0]), int(used[-1])
        return cls(first * 2 / BINS - 1, 2 / BINS, tuple(int(n) for n in counts[first : last + 1]))

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
