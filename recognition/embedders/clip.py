"""CLIP's image tower, as in the script this site began as: the box of a face, and nothing around it.

CLIP (Radford et al., 2021) was not trained on whose face it is, and strangers who are pictured alike are alike
to it; docs/embedders.md compares. open_clip's weights are converted once and run in ONNX Runtime.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from recognition.embedders import clip_weights
from recognition.embedders.clip_int8 import PRECISION, ClipNetworks
from recognition.embedders.clip_pixels import cut_face
from recognition.embedders.clip_weights import find_weights, get_image_tower
from recognition.embedders.recipe import embed_in_batches, list_earlier_ids, make_embedder_id
from recognition.published import PUBLISHED_BOUNDS
from recognition.types import Embeddings, FaceCrop

DEFAULT_MODEL = "ViT-B-32"
DEFAULT_PRETRAINED = "openai"

explain_missing_clip = clip_weights.explain_missing_clip


class ClipEmbedder:
    """Faces to the vectors of CLIP's image tower. The network is converted and opened at the first face.

    Raises WeightsMissing when the weights are neither here nor to be downloaded.
    """

    name = "clip"
    bounds = PUBLISHED_BOUNDS["clip"]

    def __init__(
        self, model: str = DEFAULT_MODEL, pretrained: str = DEFAULT_PRETRAINED, threads: int | None = None
    ) -> None:
        self._names = (model, pretrained)
        self._source = find_weights(model, pretrained)
        self._threads = threads
        self.only_float32 = (
            False  # set before the first face: no eight bits, though they are within the recipe
        )
        self._networks: ClipNetworks | None = None
        self._opening = threading.Lock()
        self.dimension = self._source.dimension
        recipe = {
            "weights": self._source.sha256,
            "model": model,
            "quick_gelu": self._source.quick_gelu,
            "crop": "box, at most 16 to 1",
            "pixels": self._source.pixels.recipe(),
            "precision": PRECISION,
        }
        self.id = make_embedder_id(self.name, recipe)
        self.earlier_ids = list_earlier_ids(self.name, recipe)

    def embed(self, crops: Sequence[FaceCrop]) -> Embeddings:
        """(n, dimension) unit float32 vectors, in order; at most 32 faces are in memory at once."""
        return embed_in_batches(crops, self.dimension, self._embed)

    def _embed(self, crops: list[FaceCrop]) -> Embeddings:
        faces = np.stack([self._source.pixels.prepare(cut_face(crop)) for crop in crops])
        with self._opening:
            if self._networks is None:
                model = get_image_tower(*self._names, self._source)
                self._networks = ClipNetworks(model, self._threads, only_float32=self.only_float32)
        return self._networks.run(faces)
