"""The default embedder: dlib's face network, from its packaged weights, run in ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from recognition import align, runtime, weights
from recognition.embedders import dlib_graph, dlib_network
from recognition.embedders.recipe import embed_in_batches, embedder_id, unit
from recognition.landmarks import five_points
from recognition.types import Bounds, Embeddings, FaceCrop, Image

PACKAGE = "face_recognition_models"
FILE = ("models", "dlib_face_recognition_resnet_model_v1.dat")
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

TEMPLATE = align.Template(
    # dlib's own mean face in its 150-pixel chip with a quarter of padding; dlib's chip begins half a pixel in
    side=dlib_network.SIDE,
    points=((110.457, 45.850), (89.106, 47.397), (36.558, 45.873), (57.909, 47.406), (73.511, 87.280)),
)
RECIPE: dict[str, object] = {
    "weights": SHA256,
    "landmarks": [five_points.SHA256, five_points.WIDE, five_points.DOWN],
    "template": [TEMPLATE.points, TEMPLATE.weights],
    "resampling": "box, bilinear, edge repeated",
    "precision": "float32",
}


def missing() -> str | None:
    """Why this embedder cannot run here, as a sentence; None when it can. Imports nothing."""
    for package in (PACKAGE, "onnxruntime", "onnx"):
        if not weights.has_package(package):
            return f"The dlib embedder needs the package {package}: {weights.how_to_install(package)}"
    return None


def converted_model() -> Path:
    """dlib's network as an ONNX file, written on first use."""

    def build(path: Path) -> None:
        source = weights.package_file(PACKAGE, *FILE, sha256=SHA256)
        dlib_graph.write(dlib_network.read(source), path)

    return weights.converted("dlib-face", build, key=f"{SHA256} {dlib_graph.VERSION}")


class DlibEmbedder:
    """Faces to 128 numbers. The network is opened at the first face, or by ``warm_up``."""

    name = "dlib"
    dimension = dlib_network.DIMENSION
    bounds = Bounds(known=0.925, unsure=0.905, margin=0.015)  # docs/accuracy.md says from what

    def __init__(self, threads: int | None = None) -> None:
        self.id = embedder_id(self.name, RECIPE)
        self._threads = threads
        self._session: runtime.Session | None = None
        self._opening = threading.Lock()

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        """(n, 128) unit float32 vectors, in order; at most 32 faces are in memory at once."""
        return embed_in_batches(crops, self.dimension, self._embed)

    def describe(self, chips: Image) -> Embeddings:
        """The network's own output, (n, 128) float32, for aligned uint8 RGB chips (n, 150, 150, 3)."""
        (vectors,) = self._opened().run(None, {"chips": chips})
        return np.asarray(vectors, np.float32)

    def warm_up(self) -> None:
        """Open what the first face would."""
        self._opened()
        five_points.load()

    def _opened(self) -> runtime.Session:
        with self._opening:
            if self._session is None:
                self._session = runtime.session(converted_model(), self._threads)
            return self._session

    def _embed(self, crops: list[FaceCrop]) -> Embeddings:
        squares = np.array([five_points.start_square(crop.landmarks, crop.box) for crop in crops])
        points = five_points.predict(five_points.load(), [crop.image for crop in crops], squares)
        finer = [replace(crop, landmarks=own) for crop, own in zip(crops, points, strict=True)]
        return unit(self.describe(align.chips(finer, TEMPLATE)))
