"""Were these vectors made by the embedder they are said to be of? A sample is embedded again to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gallery import engine
from gallery.pipeline.references import resized
from recognition.mainface import NoFaceFound, SeveralFaces, assumed_landmarks, main_face
from recognition.types import (
    Box,
    Embedder,
    EmbedderMismatch,
    Embeddings,
    FaceCrop,
    Image,
    ImageError,
    Landmarks,
)

SAMPLE = 20  # pictures
AGREE = 0.97  # cosine that half of them must reach: other resizing and half precision cost a little
LARGEST = 1_600  # pixels


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture at hand; the face in it where that is known."""

    path: Path
    box: Box | None = None
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    pictures: int  # how many could be compared
    similarity: float | None  # median cosine of the given vector and ours; None without pictures


def check(embedder: Embedder, pictures: Sequence[Picture | None], vectors: Embeddings) -> Checked:
    """Compare a sample; raises EmbedderMismatch when the vectors are plainly not this embedder's."""
    if vectors.shape[1] != embedder.dimension:
        raise EmbedderMismatch(
            f"The vectors have {vectors.shape[1]} numbers and those of {embedder.name} {embedder.dimension}; "
            "name the embedder that made them."
        )
    at_hand = [row for row, picture in enumerate(pictures) if picture and picture.path.is_file()]
    chosen: list[int] = np.random.default_rng(0).permutation(at_hand)[:SAMPLE].astype(int).tolist()
    found = [
        similarity
        for row in chosen
        if (picture := pictures[row])
        and (similarity := _similarity(embedder, picture, vectors[row])) is not None
    ]
    if not found:
        return Checked(0, None)
    median = float(np.median(found))
    if median < AGREE:
        raise EmbedderMismatch(
            f"Of {len(found)} pictures embedded again by {embedder.name}, half have a cosine below "
            f"{median:.3f} with the given vectors, so another model or preprocessing made those. "
            "Name the right embedder, or import the pictures with import_people."
        )
    return Checked(len(found), median)


def _similarity(embedder: Embedder, picture: Picture, vector: Embeddings) -> float | None:
    """The best cosine over the ways a crop may have been made of the picture; None if it is unreadable."""
    try:
        pixels = engine.read(picture.path).pixels
    except (ImageError, OSError):
        return None
    if picture.box is not None and picture.landmarks is not None:
        crops = [FaceCrop(pixels, picture.box, picture.landmarks)]
    else:
        crops = _guesses(resized(pixels, LARGEST / max(pixels.shape[:2])))
    return float(np.max(embedder.embed(crops) @ vector))


def _guesses(pixels: Image) -> list[FaceCrop]:
    """The whole picture, as clip-retrieval embeds it, and the face that is found in it."""
    height, width = pixels.shape[:2]
    crops = [FaceCrop(pixels, Box(0, 0, width, height), assumed_landmarks(width, height))]
    try:
        face = main_face(pixels, engine.detector())
    except NoFaceFound:
        return crops
    except SeveralFaces as error:
        face = error.face
    return [*crops, FaceCrop(pixels, face.box, face.landmarks)]
