"""Writes dlib's face network as an ONNX model: uint8 RGB chips (n, 150, 150, 3) in, vectors (n, 128) out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.embedders.dlib_network import BLOCKS, DIMENSION, MEAN_RGB, SCALE, SIDE, Convolution, Network

VERSION = 1
OPSET = 17


class _Graph:
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


def write(network: Network, path: Path) -> None:
    """The network as a file for ONNX Runtime, batch size free."""
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    vectors = _layers(graph, network)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib_face_recognition_resnet_model_v1",
            [helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
            [helper.make_tensor_value_info(vectors, TensorProto.FLOAT, ["n", DIMENSION])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    onnx.save_model(model, str(path))


def _layers(graph: _Graph, network: Network) -> str:
    from onnx import TensorProto

    x = graph.node("Cast", "chips", to=TensorProto.FLOAT)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.node("Sub", x, graph.constant(np.array(MEAN_RGB, np.float32).reshape(1, 3, 1, 1)))
    first, *rest = network.convolutions
    # Dividing the weights by 256 is exact and saves dividing the picture.
    scaled = Convolution((first.weights / SCALE).astype(np.float32), first.bias)
    x = graph.node("Relu", graph.convolve(x, scaled, stride=2, padding=0))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    channels, side = 32, 35
    for filters, down in BLOCKS:
        one, two, *rest = rest
        x = _down(graph, x, one, two, filters - channels, side) if down else _block(graph, x, one, two)
        channels, side = filters, side // 2 if down else side
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    return graph.node("MatMul", x, graph.constant(network.projection))


def _block(graph: _Graph, x: str, one: Convolution, two: Convolution) -> str:
    y = graph.node("Relu", graph.convolve(x, one, stride=1, padding=1))
    y = graph.convolve(y, two, stride=1, padding=1)
    return graph.node("Relu", graph.node("Add", y, x))


def _down(graph: _Graph, x: str, one: Convolution, two: Convolution, more: int, side: int) -> str:
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
