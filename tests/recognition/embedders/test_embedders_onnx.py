"""Any ArcFace-style model file: layouts and sizes are read from the file, faces come aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recognition.align import align_face
from recognition.embedders import get_unavailable_reason, load_embedder
from recognition.embedders.arcface import ARCFACE_TEMPLATE
from recognition.errors import WeightsCorrupt, WeightsMissing
from recognition.types import Box, FaceCrop, Image


def write_model(
    path: Path, *, first: bool = True, batch: int | str = "n", side: int = 112, scales: bool = False
) -> Path:
    """A model whose vector is every 16th pixel of the picture, in RGB order."""
    from onnx import TensorProto, helper, numpy_helper, save_model

    strided = [
        ("starts", [8, 8]),
        ("ends", [side, side]),
        ("axes", [2, 3] if first else [1, 2]),
        ("steps", [16, 16]),
    ]
    constants = [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in strided]
    nodes, x = [], "faces"
    if scales:
        for kind, name, value in (("Sub", "half", 127.5), ("Mul", "part", 1 / 127.5)):
            constants.append(numpy_helper.from_array(np.float32(value), name))
            nodes.append(helper.make_node(kind, [x, name], [kind]))
            x = kind
    nodes.append(helper.make_node("Slice", [x, "starts", "ends", "axes", "steps"], ["some"]))
    nodes.append(
        helper.make_node("Transpose", ["some"], ["last"], perm=[0, 2, 3, 1] if first else [0, 1, 2, 3])
    )
    nodes.append(helper.make_node("Flatten", ["last"], ["vectors"]))
    shape = [batch, 3, side, side] if first else [batch, side, side, 3]
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, shape)
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [batch, 147])
    graph = helper.make_graph(nodes, "arc", [faces], [vectors], constants)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def picture() -> Image:
    return np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)


def face(shift: float = 0) -> FaceCrop:
    points = np.array(ARCFACE_TEMPLATE.points, np.float32) * 1.5 + np.float32(50 + shift)
    return FaceCrop(picture(), Box(50, 50, 168, 168), points)


def expected(crop: FaceCrop) -> np.ndarray:
    chip = align_face(crop, ARCFACE_TEMPLATE).astype(np.float32)
    vector = ((chip - 127.5) / 127.5)[8::16, 8::16].ravel()
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("batch", ["n", 1, 4])
@pytest.mark.parametrize("scales", [True, False])
def test_layout_batch_and_scaling_are_read_from_the_file(
    tmp_path: Path, first: bool, batch: int | str, scales: bool
) -> None:
    path = write_model(tmp_path / "arc.onnx", first=first, batch=batch, scales=scales)
    embedder = load_embedder("onnx", model=str(path), threads=1)
    crops = [face(shift) for shift in (0, 7, 13, 20, 31)]
    vectors = embedder.embed(crops)
    assert (embedder.dimension, vectors.shape, vectors.dtype) == (147, (5, 147), np.float32)
    assert np.allclose(vectors, [expected(crop) for crop in crops], atol=1e-5)


def test_the_id_follows_the_file(tmp_path: Path) -> None:
    one = load_embedder("onnx", model=str(write_model(tmp_path / "one.onnx")))
    same = load_embedder("onnx", model=str(write_model(tmp_path / "same.onnx")))
    other = load_embedder("onnx", model=str(write_model(tmp_path / "other.onnx", scales=True)))
    assert one.id == same.id
    assert one.id != other.id
    assert one.id.startswith("onnx-")


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt, match="112 x 112"):
        load_embedder("onnx", model=str(write_model(tmp_path / "big.onnx", side=224)))
    (tmp_path / "no.onnx").write_bytes(b"\xff not a model")
    with pytest.raises(WeightsCorrupt, match="not an ONNX model"):
        load_embedder("onnx", model=str(tmp_path / "no.onnx"))


def test_a_missing_model_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="FACESITE_ONNX_MODEL"):
        load_embedder("onnx")
    assert "There is no model file" in str(get_unavailable_reason("onnx", model=str(tmp_path / "gone.onnx")))
