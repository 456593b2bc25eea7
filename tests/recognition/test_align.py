"""Aligned chips: the transform is exact, nothing is mirrored, edges and large faces are handled."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from recognition.align import Template, Transform, align_face, fit_landmarks, warp_image
from recognition.types import Box, FaceCrop, Image, Landmarks

TEMPLATE = Template(100, ((35, 40), (65, 40), (50, 60), (38, 80), (62, 80)))


def smooth(width: int, height: int) -> Image:
    """A picture whose red rises to the right and whose green rises downward."""
    red = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    green = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return np.stack([red, green, np.full_like(red, 128)], axis=-1).round().astype(np.uint8)


def placed(scale: float, degrees: float, x: float, y: float) -> Landmarks:
    turn = scale * np.exp(1j * np.deg2rad(degrees))
    points = np.array(TEMPLATE.points) @ [1, 1j] * turn + complex(x, y)
    return np.stack([points.real, points.imag], axis=-1).astype(np.float32)


@pytest.mark.parametrize(("scale", "degrees"), [(1, 0), (0.3, 20), (4.5, -35), (2, 180)])
def test_landmarks_of_any_size_and_turn_land_on_the_template(scale: float, degrees: float) -> None:
    landmarks = placed(scale, degrees, 200, 300)
    transform = fit_landmarks(landmarks, TEMPLATE)
    assert transform is not None
    assert np.allclose(transform.apply(landmarks), TEMPLATE.points, atol=1e-3)
    assert np.allclose(transform.inverse.apply(np.asarray(TEMPLATE.points)), landmarks, atol=1e-3)


def test_a_mirrored_face_is_turned_never_mirrored() -> None:
    mirrored = np.array(TEMPLATE.points, np.float32) * [-1, 1] + [100, 0]
    transform = fit_landmarks(mirrored, TEMPLATE)
    assert transform is not None
    unit_square = transform.apply(np.array([[0, 0], [1, 0], [0, 1]]))
    across, down = unit_square[1] - unit_square[0], unit_square[2] - unit_square[0]
    assert across[0] * down[1] - across[1] * down[0] > 0


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7, 3.0, 7.3])
def test_pixels_come_from_where_the_transform_says(scale: float) -> None:
    image = smooth(1200, 1000)
    transform = fit_landmarks(placed(scale, 15, 200, 150), TEMPLATE)
    assert transform is not None
    square = warp_image(image, transform, 100)
    columns, rows = np.meshgrid(np.arange(5, 95, 10), np.arange(5, 95, 10))
    there = transform.inverse.apply(np.stack([columns, rows], -1).reshape(-1, 2).astype(np.float32))
    got = square[rows.ravel(), columns.ravel()].astype(float)
    assert np.allclose(got[:, 0], there[:, 0] * 255 / 1199, atol=1.6)
    assert np.allclose(got[:, 1], there[:, 1] * 255 / 999, atol=1.6)


def test_a_large_face_is_averaged_not_sampled() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    transform = fit_landmarks(placed(6, 0, 50, 50), TEMPLATE)
    assert transform is not None
    assert warp_image(noise, transform, 100).std() < noise.std() / 3


def test_outside_the_photo_its_edge_is_repeated() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 0] = 200
    transform = Transform(1 + 0j, 50 + 20j)
    square = warp_image(image, transform, 100)
    assert (square[:, :50] == 200).all()
    assert (square[:, 55:] == 0).all()


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_useless_landmarks_fall_back_to_the_box(landmarks: Landmarks) -> None:
    image = np.asarray(Pillow.fromarray(smooth(100, 100)))
    crop = FaceCrop(image, Box(0, 0, 100, 100), landmarks.astype(np.float32))
    assert np.abs(align_face(crop, TEMPLATE).astype(int) - image).max() <= 2


def test_a_face_wholly_outside_the_photo_is_no_crash() -> None:
    crop = FaceCrop(smooth(30, 30), Box(-90, -90, 20, 20), placed(0.2, 0, -90, -90))
    assert align_face(crop, TEMPLATE).shape == (100, 100, 3)
