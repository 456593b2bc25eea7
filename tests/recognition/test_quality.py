"""The figures that say how well a face can be recognised."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from recognition.quality import measure_quality
from recognition.types import Box, Detection, Image

FRONTAL = np.array([[-20, -20], [20, -20], [0, 2], [-15, 22], [15, 22]], np.float32)


def face(
    points: np.ndarray = FRONTAL, centre: tuple[float, float] = (100, 100), size: float = 1
) -> Detection:
    placed = (points * size + np.array(centre)).astype(np.float32)
    return Detection(Box(centre[0] - 45 * size, centre[1] - 55 * size, 90 * size, 110 * size), placed, 1.0)


@pytest.fixture
def textured() -> Image:
    """Sharp-edged shapes with fine grain."""
    rng = np.random.default_rng(3)
    coarse = Pillow.fromarray(rng.integers(40, 200, (40, 40, 3), np.uint8)).resize(
        (200, 200), Pillow.Resampling.NEAREST
    )
    return (np.asarray(coarse) + rng.integers(0, 40, (200, 200, 3))).astype(np.uint8)


def test_a_large_sharp_frontal_face_is_usable(textured: Image) -> None:
    quality = measure_quality(textured, face())
    assert quality.is_usable
    assert quality.reason == ""
    assert quality.size == pytest.approx(40)
    assert quality.yaw == pytest.approx(0, abs=0.01)
    assert quality.roll == pytest.approx(0, abs=0.01)


def test_a_face_with_few_pixels_is_small(textured: Image) -> None:
    assert measure_quality(textured, face(size=0.2)).reason == "small"


def test_blur_lowers_sharpness_until_the_face_is_blurred(textured: Image) -> None:
    blurred = [
        np.asarray(Pillow.fromarray(textured).filter(ImageFilter.GaussianBlur(radius)))
        for radius in (0, 2, 12)
    ]
    sharpness = [measure_quality(image, face()).sharpness for image in blurred]
    assert sharpness[0] > sharpness[1] > sharpness[2]
    assert measure_quality(blurred[2], face()).reason == "blurred"


@pytest.mark.parametrize(("level", "reason"), [(6, "dark"), (248, "bright")])
def test_a_face_without_light_or_with_too_much_is_said_to_be(level: int, reason: str) -> None:
    rng = np.random.default_rng(3)
    image = np.clip(rng.integers(-4, 5, (200, 200, 3)) + level, 0, 255).astype(np.uint8)
    assert measure_quality(image, face()).reason == reason


def test_dim_light_is_not_mistaken_for_blur(textured: Image) -> None:
    dim = (textured * 0.4).astype(np.uint8)
    assert measure_quality(dim, face()).sharpness == pytest.approx(
        measure_quality(textured, face()).sharpness, rel=0.1
    )


def test_a_nose_beside_the_eyes_is_a_turned_head(textured: Image) -> None:
    points = FRONTAL.copy()
    points[2, 0] = 50
    quality = measure_quality(textured, face(points))
    assert quality.yaw > 60
    assert quality.reason == "turned"
    points[2, 0] = -10
    assert measure_quality(textured, face(points)).yaw < -10


def test_a_tilted_head_has_a_roll_and_the_same_yaw(textured: Image) -> None:
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    quality = measure_quality(textured, face((FRONTAL @ turn).astype(np.float32)))
    assert quality.roll == pytest.approx(30, abs=0.1)
    assert quality.yaw == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), FRONTAL * 1000])
def test_impossible_landmarks_are_measured_all_the_same(textured: Image, points: np.ndarray) -> None:
    assert not measure_quality(textured, face(points.astype(np.float32), centre=(-500, 900))).is_usable
