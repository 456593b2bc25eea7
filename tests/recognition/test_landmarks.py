"""The five finer points are dlib's own, wherever the face lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recognition import landmarks
from recognition.errors import WeightsCorrupt
from recognition.landmarks.dat_file import Trees, read_trees
from recognition.landmarks.five_points import LANDMARKS_FILE, LANDMARKS_PACKAGE, LANDMARKS_SHA256
from recognition.types import Box, Image
from recognition.weights import find_package_file

BOX = Box(10, 20, 80, 100)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trees]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESITE_MODEL_DIR", str(tmp_path_factory.mktemp("models")))
        landmarks.load_trees.cache_clear()
        yield landmarks.load_trees()
    landmarks.load_trees.cache_clear()


def noise(seed: int) -> Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (24, 32, 3)).repeat(10, 0).repeat(10, 1)
    return np.clip(coarse + rng.integers(-9, 9, coarse.shape), 0, 255).astype(np.uint8)


def test_points_are_those_of_dlib_inside_and_across_the_edge(trees: Trees) -> None:
    import dlib

    original = dlib.shape_predictor(
        str(find_package_file(LANDMARKS_PACKAGE, *LANDMARKS_FILE, sha256=LANDMARKS_SHA256))
    )
    squares = [(60, 40, 120), (0, 0, 90), (-40, 100, 130), (250, 180, 100), (100, 90, 17)]
    images = [noise(seed) for seed in range(len(squares))]
    found = landmarks.predict_points(trees, images, np.array(squares, np.float64))
    for image, (left, top, side), points in zip(images, squares, found, strict=True):
        parts = original(image, dlib.rectangle(left, top, left + side, top + side)).parts()
        expected = np.array([[part.x, part.y] for part in parts])  # dlib rounds to whole pixels
        assert np.abs(points - expected).max() <= 1.0


def test_a_face_gets_the_same_points_in_any_batch(trees: Trees) -> None:
    images, squares = [noise(1), noise(2)], np.array([[50.0, 30, 110], [80, 60, 95]])
    together = landmarks.predict_points(trees, images, squares)
    alone = landmarks.predict_points(trees, images[1:], squares[1:])
    np.testing.assert_allclose(together[1:], alone, atol=1e-3)
    assert landmarks.predict_points(trees, [], np.empty((0, 3))).shape == (0, 5, 2)


def test_the_square_follows_the_landmarks_and_falls_back_to_the_box() -> None:
    points = np.array([[40, 50], [80, 50], [60, 70], [45, 90], [75, 90]], np.float32)
    left, top, side = landmarks.find_start_square(points, BOX)
    assert (left + side / 2, top + side / 2) == pytest.approx((60, 66))
    assert side == pytest.approx(40 * 2.3)
    for useless in (np.zeros((5, 2), np.float32), np.full((5, 2), np.nan, np.float32)):
        assert landmarks.find_start_square(useless, BOX) == (5, 25, 90)


def test_a_broken_model_file_is_refused(tmp_path: Path) -> None:
    source = find_package_file(LANDMARKS_PACKAGE, *LANDMARKS_FILE, sha256=LANDMARKS_SHA256)
    for number, content in enumerate((b"", b"\x01\x02rest", source.read_bytes()[:1_000_000])):
        broken = tmp_path / f"{number}.dat"
        broken.write_bytes(content)
        with pytest.raises(WeightsCorrupt):
            read_trees(broken)
