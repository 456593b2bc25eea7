"""Faces found and aligned here are told apart as well as faces found and aligned by dlib itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition.embedders import load_embedder
from recognition.embedders.dlib import DlibEmbedder
from recognition.embedders.recipe import normalise_vectors
from recognition.landmarks.five_points import LANDMARKS_FILE, LANDMARKS_PACKAGE, LANDMARKS_SHA256
from recognition.types import Embeddings, Image
from recognition.weights import find_package_file
from tests.embedded_faces import needs_labelled_photos, portraits
from tests.labelled import photo, photos

pytestmark = [needs_labelled_photos, pytest.mark.slow]


def true_matches(vectors: Embeddings, persons: NDArray[np.int64], false_rate: float) -> float:
    """The share of pairs of one person above the similarity that this share of other pairs reaches."""
    pairs = np.triu_indices(len(persons), 1)
    similarities = (vectors @ vectors.T)[pairs]
    same = (persons[:, None] == persons[None])[pairs]
    bound = np.quantile(similarities[~same], 1 - false_rate)
    return float((similarities[same] > bound).mean())


def by_dlib() -> tuple[Embeddings, NDArray[np.bool_]]:
    """Vectors of dlib's own detector, landmarks and chips, and in which photos it finds a face."""
    import dlib

    path = find_package_file(LANDMARKS_PACKAGE, *LANDMARKS_FILE, sha256=LANDMARKS_SHA256)
    find, shape = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(path))
    chips: list[Image] = []
    for file in photos("lfw10/*/*"):
        image = photo(file)
        middle = np.array(image.shape[1::-1]) / 2
        found = sorted(
            find(image, 1), key=lambda box: np.hypot(*(np.array([box.center().x, box.center().y]) - middle))
        )
        blank = np.zeros((150, 150, 3), np.uint8)
        chips.append(dlib.get_face_chip(image, shape(image, found[0]), 150, 0.25) if found else blank)
    embedder = load_embedder("dlib")
    assert isinstance(embedder, DlibEmbedder)
    parts = [embedder.describe(np.stack(chips[start : start + 25])) for start in range(0, len(chips), 25)]
    return normalise_vectors(np.concatenate(parts)), np.array([bool(chip.any()) for chip in chips])


def test_no_accuracy_is_lost_against_dlibs_own_alignment() -> None:
    ours = portraits("lfw10")
    theirs, found = by_dlib()
    assert found.sum() >= 90
    persons = ours.persons[found]
    for false_rate in (0.01, 0.001):
        here = true_matches(ours.vectors[found], persons, false_rate)
        there = true_matches(theirs[found], persons, false_rate)
        print(f"true matches at {false_rate:.1%} false: here {here:.4f}, dlib {there:.4f}")  # noqa: T201 -- pytest -s
        assert here >= there - 0.005
