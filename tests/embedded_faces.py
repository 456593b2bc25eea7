"""The labelled photos as vectors, by the default detector and dlib's network; made once in a test session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition import images
from recognition.analysis import Analysis, analyse_photo
from recognition.detector import load_detector
from recognition.embedders import load_embedder
from recognition.images import Photo
from recognition.mainface import find_main_face
from recognition.types import Detector, Embedder, Embeddings, FaceCrop
from tests.labelled import folder

needs_labelled_photos = pytest.mark.skipif(
    folder() is None,
    reason="FACESITE_TEST_FACES names no folder of labelled photos: THE ACCURACY GATES DID NOT RUN",
)


@dataclass(frozen=True)
class Faces:
    """Vectors (n, dimension) of faces, whose each is, and the names of the people."""

    vectors: Embeddings
    persons: NDArray[np.int64]
    names: list[str]
    usable: NDArray[np.bool_]


@lru_cache(maxsize=1)
def engines() -> tuple[Detector, Embedder]:
    return load_detector(), load_embedder("dlib")


@lru_cache(maxsize=4)
def portraits(name: str) -> Faces:
    """A folder of one folder per person, below the labelled photos."""
    return embed_portraits(name, engines()[1])


def embed_portraits(name: str, embedder: Embedder) -> Faces:
    base = folder()
    assert base is not None
    people = sorted(path for path in (base / name).iterdir() if path.is_dir())
    crops, persons, usable = [], [], []
    for person, path in enumerate(people):
        for file in sorted(path.iterdir()):
            image = read(file).pixels
            face = find_main_face(image, engines()[0])
            crops.append(FaceCrop(image, face.box, face.landmarks))
            persons.append(person)
            usable.append(face.quality is None or face.quality.is_usable)
    vectors = embedder.embed(crops)
    return Faces(vectors, np.array(persons, np.int64), [path.name for path in people], np.array(usable))


def group(path: Path, embedder: Embedder | None = None) -> Analysis:
    """All faces of a photo, left to right, by the chain that the worker runs; dlib's vectors unless another's."""
    return analyse_photo(path, read, engines()[0], embedder or engines()[1])


def read(path: Path) -> Photo:
    return images.read_photo(path, at_least=3_000)


def truth(name: str) -> dict[str, list[str]]:
    base = folder()
    assert base is not None
    named: dict[str, list[str]] = json.loads((base / name / "truth.json").read_text())
    return named
