"""The default embedder: dlib's face network, from its packaged weights, run in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from recognition import weights
from recognition.align import Template, align_faces
from recognition.embedders.dlib_network import (
    CHIP_SIDE,
    EMBEDDING_DIMENSION,
    GRAPH_VERSION,
    read_network,
    write_onnx_model,
)
from recognition.embedders.recipe import (
    embed_in_batches,
    list_earlier_ids,
    make_embedder_id,
    normalise_vectors,
)
from recognition.landmarks.five_points import (
    LANDMARKS_SHA256,
    SQUARE_SHIFT,
    SQUARE_WIDTH,
    find_start_square,
    load_trees,
    predict_points,
)
from recognition.published import PUBLISHED_BOUNDS
from recognition.runtime import LazySession
from recognition.types import Embeddings, FaceCrop, Image
from recognition.weights import find_package_file, get_converted_model, how_to_install

DLIB_PACKAGE = "face_recognition_models"
DLIB_FILE = ("models", "dlib_face_recognition_resnet_model_v1.dat")
DLIB_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

DLIB_TEMPLATE = Template(
    # dlib's own mean face in its 150-pixel chip with a quarter of padding; dlib's chip begins half a pixel in
    side=CHIP_SIDE,
    points=((110.457, 45.850), (89.106, 47.397), (36.558, 45.873), (57.909, 47.406), (73.511, 87.280)),
)
DLIB_RECIPE: dict[str, object] = {
    "weights": DLIB_SHA256,
    "landmarks": [LANDMARKS_SHA256, SQUARE_WIDTH, SQUARE_SHIFT],
    "template": [DLIB_TEMPLATE.points, DLIB_TEMPLATE.weights],
    "resampling": "box, bilinear, edge repeated",
    "precision": "float32",
}


def explain_missing_dlib() -> str | None:
    """Why this embedder cannot run here, as a sentence; None when it can. Imports nothing."""
    for package in (DLIB_PACKAGE, "onnxruntime", "onnx"):
        if not weights.has_package(package):
            return f"The dlib embedder needs the package {package}: {how_to_install(package)}"
    return None


def get_dlib_model() -> Path:
    """dlib's network as an ONNX file, written on first use."""

    def build(path: Path) -> None:
        source = find_package_file(DLIB_PACKAGE, *DLIB_FILE, sha256=DLIB_SHA256)
        write_onnx_model(read_network(source), path)

    return get_converted_model("dlib-face", build, key=f"{DLIB_SHA256} {GRAPH_VERSION}")


class DlibEmbedder:
    """Faces to 128 numbers. The network is opened at the first face, or by ``warm_up``."""

    name = "dlib"
    dimension = EMBEDDING_DIMENSION
    bounds = PUBLISHED_BOUNDS["dlib"]

    def __init__(self, threads: int | None = None) -> None:
        self.id = make_embedder_id(self.name, DLIB_RECIPE)
        self.earlier_ids = list_earlier_ids(self.name, DLIB_RECIPE)
        self._session = LazySession(get_dlib_model, threads)

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        """(n, 128) unit float32 vectors, in order; a few faces are in memory at once."""
        return embed_in_batches(crops, self.dimension, self._embed)

    def describe(self, chips: Image) -> Embeddings:
        """The network's own output, (n, 128) float32, for aligned uint8 RGB chips (n, 150, 150, 3)."""
        (vectors,) = self._session.open().run(None, {"chips": chips})
        return np.asarray(vectors, np.float32)

    def warm_up(self) -> None:
        """Open what the first face would."""
        self._session.open()
        load_trees()

    def _embed(self, crops: list[FaceCrop]) -> Embeddings:
        squares = np.array([find_start_square(crop.landmarks, crop.box) for crop in crops])
        points = predict_points(load_trees(), [crop.image for crop in crops], squares)
        finer = [replace(crop, landmarks=own) for crop, own in zip(crops, points, strict=True)]
        return normalise_vectors(self.describe(align_faces(finer, DLIB_TEMPLATE)))
