"""Eight bits take over from float32 only after they have agreed on faces, and never where they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recognition import runtime
from recognition.embedders import clip_int8
from recognition.embedders.clip_int8 import ClipNetworks, Pictures

SIDE = 8


@pytest.fixture
def tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small network of two matrices with the input and output of an image tower."""
    from onnx import TensorProto, helper, numpy_helper, save_model

    monkeypatch.setenv("FACESITE_MODEL_DIR", str(tmp_path / "models"))
    random = np.random.default_rng(2)
    first = numpy_helper.from_array(random.normal(size=(3 * SIDE * SIDE, 96)).astype(np.float32), "first")
    second = numpy_helper.from_array(random.normal(size=(96, 64)).astype(np.float32), "second")
    nodes = [
        helper.make_node("Flatten", ["faces"], ["flat"]),
        helper.make_node("MatMul", ["flat", "first"], ["middle"]),
        helper.make_node("Tanh", ["middle"], ["bent"]),
        helper.make_node("MatMul", ["bent", "second"], ["vectors"]),
    ]
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    vectors = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", 64])
    graph = helper.make_graph(nodes, "tower", [faces], [vectors], [first, second])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save_model(model, str(tmp_path / "tower.onnx"))
    return tmp_path / "tower.onnx"


def pictures(count: int) -> Pictures:
    return np.random.default_rng(9).normal(size=(count, 3, SIDE, SIDE)).astype(np.float32) / 12


def test_eight_bits_take_over_after_enough_faces_have_agreed(
    tower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_int8, "CLOSE_COSINE", 0.99)
    networks = ClipNetworks(tower, 1)
    exact = networks.run(pictures(10))
    assert networks._exact is not None
    ClipNetworks(tower, 1).run(pictures(6))  # counted on from another process
    later = ClipNetworks(tower, 1)
    assert later._exact is None
    quick = later.run(pictures(10))
    assert np.einsum("nd,nd->n", exact, quick).min() >= 0.99
    assert np.abs(exact - quick).max() > 1e-6
    assert np.abs(exact - ClipNetworks(tower, 1, only_float32=True).run(pictures(10))).max() < 1e-6
    assert np.allclose(np.linalg.norm(quick, axis=1), 1, atol=1e-6)


def test_a_face_gets_the_same_vector_in_any_batch(tower: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_int8, "CLOSE_COSINE", 0.99)
    ClipNetworks(tower, 1).run(pictures(20))
    networks = ClipNetworks(tower, 1)
    assert networks._exact is None
    together = networks.run(pictures(9))
    assert np.abs(together[4] - networks.run(pictures(9)[4:5])[0]).max() < 1e-6
    side_by_side = ClipNetworks(tower, 3).run(pictures(9))
    assert np.abs(side_by_side - together).max() < 1e-6


def test_eight_bits_that_differ_are_never_used(tower: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_int8, "CLOSE_COSINE", 1.01)
    exact = ClipNetworks(tower, 1).run(pictures(3))
    later = ClipNetworks(tower, 1)
    assert later._quick is None
    assert np.abs(later.run(pictures(3)) - exact).max() < 1e-6


def test_a_finding_at_one_bound_says_nothing_of_another(tower: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_int8, "CLOSE_COSINE", 0.99)
    ClipNetworks(tower, 1).run(pictures(20))
    monkeypatch.setattr(clip_int8, "CLOSE_COSINE", 0.9999)
    assert ClipNetworks(tower, 1)._exact is not None


def test_what_was_found_on_one_kind_of_processor_says_nothing_of_the_other(
    tower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_int8, "CLOSE_COSINE", 0.9)
    for has_it in (True, False):
        monkeypatch.setattr(runtime, "multiplies_eight_bits", lambda has_it=has_it: has_it)
        assert ClipNetworks(tower, 1)._exact is not None
        ClipNetworks(tower, 1).run(pictures(20))
        assert ClipNetworks(tower, 1)._exact is None


def test_unsigned_matrices_are_exact_on_any_processor(tower: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "multiplies_eight_bits", lambda: False)
    ClipNetworks(tower, 1).run(pictures(20))
    assert ClipNetworks(tower, 1)._exact is None  # at 0.999


@pytest.mark.parametrize(
    ("flags", "has_it"), [("fpu avx2 avx512_vnni", True), ("fpu avx_vnni", True), ("fpu avx2 vnni", False)]
)
def test_the_processor_says_whether_it_multiplies_eight_bits(
    tmp_path: Path, flags: str, has_it: bool
) -> None:
    said = tmp_path / "cpuinfo"
    said.write_text(f"processor\t: 0\nmodel name\t: avx512_vnni\nflags\t\t: {flags}\nbugs\t: avx_vnni\n")
    assert runtime.multiplies_eight_bits(said) is has_it
    assert not runtime.multiplies_eight_bits(tmp_path / "none")
