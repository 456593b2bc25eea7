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
    1, 1, 4, 1, 2, 2, 2, 2, 4, 3, 4, 9, 5, 11, 13, 6, 14, 16, 10, 18,
    26, 19, 27, 32, 31, 30, 48, 49, 49, 69, 48, 65, 73, 77, 81, 91, 91, 98, 111, 99,
    115, 107, 141, 149, 152, 155, 142, 145, 183, 159, 199, 193, 196, 214, 186, 214, 218, 211, 214, 218,
    229, 208, 243, 251, 227, 189, 207, 201, 205, 218, 176, 195, 157, 178, 153, 139, 134, 108, 116, 95,
    68, 55, 64, 36, 36, 23, 13, 11, 9, 6, 10, 2, 2, 2, 0, 0, 0, 1,
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
        return Published(Tail(Histogram(0.68875, 0.0025, DLIB), 39), Prior(spread=0.0096, strangers=26.0))
    return Published(None, NO_PRIOR)
