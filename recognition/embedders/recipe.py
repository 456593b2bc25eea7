"""What every embedder shares: its id, faces made ready in bounded batches, and unit vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from recognition.embedders.prepare import PREPARATION, prepare_face
from recognition.types import Embeddings, FaceCrop

BATCH_FACES = 4  # more take memory for each face, and no less time


def make_embedder_id(name: str, recipe: Mapping[str, object]) -> str:
    """``name`` and 12 hex digits of a SHA-256 over the recipe, which must name the weights' own SHA-256.

    The preparation that all embedders share is a part of it.
    """
    return _hash_recipe(name, {**recipe, "preparation": PREPARATION})


def list_earlier_ids(name: str, recipe: Mapping[str, object]) -> tuple[str, ...]:
    """The id before there was a preparation; vectors of faces that need none are the same under both."""
    return (_hash_recipe(name, recipe),)


def _hash_recipe(name: str, recipe: Mapping[str, object]) -> str:
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def split_batches(crops: Sequence[FaceCrop], size: int = BATCH_FACES) -> Iterator[list[FaceCrop]]:
    for start in range(0, len(crops), size):
        yield list(crops[start : start + size])


def embed_in_batches(
    crops: Sequence[FaceCrop],
    dimension: int,
    embed: Callable[[list[FaceCrop]], Embeddings],
    size: int = BATCH_FACES,
) -> Embeddings:
    """(n, dimension) vectors of faces made ready, with at most ``size`` of them in memory at once."""
    vectors = [embed([prepare_face(crop) for crop in batch]) for batch in split_batches(crops, size)]
    return np.concatenate(vectors) if vectors else np.empty((0, dimension), np.float32)


def normalise_vectors(vectors: Embeddings) -> Embeddings:
    """Each row divided by its length; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
