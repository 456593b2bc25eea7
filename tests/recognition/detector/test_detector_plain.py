"""The plain cascade against the package it re-implements, and what every detector owes its callers."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from recognition import weights
from recognition.detector import load_detector
from recognition.errors import WeightsMissing
from recognition.types import Detection, Image
from tests.labelled import photo, photos

SAMPLE = [*photos("groups/*.jpg"), *photos("five/photos/*"), *photos("lfw10/*/*_0001.jpg")]


@pytest.mark.heavy
@pytest.mark.skipif(not weights.has_package("tensorflow"), reason="TensorFlow is not installed")
@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.long)])
def test_the_plain_cascade_finds_what_the_package_finds(each: int) -> None:
    """On each fourth of the labelled photos, or on all."""
    if not SAMPLE:
        pytest.skip("FACESITE_TEST_FACES names no folder of labelled photos: the cascade is NOT compared")
    package, plain = load_detector("mtcnn-tensorflow"), load_detector("mtcnn-plain")
    compared = 0
    for path in SAMPLE[::each]:
        image = photo(path)
        expected, found = package.detect(image), plain.detect(image)
        assert len(found) == len(expected), path.name
        for face in expected:
            same(face, max(found, key=lambda other: other.box.iou(face.box)), path.name)
        compared += len(expected)
    assert compared > 30 / each


def same(expected: Detection, found: Detection, where: str) -> None:
    assert found.box.iou(expected.box) > 0.95, where
    assert np.abs(found.landmarks - expected.landmarks).max() < 0.02 * expected.box.width, where
    assert abs(found.score - expected.score) < 0.01, where


def test_an_unknown_detector_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="choose one of mtcnn, mtcnn-plain"):
        load_detector("haar")


def test_a_missing_tensorflow_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recognition.weights.has_package", lambda package: package != "tensorflow")
    with pytest.raises(WeightsMissing, match="pip install tensorflow"):
        load_detector("mtcnn-tensorflow")


def test_loading_a_detector_does_not_import_tensorflow() -> None:
    before = "tensorflow" in sys.modules
    load_detector("mtcnn-plain")
    assert ("tensorflow" in sys.modules) == before


@pytest.mark.parametrize("name", ["mtcnn", "mtcnn-plain"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (1, 400), (11, 11), (12, 12), (40, 13), (64, 64)])
def test_images_too_small_for_a_face_give_no_faces(name: str, shape: tuple[int, int]) -> None:
    image: Image = np.full((*shape, 3), 120, np.uint8)
    assert load_detector(name).detect(image) == []
