"""Boxes and names on photos: readable at any size, in any script, and faces hidden for good."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from recognition.draw import Label, annotate_photo, anonymise_faces
from recognition.draw.annotation import STATE_COLOURS, _Annotator, find_label_place
from recognition.draw.fonts import clean_text, has_glyph, list_font_files, replace_undrawable
from recognition.types import Box, State
from tests import corpus


def grey(width: int = 640, height: int = 480) -> np.ndarray:
    return np.full((height, width, 3), 120, np.uint8)


@pytest.mark.parametrize("size", [(1200, 800), (250, 250), (300, 1000), (77, 33)])
def test_the_picture_is_resized_to_the_width_with_its_aspect_kept(size: tuple[int, int]) -> None:
    drawn = annotate_photo(grey(*size), [Label(Box(5, 5, 20, 20), "Ann", State.KNOWN)], width=640)
    assert drawn.image.width == 640
    assert drawn.image.height >= round(size[1] * 640 / size[0])
    assert annotate_photo(grey(*size), []).image.size == size


@pytest.mark.parametrize("name", ["Nguyễn Thị Hương Giang", "Trần Đức Lương", "Łukasz Żółć", "Ольга", "Έλα"])
def test_names_in_latin_vietnamese_cyrillic_and_greek_are_written_on_the_photo(name: str) -> None:
    drawn = annotate_photo(grey(), [Label(Box(200, 100, 100, 120), name, State.KNOWN)])
    assert drawn.legend == ()
    assert drawn.image.size == (640, 480)
    blank = annotate_photo(grey(), [Label(Box(200, 100, 100, 120), "", State.KNOWN)])
    assert (np.asarray(drawn.image) != np.asarray(blank.image)).any(axis=2).sum() > 500


def test_names_typed_letter_by_letter_with_marks_are_composed() -> None:
    assert clean_text("Nguye\u0302\u0303n") == "Nguyễn"


def test_a_name_in_a_script_without_a_font_gets_a_number_and_a_legend() -> None:
    labels = [
        Label(Box(300, 100, 80, 90), "王小明", State.KNOWN),
        Label(Box(100, 100, 80, 90), "김민수 Kim", State.UNSURE),
        Label(Box(500, 100, 80, 90), "Ann", State.KNOWN),
    ]
    drawn = annotate_photo(grey(), labels)
    assert drawn.legend == ((1, "김민수 Kim"), (2, "王小明"))
    assert drawn.image.width == 640
    assert drawn.image.height > 480
    assert replace_undrawable("김민수 Kim") == "[Hangul] Kim"
    assert replace_undrawable("王小明") == "[Han]"


def test_coverage_is_checked_letter_by_letter() -> None:
    general = list_font_files()[0]
    assert all(has_glyph(general, letter) for letter in "aÀếỡửŁжЩΩ1…'-")
    assert not any(has_glyph(general, letter) for letter in "王ع김ไ😀")


def test_letters_that_turn_the_line_or_break_it_are_left_out() -> None:
    assert clean_text("A\u202enn\n\x00 B\u2066ob\ud800\ufeff") == "Ann Bob"
    annotate_photo(grey(), [Label(Box(1, 1, 50, 50), "\x00\n\u202e"), Label(Box(90, 90, 50, 50), "<b>&\r\n")])


def test_states_differ_by_line_pattern_not_only_by_colour() -> None:
    filled = {}
    for state in State:
        drawn = np.asarray(annotate_photo(grey(), [Label(Box(100, 100, 300, 300), "", state)]).image)
        top = drawn[101, 100:400]
        filled[state] = float((top == STATE_COLOURS[state]).all(axis=1).mean())
    assert filled[State.KNOWN] == 1.0
    assert 0.55 < filled[State.UNSURE] < 0.8
    assert 0.2 < filled[State.UNKNOWN] < 0.45


@pytest.mark.parametrize("level", [0, 40, 120, 200, 255])
def test_frames_and_names_stand_out_from_any_background(level: int) -> None:
    pixels = np.full((300, 400, 3), level, np.uint8)
    drawn = np.asarray(annotate_photo(pixels, [Label(Box(100, 80, 120, 120), "Ann", State.UNKNOWN)]).image)
    changed = np.abs(drawn.astype(int) - level).max(axis=2) > 100
    assert changed[78:82, 100:220].mean() > 0.1
    assert changed[200:230].any()


def test_names_stay_inside_and_off_each_other() -> None:
    rng = np.random.default_rng(3)
    labels = [
        Label(Box(x, y, 60, 70), f"Person number {i}", list(State)[i % 3])
        for i, (x, y) in enumerate(rng.uniform((0, 0), (840, 530), (14, 2)))
    ]
    artist = _Annotator(Image.fromarray(grey(900, 600)), labels)
    artist.drawing()
    for i, one in enumerate(artist._placed):
        assert one.left >= 0
        assert one.top >= 0
        assert one.right <= 900
        assert one.bottom <= 600
        for other in artist._placed[i + 1 :]:
            assert one.iou(other) < 0.01


def test_in_a_crowd_numbers_keep_the_faces_visible() -> None:
    labels = [
        Label(Box(20 + 85 * column, 20 + 70 * row, 45, 50), "Somebody Longname", State.KNOWN)
        for column in range(10)
        for row in range(8)
    ]
    drawn = annotate_photo(grey(900, 600), labels)
    assert len(drawn.legend) > 20
    assert [number for number, _ in drawn.legend] == list(range(1, len(drawn.legend) + 1))


def test_a_label_goes_below_its_face_or_where_there_is_room() -> None:
    below = find_label_place((80, 20), Box(100, 100, 60, 60), [], [], (640, 480))
    assert below.spot == Box(90, 160, 80, 20)
    at_the_foot = find_label_place((80, 20), Box(100, 430, 60, 50), [], [Box(100, 430, 60, 50)], (640, 480))
    assert at_the_foot.spot == Box(90, 410, 80, 20)
    corner = find_label_place((80, 20), Box(0, 0, 30, 30), [], [], (640, 480))
    assert corner.spot.left == 0


@pytest.mark.parametrize("size", [(1, 1), (30, 500), (16, 16)])
def test_tiny_pictures_and_strange_boxes_do_no_harm(size: tuple[int, int]) -> None:
    labels = [
        Label(Box(0, 0, 1, 1), "Somebody"),
        Label(Box(-50, -50, 5000, 5000), "王"),
        Label(Box(900, 900, 0, 0), "x" * 5000, State.KNOWN),
    ]
    for width in (None, 640):
        drawn = annotate_photo(grey(*size), labels, width=width)
        assert Image.open(io.BytesIO(drawn.encoded("PNG"))).width == (width or size[0])


def test_the_given_pixels_are_left_alone() -> None:
    pixels = grey()
    annotate_photo(pixels, [Label(Box(10, 10, 50, 50), "Ann")])
    anonymise_faces(pixels, [Box(10, 10, 50, 50)])
    assert (pixels == 120).all()


def test_hidden_faces_cannot_come_back() -> None:
    """Pictures that differ only within the cells look the same afterwards: what differed is gone."""
    rng = np.random.default_rng(5)
    pixels = np.asarray(corpus.picture(400, 300)).copy()
    box = Box(120, 90, 100, 100)
    noisy = pixels.copy()
    noise = rng.integers(-40, 40, (75, 100, 1))
    noise = np.concatenate([noise, -noise])
    noisy[75:225, 120:220] = np.clip(noisy[75:225, 120:220].astype(int) + rng.permutation(noise), 0, 255)
    hidden, also = anonymise_faces(pixels, [box]), anonymise_faces(noisy, [box])
    middle = np.s_[100:180, 130:210]
    before = np.abs(pixels[middle].astype(int) - noisy[middle]).mean()
    assert np.abs(hidden[middle].astype(int) - also[middle]).mean() < before / 3
    assert len(np.unique(hidden[middle] // 16)) < 64
    detail = np.abs(np.diff(also[middle].astype(int), axis=0)).mean()
    assert detail < np.abs(np.diff(noisy[middle].astype(int), axis=0)).mean() / 10


def test_hiding_covers_the_whole_box_and_nothing_far_from_it() -> None:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)
    hidden = anonymise_faces(pixels, [Box(100, 100, 80, 60), Box(390, 290, 50, 50), Box(-30, -30, 20, 20)])
    changed = (hidden != pixels).any(axis=2)
    assert changed[102:158, 102:178].mean() > 0.99
    assert not changed[:80].any()
    assert not changed[:, :70].any()
    assert changed[295:, 395:].mean() > 0.9
