"""Engines that see what a test tells them to: seeded, without weights, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recognition.types import Bounds, Box, Detection, Embeddings, FaceCrop, Image, Quality
from tests.making import EMBEDDER, a_vector

BOUNDS = Bounds(known=0.9, unsure=0.7, margin=0.01)
PUBLISHED = Bounds(0.92, 0.90, 0.015)
GOOD = Quality(size=60, sharpness=0.2, yaw=0, roll=0, exposure=0.5, contrast=0.2, is_usable=True)


def landmarks_in(box: Box) -> np.ndarray:
    usual = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    return np.array([(box.left + x * box.width, box.top + y * box.height) for x, y in usual], np.float32)


@dataclass
class Seen:
    """A face that stands in the photo: where, and with what vector."""

    box: Box
    vector: bytes

    @property
    def detection(self) -> Detection:
        return Detection(self.box, landmarks_in(self.box), 0.99, GOOD)


@dataclass
class FakeEngine:
    """Detector, embedder and reader at once; `faces` is what is in every photo."""

    faces: list[Seen] = field(default_factory=list)
    name: str = "fake"
    id: str = EMBEDDER
    earlier_ids: tuple[str, ...] = ()
    dimension: int = 16
    bounds: Bounds = BOUNDS
    scale: float = 1.0
    width: int = 800
    height: int = 600
    is_cut_off: bool = False

    @property
    def pixels(self) -> Image:
        return np.zeros((self.height, self.width, 3), np.uint8)

    def read(self, path: Path) -> FakeEngine:
        return self

    def box_in_full(self, box: Box) -> Box:
        return box

    def points_in_full(self, points: np.ndarray) -> np.ndarray:
        return points

    def detect(self, image: Image) -> list[Detection]:
        return [seen.detection for seen in self.faces]

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        rows = [self._vector(crop.box) for crop in crops]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def _vector(self, box: Box) -> np.ndarray:
        best = max(self.faces, key=lambda seen: seen.box.iou(box))
        return np.frombuffer(best.vector, "<f4")


def somebody(left: float, seed: int, near: bytes | None = None) -> Seen:
    return Seen(Box(left, 100, 80, 100), a_vector(seed, near))
