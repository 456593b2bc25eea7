"""dlib's face network, read from dlib's own weights file without dlib, and written as an ONNX model.

The file (``dlib_face_recognition_resnet_model_v1.dat``, Davis King, public domain) is a plain dump of layers
from the input up. The network is a residual network of 29 convolutions: 150 x 150 RGB in, 128 numbers out.
Each affine layer (batch normalisation, frozen) is folded into the convolution before it, in double precision.
The model takes uint8 RGB chips (n, 150, 150, 3) and gives vectors (n, 128).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.errors import WeightsCorrupt

CHIP_SIDE = 150
EMBEDDING_DIMENSION = 128
MEAN_RGB = (122.782, 117.001, 104.298)
PIXEL_SCALE = 256.0

# Filters of each residual block in order, and whether it halves the picture ("down").
RESIDUAL_BLOCKS = (
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
class DlibNetwork:
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


def _list_shapes() -> Iterator[tuple[int, int, int]]:
    """Filters, channels and side of every convolution, in order."""
    yield 32, 3, 7
    channels = 32
    for filters, _ in RESIDUAL_BLOCKS:
        yield filters, channels, 3
        yield filters, filters, 3
        channels = filters


def read_network(path: Path) -> DlibNetwork:
    """The weights in dlib's file; raises WeightsCorrupt when it is not the file this was written for."""
    reader = _Reader(path.read_bytes())
    convolutions = tuple(_read_convolution(reader, *shape) for shape in _list_shapes())
    reader.seek(b"fc_2")
    outputs, inputs = reader.integer(), reader.integer()
    _, values = reader.tensor()
    if (outputs, inputs, values.size) != (EMBEDDING_DIMENSION, 256, EMBEDDING_DIMENSION * 256):
        raise WeightsCorrupt("The last layer in dlib's weights file has the wrong size.")
    return DlibNetwork(convolutions, values.reshape(inputs, outputs))


def _read_convolution(reader: _Reader, filters: int, channels: int, side: int) -> Convolution:
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


GRAPH_VERSION = 1
ONNX_OPSET = 17


class _GraphBuilder:
    """Collects nodes and weights; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolve(self, x: str, layer: Convolution, stride: int, padding: int) -> str:
        return self.node(
            "Conv",
            x,
            self.constant(layer.weights),
            self.constant(layer.bias),
            kernel_shape=layer.weights.shape[2:],
            strides=[stride, stride],
            pads=[padding] * 4,
        )

    def pad(self, x: str, channels: int, side: int) -> str:
        """Zeros after the last channel, and after the last row and column."""
        return self.node("Pad", x, self.constant(np.array([0, 0, 0, 0, 0, channels, side, side])))


def write_onnx_model(network: DlibNetwork, path: Path) -> None:
    """The network as a file for ONNX Runtime, batch size free."""
    import onnx
    from onnx import TensorProto, helper

    graph = _GraphBuilder()
    vectors = _add_layers(graph, network)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib_face_recognition_resnet_model_v1",
            [helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", CHIP_SIDE, CHIP_SIDE, 3])],
            [helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["n", EMBEDDING_DIMENSION])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", ONNX_OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    onnx.save_model(model, str(path))


def _add_layers(graph: _GraphBuilder, network: DlibNetwork) -> str:
    from onnx import TensorProto

    x = graph.node("Cast", "chips", to=TensorProto.FLOAT)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.node("Sub", x, graph.constant(np.array(MEAN_RGB, np.float32).reshape(1, 3, 1, 1)))
    first, *rest = network.convolutions
    # Dividing the weights by 256 is exact and saves dividing the picture.
    scaled = Convolution((first.weights / PIXEL_SCALE).astype(np.float32), first.bias)
    x = graph.node("Relu", graph.convolve(x, scaled, stride=2, padding=0))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    channels, side = 32, 35
    for filters, down in RESIDUAL_BLOCKS:
        one, two, *rest = rest
        x = (
            _add_halving_block(graph, x, one, two, filters - channels, side)
            if down
            else _add_block(graph, x, one, two)
        )
        channels, side = filters, side // 2 if down else side
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    return graph.node("MatMul", x, graph.constant(network.projection))


def _add_block(graph: _GraphBuilder, x: str, one: Convolution, two: Convolution) -> str:
    y = graph.node("Relu", graph.convolve(x, one, stride=1, padding=1))
    y = graph.convolve(y, two, stride=1, padding=1)
    return graph.node("Relu", graph.node("Add", y, x))


def _add_halving_block(
    graph: _GraphBuilder, x: str, one: Convolution, two: Convolution, more: int, side: int
) -> str:
    """A block that halves the picture; both ways are padded with zeros to the same size."""
    y = graph.node("Relu", graph.convolve(x, one, stride=2, padding=0))
    y = graph.convolve(y, two, stride=1, padding=1)
    short = side // 2 - ((side - 3) // 2 + 1)
    if short:
        y = graph.pad(y, 0, short)
    skip = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    if more:
        skip = graph.pad(skip, more, 0)
    return graph.node("Relu", graph.node("Add", y, skip))
