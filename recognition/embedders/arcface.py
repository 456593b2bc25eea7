"""Any ArcFace-style model file: 112 x 112 faces aligned to the usual five points.

The model (``FACESITE_ONNX_MODEL``) has one picture input, NCHW or NHWC, and the vectors as its first output.
Pixels are RGB, less 127.5 and divided by 127.5 (InsightFace divides some models by 127.5 and some by 128: a
difference of 0.4 % that unit vectors do not show). A model that scales its pixels itself is recognised as
InsightFace does it: by a subtraction and a multiplication among its first nodes; it gets 0 to 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recognition import weights
from recognition.align import Template, align_faces
from recognition.embedders.recipe import (
    BATCH_FACES,
    embed_in_batches,
    list_earlier_ids,
    make_embedder_id,
    normalise_vectors,
)
from recognition.errors import WeightsCorrupt, WeightsMissing
from recognition.published import PUBLISHED_BOUNDS
from recognition.runtime import LazySession
from recognition.types import Embeddings, FaceCrop, Image
from recognition.weights import file_sha256, how_to_install

CHIP_SIDE = 112
PIXEL_CENTRE = 127.5

ARCFACE_TEMPLATE = Template(
    # the template of InsightFace and ArcFace: eyes, nose, mouth corners
    side=CHIP_SIDE,
    points=(
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ),
)


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the model file says of its input and output."""

    input: str
    channels_first: bool
    fixed_batch: int | None  # None: any number of faces at once
    scales_itself: bool
    dimension: int


def explain_missing_arcface(model: str) -> str | None:
    """Why the model cannot be used here, as a sentence; None when it can. Imports nothing."""
    for package in ("onnxruntime", "onnx"):
        if not weights.has_package(package):
            return f"The onnx embedder needs the package {package}: {how_to_install(package)}"
    if not model:
        return "The onnx embedder needs a model: set FACESITE_ONNX_MODEL to the path of an ArcFace-style .onnx file."
    if not Path(model).is_file():
        return f"There is no model file {model}; set FACESITE_ONNX_MODEL to the path of an ArcFace-style .onnx file."
    return None


def inspect_model(path: Path) -> ModelShape:
    """Input layout and output size, read from the graph; raises WeightsCorrupt when it is no such model."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except DecodeError as error:
        raise WeightsCorrupt(f"{path.name} is not an ONNX model.") from error
    constants = {constant.name for constant in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    sizes = [dimension.dim_value for dimension in inputs[0].type.tensor_type.shape.dim] if inputs else []
    if (
        len(sizes) != 4
        or sorted(sizes[1:]) not in ([3, CHIP_SIDE, CHIP_SIDE], [0, 0, 3])
        or 3 not in (sizes[1], sizes[3])
    ):
        raise WeightsCorrupt(
            f"{path.name} does not take faces of 112 x 112 pixels in colour; its input is {sizes or 'missing'}."
        )
    first = [node.op_type for node in graph.node[:8]]
    return ModelShape(
        input=inputs[0].name,
        channels_first=sizes[1] == 3,
        fixed_batch=sizes[0] or None,
        scales_itself="Sub" in first and ("Mul" in first or "Div" in first),
        dimension=_read_dimension(path, graph),
    )


def _read_dimension(path: Path, graph: Any) -> int:
    sizes = [each.dim_value for each in graph.output[0].type.tensor_type.shape.dim] if graph.output else []
    if len(sizes) == 2 and sizes[1] > 1:
        return int(sizes[1])
    raise WeightsCorrupt(f"{path.name} does not say how many numbers it gives for a face.")


class ArcFaceEmbedder:
    """Faces to the vectors of a model file of the owner's. The network is opened at the first face."""

    name = "onnx"
    bounds = PUBLISHED_BOUNDS["onnx"]

    def __init__(self, model: str, threads: int | None = None) -> None:
        if reason := explain_missing_arcface(model):
            raise WeightsMissing(reason)
        self._path = Path(model)
        self._shape = inspect_model(self._path)
        self._session = LazySession(lambda: self._path, threads)
        self.dimension = self._shape.dimension
        recipe = {
            "weights": file_sha256(self._path),
            "template": ARCFACE_TEMPLATE.points,
            "resampling": "box, bilinear, edge repeated",
            "pixels": "rgb 0..255" if self._shape.scales_itself else "rgb -1..1",
            "precision": "float32",
        }
        self.id = make_embedder_id(self.name, recipe)
        self.earlier_ids = list_earlier_ids(self.name, recipe)

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        """(n, dimension) unit float32 vectors, in order; a few faces are in memory at once."""
        size = min(self._shape.fixed_batch or BATCH_FACES, 32)
        return embed_in_batches(crops, self.dimension, self._embed, size)

    def _embed(self, crops: list[FaceCrop]) -> Embeddings:
        return normalise_vectors(self.describe(align_faces(crops, ARCFACE_TEMPLATE)))

    def describe(self, chips: Image) -> Embeddings:
        """The model's own output for aligned uint8 RGB chips (n, 112, 112, 3)."""
        pixels = chips.astype(np.float32)
        if not self._shape.scales_itself:
            pixels = (pixels - PIXEL_CENTRE) / PIXEL_CENTRE
        if self._shape.channels_first:
            pixels = pixels.transpose(0, 3, 1, 2)
        batch = self._shape.fixed_batch or len(pixels)
        # A model for a fixed number of faces gets black ones to fill up.
        padded = np.zeros((batch, *pixels.shape[1:]), np.float32)
        padded[: len(pixels)] = pixels
        vectors = self._session.open().run(None, {self._shape.input: padded})[0]
        return np.asarray(vectors[: len(chips)], np.float32)
