"""YuNet, the scout: where faces may be.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023: one network, applied to the whole image,
says of each cell of three grids whether a face is centred there, how large it is and where its landmarks are. Its
weights (MIT licence) lie beside this file as OpenCV Zoo publishes them, as a graph for one image size, which is
freed here; the four answers of each grid, computed one by one there, are one convolution.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.detector.geometry import NO_FACES, Faces, join_faces, order_best_first, suppress_overlaps
from recognition.runtime import Session, open_session
from recognition.types import Image
from recognition.weights import get_converted_model, verify_file

YUNET_PATH = Path(__file__).with_name("weights") / "face_detection_yunet_2023mar.onnx"
_YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
_CONVERTER_VERSION = 1
CELL_SIDES = (8, 16, 32)  # pixels; rows and columns must be multiples of the last
SAME_FACE_OVERLAP = 0.3  # boxes that overlap by more are of one face
_ANSWERS = ("cls", "obj", "bbox", "kps")  # is it a face, is something there, its box, its five landmarks


class YuNet:
    """Safe to call from several threads."""

    def __init__(self, threads: int | None = None) -> None:
        """Raises WeightsMissing or WeightsCorrupt."""
        self._session: Session = open_session(get_model(), threads)

    def find(self, image: Image, lowest: float) -> Faces:
        """Faces scored over ``lowest`` in a uint8 RGB image (rows, columns, 3), best first.

        Upright faces of some 10 to 300 pixels are found well, and those tilted by up to 20 degrees; the caller
        chooses scale and turn. Boxes and landmarks may reach beyond the image, where a face is cut by its edge.
        """
        rows, columns = (-(-edge // CELL_SIDES[-1]) * CELL_SIDES[-1] for edge in image.shape[:2])
        if not rows or not columns:
            return NO_FACES
        padded = np.zeros((1, rows, columns, 3), np.uint8)
        padded[0, : image.shape[0], : image.shape[1]] = image
        grids = self._session.run(None, {"image": padded})
        parts = [_decode_grid(grid[0], side, lowest) for grid, side in zip(grids, CELL_SIDES, strict=True)]
        faces = join_faces(parts)
        faces = faces.take(order_best_first(faces.scores))
        return faces.take(suppress_overlaps(faces.boxes, SAME_FACE_OVERLAP))


def _decode_grid(grid: NDArray[np.float32], side: int, lowest: float) -> Faces:
    """The faces in (16, rows, columns): two scores, centre, size and five points, in cells of so many pixels."""
    opinions = 1 / (1 + np.exp(-grid[:2]))
    score = np.sqrt(opinions[0] * opinions[1])
    row, column = np.nonzero(score > lowest)
    answers = grid[2:, row, column].T.astype(np.float64)
    cell = np.stack([column, row], 1)
    centre, half = (cell + answers[:, :2]) * side, np.exp(answers[:, 2:4]) * side / 2
    points = (answers[:, 4:].reshape(-1, 5, 2) + cell[:, None]) * side
    return Faces(
        np.concatenate([centre - half, centre + half], 1), score[row, column], points.astype(np.float64)
    )


def get_model() -> Path:
    """The network freed of its one size, made on first use; raises WeightsMissing or WeightsCorrupt."""
    published = verify_file(YUNET_PATH, _YUNET_SHA256)

    def build(path: Path) -> None:
        import onnx

        path.write_bytes(_free_model(onnx.load(str(published))).SerializeToString())

    return get_converted_model("yunet", build, key=f"{_YUNET_SHA256} {_CONVERTER_VERSION}")


def _free_model(published: Any) -> Any:
    """``image`` (n, rows, columns, 3), uint8 RGB -> one grid (n, 16, r, c) of float32 for each of CELL_SIDES."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = published.graph
    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    first = next(node for node in graph.node if graph.input[0].name in node.input)
    weights[first.input[1]] = weights[first.input[1]][:, ::-1].copy()  # published for blue, green, red
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], [graph.input[0].name], perm=[0, 3, 1, 2]),
        *(node for node in graph.node if node.op_type in {"Conv", "Relu", "MaxPool", "Resize", "Add"}),
    ]
    heads = [node for node in nodes if any(name.startswith("bbox_head.") for name in node.input)]
    nodes = [node for node in nodes if node not in heads]
    for level, side in enumerate(CELL_SIDES):
        names = [f"bbox_head.multi_level_{answer}.{level}" for answer in _ANSWERS]
        (source,) = {node.input[0] for node in heads if node.input[1] == f"{names[0]}.conv1.weight"}
        for layer in ("conv1", "conv2"):
            for kind in ("weight", "bias"):
                joined = np.concatenate([weights[f"{name}.{layer}.{kind}"] for name in names])
                weights[f"{layer}.{kind}.{side}"] = joined
        inner, outer = (
            [f"{layer}.{kind}.{side}" for kind in ("weight", "bias")] for layer in ("conv1", "conv2")
        )
        nodes.append(helper.make_node("Conv", [source, *inner], [f"inner.{side}"]))
        nodes.append(
            helper.make_node("Conv", [f"inner.{side}", *outer], [f"grid.{side}"], group=16, pads=[1, 1, 1, 1])
        )
    used = {name for node in nodes for name in node.input}
    freed = helper.make_graph(
        nodes,
        "yunet",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "rows", "columns", 3])],
        [
            helper.make_tensor_value_info(
                f"grid.{side}", TensorProto.FLOAT, ["n", 16, f"r{side}", f"c{side}"]
            )
            for side in CELL_SIDES
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items() if name in used],
    )
    made = helper.make_model(freed, opset_imports=published.opset_import, ir_version=published.ir_version)
    onnx.checker.check_model(made)
    return made
