"""The words every part of the library speaks: frozen values and the two engine protocols.

Arrays: an image is ``uint8`` RGB of shape (height, width, 3), upright; landmarks are ``float32`` (5, 2) in
pixels of that image, ordered left eye, right eye, nose, left mouth corner, right mouth corner, where left
and right are as seen in the image; an embedding is a unit ``float32`` vector, a batch of them (n, dimension).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Landmarks = NDArray[np.float32]
Embeddings = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright photo; may be fractional, never negative in size."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a box cannot be {self.width} x {self.height}")

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def area(self) -> float:
        return self.width * self.height

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        if across <= 0 or down <= 0:
            return 0.0
        shared = across * down
        return shared / (self.area + other.area - shared)

    def scaled(self, factor: float) -> Box:
        return Box(self.left * factor, self.top * factor, self.width * factor, self.height * factor)

    def shifted(self, right: float, down: float) -> Box:
        return Box(self.left + right, self.top + down, self.width, self.height)

    def padded(self, fraction: float) -> Box:
        """Grown on every side by ``fraction`` of its own width and height."""
        across, down = self.width * fraction, self.height * fraction
        return Box(self.left - across, self.top - down, self.width + 2 * across, self.height + 2 * down)

    def clipped(self, width: int, height: int) -> Box:
        """The part of the box inside an image of this size (empty, at the border, if there is none)."""
        left, top = min(max(self.left, 0.0), width), min(max(self.top, 0.0), height)
        right, bottom = min(max(self.right, 0.0), width), min(max(self.bottom, 0.0), height)
        return Box(left, top, max(0.0, right - left), max(0.0, bottom - top))

    def as_ints(self) -> tuple[int, int, int, int]:
        return round(self.left), round(self.top), round(self.width), round(self.height)


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a face can be recognised; figures, not opinions. See ``recognition.quality``."""

    size: float  # pixels between the eye centres, in the full-size photo
    sharpness: float  # 0 (flat) upward: variance of the Laplacian on the aligned chip
    yaw: float  # degrees, from the landmarks; positive turns to the right of the image
    roll: float  # degrees, in-plane rotation
    exposure: float  # mean luminance of the face, 0 to 1
    contrast: float  # standard deviation of that luminance, 0 to 0.5
    is_usable: bool  # False: shown, but never matched to a name
    reason: str = ""  # why not, one of "small", "blurred", "turned", "dark", "bright", or ""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found in a photo."""

    box: Box
    landmarks: Landmarks
    score: float  # detection score, 0 to 1: is it a face? Never a similarity.
    quality: Quality | None = None


class Neighbour(NamedTuple):
    """One hit of a search: a reference, whose it is, and how near. (A tuple: a photo of ten faces has 500.)"""

    reference: int
    person: int
    similarity: float  # cosine, -1 to 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person proposed for a face."""

    person: int
    reference: int  # the nearest reference of that person
    similarity: float  # the person's combined similarity, a cosine


class State(StrEnum):
    KNOWN = "known"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Combination:
    """How the similarities of a face to one person's references make the similarity to that person.

    ``weights`` are those of the best ones, scaled to 1 where there are fewer. Each doubling of the references beyond
    as many is more tries for a stranger, and makes the distance (one minus the cosine) longer by ``crowding``. The
    distance to a person's only reference is ``lone_factor`` times as long.
    """

    weights: tuple[float, ...] = (0.5, 0.3, 0.2)
    crowding: float = 0.0
    lone_factor: float = 1.1


PLAIN_COMBINATION = Combination()
NEAREST_ALONE = Combination(weights=(1.0,), lone_factor=1.0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """From which similarity, and how far ahead of the runner-up, a name may be said. For one embedder id."""

    known: float
    unsure: float
    margin: float
    combination: Combination = PLAIN_COMBINATION  # what the similarities are made by
    detection: float = 0.0  # the least detection score of a face that may bear a name

    def __post_init__(self) -> None:
        if not -1 <= self.unsure <= self.known <= 1 or self.margin < 0:
            raise ValueError(f"bounds out of order: {self}")

    @property
    def is_nearest(self) -> bool:
        """Whether the nearest reference alone decides, as in the original script."""
        return self.combination == NEAREST_ALONE

    def to_json(self) -> dict[str, Any]:
        """Plain values; how similarities are combined is left out, because the embedder says it."""
        values: dict[str, Any] = {"known": self.known, "unsure": self.unsure, "margin": self.margin}
        if self.detection:
            values["detection"] = self.detection
        return values | {"decision": "nearest"} if self.is_nearest else values

    @classmethod
    def from_json(cls, values: Mapping[str, Any], combination: Combination = PLAIN_COMBINATION) -> Bounds:
        """What `to_json` was made from, where the embedder combines like this."""
        numbers = dict(values)
        if numbers.pop("decision", "") == "nearest":
            combination = NEAREST_ALONE
        return cls(**numbers, combination=combination)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is said of one face."""

    state: State
    candidates: tuple[Candidate, ...] = field(default=())

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """What an embedder gets: the image a face is in, and where."""

    image: Image
    box: Box
    landmarks: Landmarks


class Detector(Protocol):
    """Finds faces. Safe to call from several threads."""

    name: str

    def detect(self, image: Image) -> list[Detection]:
        """All faces, left to right; an empty list where there are none."""
        ...


class Embedder(Protocol):
    """Turns faces into unit vectors. ``id`` covers weights and recipe: vectors of two ids never meet."""

    name: str
    id: str
    earlier_ids: tuple[str, ...]  # of recipes that differ for turned and dark faces alone
    dimension: int
    bounds: Bounds

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        """(n, dimension) unit float32 vectors, in order; (0, dimension) for no crops."""
        ...


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of model weights: where it should be and what it must hash to."""

    path: Path
    sha256: str
