"""The labelled photos as vectors, by the default detector and embedder; made once in a test session."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition import detector, embedders
from recognition.types import Detection, Detector, Embedder, Embeddings, FaceCrop, Image
from tests.labelled import folder, photo

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
    return detector.load(), embedders.load("dlib")


def main_face(image: Image) -> Detection:
    """The face a portrait is of: large and near the middle."""
    rows, columns = image.shape[:2]

    def weight(found: Detection) -> float:
        box = found.box
        across, down = (box.left + box.right - columns) / 2, (box.top + box.bottom - rows) / 2
        return box.area - 2 * (across**2 + down**2)

    return max(engines()[0].detect(image), key=weight)


@lru_cache(maxsize=4)
def portraits(name: str) -> Faces:
    """A folder of one folder per person, below the labelled photos."""
    base = folder()
    assert base is not None
    people = sorted(path for path in (base / name).iterdir() if path.is_dir())
    crops, persons, usable = [], [], []
    for person, path in enumerate(people):
        for file in sorted(path.iterdir()):
            image = photo(file)
            face = main_face(image)
            crops.append(FaceCrop(image, face.box, face.landmarks))
            persons.append(person)
            usable.append(face.quality is None or face.quality.is_usable)
    vectors = engines()[1].embed(crops)
    return Faces(vectors, np.array(persons, np.int64), [path.name for path in people], np.array(usable))


def group(path: Path) -> tuple[list[Detection], Embeddings]:
    """All faces of a photo, left to right."""
    image = photo(path)
    found = engines()[0].detect(image)
    return found, engines()[1].embed([FaceCrop(image, face.box, face.landmarks) for face in found])


def truth(name: str) -> dict[str, list[str]]:
    base = folder()
    assert base is not None
    named: dict[str, list[str]] = json.loads((base / name / "truth.json").read_text())
    return named
