"""The default detector on real photos: faces found, false boxes, hard conditions, and what callers rely on."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.detection import judge
from bench.stress import Shot, blanked, changed, crowds, group_shots, portrait_shots, quarter_turned
from bench.stress import turned as tilted
from recognition.detector import load_detector, yunet
from recognition.runtime import open_session
from recognition.types import Box, Detector
from tests.labelled import folder, photo, photos

needs_photos = pytest.mark.skipif(
    folder() is None, reason="FACESITE_TEST_FACES names no folder of labelled photos: recall is NOT checked"
)
FIVE = {  # faces in each photo, a stranger among them
    "alex_lacamoire1.jpg": 1,
    "johnsnow_test1.jpg": 1,
    "kit_with_rose.jpg": 2,
    "obama1.jpg": 1,
    "obama_and_biden.jpg": 3,
}


@pytest.fixture(scope="module")
def finder() -> Detector:
    return load_detector("mtcnn")


def labelled() -> Path:
    base = folder()
    assert base is not None
    return base


def tally(finder: Detector, shots: list[Shot]) -> tuple[int, int, int]:
    """Labelled faces, how many of them were found, and false boxes."""
    judged = [judge(shot.faces, finder.detect(shot.image)) for shot in shots]
    return sum(len(shot.faces) for shot in shots), sum(f for f, _ in judged), sum(f for _, f in judged)


@needs_photos
def test_groups_are_found_whole_and_nothing_else(finder: Detector) -> None:
    faces, found, false = tally(finder, list(group_shots(labelled())))
    assert faces == 22
    assert found == 22
    assert false == 0


@needs_photos
@pytest.mark.parametrize("name", FIVE)
def test_press_photos_are_found_whole(finder: Detector, name: str) -> None:
    (path,) = photos(f"five/photos/{name}")
    assert len(finder.detect(photo(path))) == FIVE[name]


@needs_photos
def test_every_portrait_has_its_face(finder: Detector) -> None:
    shots = list(portrait_shots(labelled()))[::3]
    faces, found, _ = tally(finder, shots)
    assert found == faces


@needs_photos
def test_faces_painted_over_leave_nothing_to_find(finder: Detector) -> None:
    shots = [blanked(shot) for shot in group_shots(labelled())]
    assert tally(finder, shots) == (0, 0, 0)


@needs_photos
def test_a_crowd_of_small_faces_is_found(finder: Detector) -> None:
    portraits = list(portrait_shots(labelled()))
    faces, found, _ = tally(finder, list(crowds(portraits, 20)))
    assert found > 0.98 * faces


@needs_photos
def test_bad_light_costs_few_faces_and_adds_none(finder: Detector) -> None:
    shots = [hard for shot in list(group_shots(labelled()))[::2] for hard in changed(shot)]
    faces, found, false = tally(finder, shots)
    assert found >= 0.95 * faces
    assert false == 0


@needs_photos
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_without_its_orientation_is_turned_to_look(finder: Detector, degrees: int) -> None:
    shot = list(group_shots(labelled()))[2]
    assert tally(finder, [quarter_turned(shot, degrees)]) == (3, 3, 0)


@needs_photos
def test_faces_come_left_to_right_inside_the_photo_with_quality(finder: Detector) -> None:
    (path,) = photos("groups/sample5.jpg")
    image = photo(path)
    found = finder.detect(image)
    assert [face.box.left for face in found] == sorted(face.box.left for face in found)
    for face in found:
        assert face.landmarks.shape == (5, 2)
        assert face.landmarks.dtype == np.float32
        assert 0 <= face.score <= 1
        assert face.quality is not None
        assert face.quality.is_usable
        assert min(face.box.left, face.box.top) >= 0
        assert face.box.right <= image.shape[1]
        assert face.box.bottom <= image.shape[0]


@needs_photos
def test_a_full_profile_is_found_but_not_to_be_named(finder: Detector) -> None:
    (path,) = photos("groups/sample2.jpg")
    profile, *others = finder.detect(photo(path))
    assert profile.quality is not None
    assert (profile.quality.is_usable, profile.quality.reason) == (False, "turned")
    assert others[-1].quality is not None
    assert others[-1].quality.is_usable


@needs_photos
def test_two_threads_find_what_one_does(finder: Detector) -> None:
    images = [photo(path) for path in photos("five/photos/*")]
    alone = [[(face.box, face.score) for face in finder.detect(image)] for image in images]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(finder.detect, images))
    assert [[(face.box, face.score) for face in found] for found in together] == alone


@needs_photos
def test_a_photo_in_grey_shows_the_same_faces(finder: Detector) -> None:
    (path,) = photos("groups/sample6.jpg")
    image = photo(path)
    grey = np.repeat(image.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    assert len(finder.detect(grey)) == len(finder.detect(image)) == 4


def test_noise_is_no_face(finder: Detector) -> None:
    rng = np.random.default_rng(5)
    assert finder.detect(rng.integers(0, 256, (300, 420, 3), np.uint8)) == []


@needs_photos
def test_a_small_face_in_a_large_photo_is_found_where_it_is(finder: Detector) -> None:
    shot = next(portrait_shots(labelled()))
    image = np.full((3000, 4400, 3), 90, np.uint8)
    image[2100:2350, 3900:4150] = shot.image
    (face,) = finder.detect(image)
    assert 3960 < face.box.left + face.box.width / 2 < 4090
    assert 2160 < face.box.top + face.box.height / 2 < 2290


@needs_photos
def test_on_an_album_page_each_face_is_found_once_the_way_it_stands(finder: Detector) -> None:
    prints = [np.rot90(shot.image, place) for place, shot in enumerate(list(portrait_shots(labelled()))[::9])]
    found = finder.detect(np.vstack([np.hstack(prints[row : row + 4]) for row in (0, 4, 8)]))
    for column in range(4):
        for row in range(3):
            left, top = 250 * column, 250 * row
            inside = Box(left + 70, top + 70, 110, 110)
            (face,) = (each for each in found if each.box.iou(inside) > 0.3)
            assert face.quality is not None
            assert abs((face.quality.roll + 90 * column + 180) % 360 - 180) < 25


@needs_photos
def test_faces_are_found_however_they_are_tilted(finder: Detector) -> None:
    portraits = list(portrait_shots(labelled()))[::25]
    for degrees in range(15, 360, 15):
        faces, found, _ = tally(finder, [tilted(shot, degrees) for shot in portraits])
        assert (found, degrees) == (faces, degrees)


@needs_photos
@pytest.mark.parametrize("degrees", [65, 245])
def test_two_people_who_lie_nearly_on_their_side_are_found(finder: Detector, degrees: int) -> None:
    (path,) = photos("five/photos/kit_with_rose.jpg")
    turned = Pillow.fromarray(photo(path)).rotate(degrees, Pillow.Resampling.BICUBIC, expand=True)
    assert len(finder.detect(np.asarray(turned))) == 2


def test_the_freed_scout_sees_what_the_published_file_sees() -> None:
    image = np.random.default_rng(3).integers(0, 256, (640, 640, 3), np.uint8)
    image = np.asarray(Pillow.fromarray(image).reduce(8).resize((640, 640)))
    published = open_session(yunet.YUNET_PATH, 1)
    planes = image[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    names = [f"{answer}_{side}" for side in yunet.CELL_SIDES for answer in ("cls", "obj", "bbox", "kps")]
    expected = dict(zip(names, published.run(names, {"input": planes}), strict=True))
    grids = open_session(yunet.get_model(), 1).run(None, {"image": image[None]})
    for grid, side in zip(grids, yunet.CELL_SIDES, strict=True):
        answers = grid.reshape(16, -1).T
        answers[:, :2] = 1 / (1 + np.exp(-answers[:, :2]))
        together = np.concatenate(
            [expected[f"{answer}_{side}"][0] for answer in ("cls", "obj", "bbox", "kps")], 1
        )
        np.testing.assert_allclose(answers, together, atol=1e-4)


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_without_a_sound_file_of_the_scout_the_cascade_serves_and_says_so(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / yunet.YUNET_PATH.name
    if damage == "cut short":
        file.write_bytes(yunet.YUNET_PATH.read_bytes()[:-1000])
    monkeypatch.setattr(yunet, "YUNET_PATH", file)
    with caplog.at_level(logging.WARNING, "recognition.detector"):
        assert load_detector("mtcnn").name == "mtcnn-plain"
    assert "MTCNN alone" in caplog.text
    assert str(file) in caplog.text
