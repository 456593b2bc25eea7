"""ONNX graphs of MTCNN's three networks, built from the arrays the ``mtcnn`` package ships.

The package is never imported (that would start TensorFlow): its weights are lists of plain arrays in lz4
joblib files. Differences to the Keras models: channels come first, ``(x - 127.5) / 128`` is folded into the
first convolution, so the networks take raw 0 to 255, and the permutation before the dense layers is folded
into their weights. Architecture: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks", 2016, as laid out in mtcnn 1.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]
ONNX_OPSET = 17
IR_VERSION = 9


class _GraphBuilder:
    """Collects nodes and weights in order; each method returns the name of its output."""

    def __init__(self, weights: Sequence[Array]) -> None:
        self.weights = [np.asarray(w, np.float32) for w in weights]
        self.at = 0
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def take(self) -> Array:
        self.at += 1
        return self.weights[self.at - 1]

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(value.copy(order="C"), name))
        return name

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, x: str, *, normalise: bool = False, output: str = "") -> str:
        kernel, bias = self.take(), self.take()
        if normalise:
            bias = bias - kernel.sum((0, 1, 2)) * np.float32(127.5 / 128)
            kernel = kernel / np.float32(128)
        return self.node(
            "Conv", x, self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias), output=output
        )

    def prelu(self, x: str) -> str:
        """``slope * x + (1 - slope) * relu(x)``: ONNX Runtime takes twice as long over its own PRelu."""
        slope = self.take()
        slope = slope.reshape(-1, 1, 1) if slope.ndim == 3 else slope
        straight = self.node("Mul", x, self.constant(slope))
        positive = self.node("Mul", self.node("Relu", x), self.constant(np.float32(1) - slope))
        return self.node("Add", straight, positive)

    def pool(self, x: str, size: int, *, same: bool) -> str:
        pad = "SAME_UPPER" if same else "VALID"
        return self.node("MaxPool", x, kernel_shape=[size, size], strides=[2, 2], auto_pad=pad)

    def dense(self, x: str, *, spatial: int = 0, output: str = "") -> str:
        """A dense layer; with ``spatial``, on a flattened (channels, spatial, spatial) map that Keras saw as
        (columns, rows, channels)."""
        kernel, bias = self.take(), self.take()
        if spatial:
            kernel = kernel.reshape(spatial, spatial, -1, kernel.shape[1]).transpose(2, 1, 0, 3)
            kernel = kernel.reshape(-1, bias.shape[0])
        return self.node("Gemm", x, self.constant(kernel), self.constant(bias), output=output)

    def face_score(self, x: str, kind: str) -> None:
        """Softmax over (not a face, a face), the second kept: the sigmoid of their difference."""
        kernel, bias = self.take(), self.take()
        kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        kernel = kernel.transpose(3, 2, 0, 1) if kind == "Conv" else kernel
        difference = self.node(kind, x, self.constant(kernel), self.constant(bias))
        axis = self.constant(np.array([1], np.int64))
        self.node("Squeeze", self.node("Sigmoid", difference), axis, output="score")

    def model(
        self, name: str, size: Sequence[int | str], outputs: dict[str, list[int | str]]
    ) -> onnx.ModelProto:
        if self.at != len(self.weights):
            raise ValueError(f"{name}: {len(self.weights)} arrays of weights, {self.at} used")
        inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, *size])]
        results = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in outputs.items()]
        graph = helper.make_graph(self.nodes, name, inputs, results, self.initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model)
        return model


def pnet(weights: Sequence[Array]) -> onnx.ModelProto:
    """``image`` (n, 3, rows, cols) -> ``offset`` (n, 4, r, c), ``score`` (n, r, c), a cell per 2 pixels."""
    g = _GraphBuilder(weights)
    x = g.pool(g.prelu(g.conv("image", normalise=True)), 2, same=True)
    x = g.prelu(g.conv(x))
    x = g.prelu(g.conv(x))
    g.conv(x, output="offset")
    g.face_score(x, "Conv")
    return g.model("pnet", ["rows", "columns"], {"offset": ["n", 4, "r", "c"], "score": ["n", "r", "c"]})


def rnet(weights: Sequence[Array]) -> onnx.ModelProto:
    """``image`` (n, 3, 24, 24) -> ``offset`` (n, 4), ``score`` (n,)."""
    g = _GraphBuilder(weights)
    x = g.pool(g.prelu(g.conv("image", normalise=True)), 3, same=True)
    x = g.pool(g.prelu(g.conv(x)), 3, same=False)
    x = g.node("Flatten", g.prelu(g.conv(x)))
    x = g.prelu(g.dense(x, spatial=3))
    g.dense(x, output="offset")
    g.face_score(x, "Gemm")
    return g.model("rnet", [24, 24], {"offset": ["n", 4], "score": ["n"]})


def onet(weights: Sequence[Array]) -> onnx.ModelProto:
    """``image`` (n, 3, 48, 48) -> ``offset`` (n, 4), ``points`` (n, 10: five x, five y), ``score`` (n,)."""
    g = _GraphBuilder(weights)
    x = g.pool(g.prelu(g.conv("image", normalise=True)), 3, same=True)
    x = g.pool(g.prelu(g.conv(x)), 3, same=False)
    x = g.pool(g.prelu(g.conv(x)), 2, same=True)
    x = g.node("Flatten", g.prelu(g.conv(x)))
    x = g.prelu(g.dense(x, spatial=3))
    g.dense(x, output="offset")
    g.dense(x, output="points")
    g.face_score(x, "Gemm")
    return g.model("onet", [48, 48], {"offset": ["n", 4], "points": ["n", 10], "score": ["n"]})
