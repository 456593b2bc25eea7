"""dlib's face network as an ONNX graph, read from dlib's own weights file without dlib.

The file (``dlib_face_recognition_resnet_model_v1.dat``, Davis King, public domain) is a plain dump of layers
from the input up. The network is a residual network of 29 convolutions: 150 x 150 RGB in, 128 numbers out.
Each affine layer (batch normalisation, frozen) is folded into the convolution before it, in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognition.types import WeightsCorrupt

SIDE = 150
DIMENSION = 128
MEAN_RGB = (122.782, 117.001, 104.298)
SCALE = 256.0

# Filters of each residual block in order, and whether it halves the picture ("down").
BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
    (256, True),
)

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with the affine layer after it folded in; weights (out, in, rows, columns)."""

    weights: Float
    bias: Float


@dataclass(frozen=True, slots=True)
class Network:
    """All layers with weights: 29 convolutions in order, and the last (256, 128) matrix."""

    convolutions: tuple[Convolution, ...]
    projection: Float


class _Reader:
    """Reads dlib's serialisation: integers with a length byte, tensors with five integers in front."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def seek(self, marker: bytes) -> None:
        found = self.content.find(marker, self.at)
        if found < 0:
            raise WeightsCorrupt(f"dlib's weights file ends before the layer {marker.decode()}.")
        self.at = found + len(marker)

    def integer(self) -> int:
        head = self.content[self.at]
        size = head & 0x0F
        value = int.from_bytes(self.content[self.at + 1 : self.at + 1 + size], "little")
        self.at += 1 + size
        return -value if head & 0x80 else value

    def tensor(self) -> tuple[tuple[int, ...], Float]:
        version, *shape = (self.integer() for _ in range(5))
        count = int(np.prod(shape))
        if version != 2 or not 0 < count <= (len(self.content) - self.at) // 4:
            raise WeightsCorrupt(f"dlib's weights file has no tensor where one should be (byte {self.at}).")
        values = np.frombuffer(self.content, "<f4", count, self.at)
        self.at += 4 * count
        return tuple(shape), values


def _shapes() -> Iterator[tuple[int, int, int]]:
    """Filters, channels and side of every convolution, in order."""
    yield 32, 3, 7
    channels = 32
    for filters, _ in BLOCKS:
        yield filters, channels, 3
        yield filters, filters, 3
        channels = filters


def read(path: Path) -> Network:
    """The weights in dlib's file; raises WeightsCorrupt when it is not the file this was written for."""
    reader = _Reader(path.read_bytes())
    convolutions = tuple(_convolution(reader, *shape) for shape in _shapes())
    reader.seek(b"fc_2")
    outputs, inputs = reader.integer(), reader.integer()
    _, values = reader.tensor()
    if (outputs, inputs, values.size) != (DIMENSION, 256, DIMENSION * 256):
        raise WeightsCorrupt("The last layer in dlib's weights file has the wrong size.")
    return Network(convolutions, values.reshape(inputs, outputs))


def _convolution(reader: _Reader, filters: int, channels: int, side: int) -> Convolution:
    reader.seek(b"con_4")
    _, raw = reader.tensor()
    reader.seek(b"affine_")
    _, affine = reader.tensor()
    count = filters * channels * side * side
    if raw.size != count + filters or affine.size != 2 * filters:
        raise WeightsCorrupt("A convolution in dlib's weights file has the wrong size.")
    gamma, beta = affine[:filters].astype(np.float64), affine[filters:].astype(np.float64)
    weights = raw[:count].reshape(filters, channels, side, side) * gamma[:, None, None, None]
    bias = raw[count:] * gamma + beta
    return Convolution(weights.astype(np.float32), bias.astype(np.float32))
