"""How alike strangers are to each embedder, on labelled sets; ``bench/accuracy.py`` measures it anew.

dlib: 8,820 pairs of pictures of 44 people (LFW, press photos, six group photos, a cast photo, two portraits),
all known to be different people; 767 pairs of people. An owner's own calibration replaces it. Of an embedder
that is not here no meaning is told until its owner has calibrated it.
"""

from __future__ import annotations

from dataclasses import dataclass

from recognition.calibrate.bounds import NO_PRIOR, Prior
from recognition.calibrate.histogram import Histogram
from recognition.calibrate.tail import Tail

DLIB = (
    1, 1, 0, 0, 2, 4, 1, 5, 5, 3, 7, 3, 4, 7, 7, 12, 5, 15, 9, 10,
    12, 17, 18, 17, 28, 31, 34, 33, 37, 50, 36, 53, 60, 40, 67, 78, 96, 74, 75, 96,
    111, 119, 115, 125, 130, 140, 125, 137, 130, 163, 189, 171, 188, 182, 205, 209, 183, 202, 197, 206,
    242, 223, 199, 230, 217, 251, 259, 208, 215, 201, 220, 200, 204, 191, 169, 154, 143, 138, 139, 123,
    97, 106, 79, 86, 48, 58, 47, 25, 16, 10, 10, 10, 8, 2, 6, 1, 2, 1, 1, 1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of an embedder before its owner has measured anything."""

    tail: Tail | None
    prior: Prior


def published(name: str) -> Published:
    """By the embedder's name (``Embedder.name``), for the recipe it ships with."""
    if name == "dlib":
        # 39 people have 741 pairs: what the pairs known to be of different people amount to
        return Published(Tail(Histogram(0.68075, 0.0025, DLIB), 39), Prior(spread=0.0096, strangers=38.0))
    return Published(None, NO_PRIOR)
