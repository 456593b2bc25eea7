"""Reduced copies of a photo: scales, tiles, brightness, and the way back to pixels of the photo."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image as Pillow

from recognition.detector import resample
from recognition.detector.geometry import Faces, turn_faces_back
from recognition.detector.resample import (
    LARGEST_TILE,
    TILE_OVERLAP,
    brighten_image,
    cut_tiles,
    get_size_at_scale,
    list_view_scales,
    split_length,
)


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.asarray(Pillow.fromarray(rng.integers(60, 250, (90, 150, 3), np.uint8)).resize((3000, 1800)))


def faces_at(*boxes: tuple[float, float, float, float]) -> Faces:
    count = len(boxes)
    return Faces(np.array(boxes, float), np.ones(count, np.float32), np.zeros((count, 5, 2)))


def test_tiles_show_what_the_photo_shows_when_reduced_in_one_go(smooth: np.ndarray) -> None:
    rows, columns = get_size_at_scale(smooth, 0.525)
    whole = np.asarray(Pillow.fromarray(smooth).resize((columns, rows), Pillow.Resampling.BILINEAR), int)
    tiles = list(cut_tiles(smooth, 0.525))
    assert len(tiles) == 6
    for tile in tiles:
        height, width = tile.image.shape[:2]
        assert max(height, width) <= LARGEST_TILE
        part = whole[tile.y : tile.y + height, tile.x : tile.x + width]
        assert np.abs(part - tile.image).max() <= 2


def test_tiles_cover_a_length_and_overlap_by_more_than_a_small_face() -> None:
    for length in (5, 768, 769, 1500, 5775):
        spans = split_length(length)
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        assert all(stop - start <= LARGEST_TILE for start, stop in spans)
        assert all(before[1] - after[0] >= TILE_OVERLAP - 1 for before, after in pairwise(spans))


def test_the_finest_view_shows_a_face_of_twenty_pixels_at_ten_or_more() -> None:
    for longer in (100, 250, 640, 1200, 1920, 6000, 12000):
        scales = list_view_scales(longer * 2 // 3, longer)
        assert scales[0] * 20 >= 10.5
        assert longer * scales[-1] <= LARGEST_TILE


def test_a_face_cut_by_an_inner_edge_of_a_tile_is_left_to_its_neighbour(smooth: np.ndarray) -> None:
    first = next(cut_tiles(smooth, 0.525))
    width = first.image.shape[1]
    cut_inside, cut_outside, whole = (width - 9.0, 50, width + 9.0, 70), (-9.0, 50, 9, 70), (50.0, 50, 70, 70)
    kept = first.whole(faces_at(cut_inside, cut_outside, whole))
    assert kept.boxes.tolist() == [list(cut_outside), list(whole)]


def test_a_dim_photo_is_brightened_and_a_bright_one_left_alone() -> None:
    dim, bright = np.full((40, 40, 3), 12, np.uint8), np.full((40, 40, 3), 130, np.uint8)
    assert brighten_image(dim).mean() > 60
    assert brighten_image(bright) is bright


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_faces_of_a_turned_photo_come_back_to_where_they_are(quarters: int) -> None:
    image = np.zeros((60, 90, 3), np.uint8)
    image[10:20, 30:50] = 255
    rows, columns = np.nonzero(np.rot90(image, quarters)[..., 0])
    turned = faces_at((columns.min(), rows.min(), columns.max(), rows.max()))
    back = turn_faces_back(turned, quarters, 60, 90)
    assert back.boxes.tolist() == [[30, 10, 49, 19]]


def test_a_photo_resized_some_rows_at_a_time_is_the_same_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo = np.random.default_rng(5).integers(0, 255, (701, 903, 3), dtype=np.uint8)
    for scale in (0.525, 0.175, 0.06):
        at_once = [view.image for view in cut_tiles(photo, scale)]
        with monkeypatch.context() as patched:
            patched.setattr(resample, "STRIP_PIXELS", 20_000)
            by_strips = [view.image for view in cut_tiles(photo, scale)]
        for one, other in zip(at_once, by_strips, strict=True):
            np.testing.assert_array_equal(one, other)
