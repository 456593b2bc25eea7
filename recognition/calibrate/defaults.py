"""How alike strangers are to each embedder, on labelled sets; ``bench/accuracy.py`` measures it anew.

dlib: 8,937 pairs of pictures of 45 people (LFW, press photos, six group photos, a cast photo, two portraits),
all known to be different people; 790 pairs of people. An owner's own calibration replaces it. Of an embedder
that is not here no meaning is told until its owner has calibrated it.
"""

from __future__ import annotations

from dataclasses import dataclass

from recognition.calibrate.bounds import NO_PRIOR, Prior
from recognition.calibrate.histogram import Histogram
from recognition.calibrate.tail import Tail

DLIB = (
    1, 1, 0, 1, 2, 3, 4, 3, 3, 7, 2, 7, 2, 8, 14, 8, 11, 10, 9, 13,
    11, 19, 23, 32, 25, 27, 26, 40, 41, 48, 43, 55, 60, 58, 70, 80, 95, 88, 87, 98,
    116, 130, 121, 129, 135, 141, 158, 146, 132, 195, 163, 180, 195, 197, 196, 209, 201, 178, 219, 234,
    224, 226, 223, 222, 231, 244, 234, 226, 199, 194, 225, 208, 181, 181, 158, 147, 140, 143, 121, 120,
    103, 102, 78, 73, 56, 41, 37, 25, 17, 12, 11, 5, 7, 5, 2, 2, 1, 0, 3,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of an embedder before its owner has measured anything."""

    tail: Tail | None
    prior: Prior


def published(name: str) -> Published:
    """By the embedder's name (``Embedder.name``), for the recipe it ships with."""
    if name == "dlib":
        # 40 people have 780 pairs: what the pairs known to be of different people amount to
        return Published(Tail(Histogram(0.68175, 0.0025, DLIB), 40), Prior(spread=0.0095, strangers=37.0))
    return Published(None, NO_PRIOR)
