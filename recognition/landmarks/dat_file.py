"""Reading dlib's ``shape_predictor`` dump: its number format, and the arrays of the five-point model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognition.errors import WeightsCorrupt

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trees:
    """A cascade of S steps of T trees with N splits and N + 1 leaves each, over P points and F pixel offsets.

    Points and offsets are in the unit square that the face's box is mapped to.
    """

    mean: Floats  # (P, 2) the shape to begin with
    anchors: Ints  # (S, F) the point each pixel offset starts from
    offsets: Floats  # (S, F, 2)
    pixels: Ints  # (S, T, N, 2) the two pixels a split compares
    thresholds: Floats  # (S, T, N)
    leaves: Floats  # (S, T, N + 1, P, 2) what each leaf adds to the shape

    def save(self, path: Path) -> None:
        with path.open("wb") as stream:
            np.savez(stream, **{name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def opened(cls, path: Path) -> Trees:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls.__slots__})


def read_trees(path: Path) -> Trees:
    """The trees in a ``.dat`` file; raises WeightsCorrupt where it is not such a dump."""
    reader = _Reader(path.read_bytes())
    try:
        return _parse_trees(reader)
    except (IndexError, ValueError) as error:
        raise WeightsCorrupt(f"{path} is not a dlib shape predictor.") from error


def _parse_trees(reader: _Reader) -> Trees:
    if reader.integer() != 1:
        raise ValueError("unknown version")
    mean = reader.matrix().reshape(-1, 2)
    pixels, thresholds, leaves = [], [], []
    for _ in range(steps := reader.integer()):
        for _ in range(reader.integer()):
            splits = [(reader.integer(), reader.integer(), reader.real()) for _ in range(reader.integer())]
            pixels.append([split[:2] for split in splits])
            thresholds.append([split[2] for split in splits])
            leaves.append([reader.matrix() for _ in range(reader.integer())])
    anchors = [[reader.integer() for _ in range(reader.integer())] for _ in range(reader.integer())]
    offsets = [
        [(reader.real(), reader.real()) for _ in range(reader.integer())] for _ in range(reader.integer())
    ]
    splits_each = len(thresholds[0])
    return Trees(
        mean=mean.astype(np.float32),
        anchors=np.array(anchors, np.int64),
        offsets=np.array(offsets, np.float32),
        pixels=np.array(pixels, np.int64).reshape(steps, -1, splits_each, 2),
        thresholds=np.array(thresholds, np.float32).reshape(steps, -1, splits_each),
        leaves=np.array(leaves, np.float32).reshape(steps, -1, splits_each + 1, len(mean), 2),
    )


class _Reader:
    """An integer is one byte whose low four bits say how many little-endian bytes follow (high bit: negative);
    a real number is two integers, mantissa and exponent of two.
    """

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def integer(self) -> int:
        head = self.content[self.place]
        start, end = self.place + 1, self.place + 1 + (head & 0x0F)
        if end > len(self.content):
            raise ValueError("cut short")
        self.place = end
        value = int.from_bytes(self.content[start:end], "little")
        return -value if head & 0x80 else value

    def real(self) -> float:
        mantissa = self.integer()
        return mantissa * 2.0 ** self.integer()

    def matrix(self) -> Floats:
        """Rows and columns, written negative, and the values."""
        rows, columns = -self.integer(), -self.integer()
        if rows < 0 or columns < 0:
            raise ValueError("not a matrix")
        return np.array([self.real() for _ in range(rows * columns)], np.float32)
