"""The gates on names with SFace at its published bounds, on two labelled sets apart and as one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from bench.large import draw_nearest, score_faces
from bench.names import People, Tally, all_known, half_known
from bench.poor import embed_spoiled, name_spoiled, shrink
from recognition.calibrate import calibrate, get_published_figures
from recognition.decide import tighten_for_gallery
from recognition.embedders import load_embedder
from recognition.mainface import find_main_face
from recognition.types import Bounds
from tests.embedded_faces import embed_portraits, engines, needs_labelled_photos, read
from tests.labelled import photos
from tests.models_at_hand import published_sface

pytestmark = [needs_labelled_photos, pytest.mark.slow]
DRAWS = 20


@lru_cache(maxsize=4)
def people(*folders: str) -> tuple[People, Bounds]:
    published_sface()
    embedder = load_embedder("sface")
    found = [embed_portraits(name, embedder) for name in folders]
    shifts = np.cumsum([0, *(len(faces.names) for faces in found)])
    persons = [faces.persons + shift for faces, shift in zip(found, shifts, strict=False)]
    vectors = [faces.vectors * faces.usable[:, None] for faces in found]
    return People(np.concatenate(vectors), np.concatenate(persons)), embedder.bounds


def right(tally: Tally) -> float:
    return tally.right / tally.members


def test_on_press_photos_everybody_is_named_and_no_stranger() -> None:
    tally = all_known(*people("lfw10"), DRAWS, 3)
    assert (tally.wrong, tally.named) == (0, 0)
    assert right(tally) >= 0.995


def test_of_nine_people_and_nine_strangers_in_both_sets_hardly_a_stranger_is_named() -> None:
    tally = half_known(*people("lfw10", "celeb8"), DRAWS, 3)
    assert tally.wrong == 0
    assert tally.named / tally.strangers <= 0.001
    assert right(tally) >= 0.95


@pytest.mark.parametrize(("references", "least"), [(1, 0.81), (5, 0.97), (8, 0.98), (20, 0.99)])
def test_no_number_of_references_lets_more_strangers_in(references: int, least: float) -> None:
    tally = half_known(*people("lfw10", "celeb8"), DRAWS, references)
    assert tally.wrong == 0
    assert tally.named / tally.strangers <= 0.001
    assert right(tally) >= least


def test_on_tight_crops_of_many_years_nearly_everybody_is_named() -> None:
    tally = half_known(*people("celeb8"), DRAWS, 3)
    assert tally.wrong == 0
    assert tally.named / tally.strangers <= 0.005
    assert right(tally) >= 0.94


def test_pairs_of_tight_crops_match_at_one_false_match_in_a_thousand() -> None:
    found, bounds = people("celeb8")
    measured = calibrate(found.vectors, found.persons, bounds, embedder_id="sface")
    (rate,) = [each for each in measured.false_matches if each.rate == 0.001]
    assert rate.true_match_rate is not None
    assert rate.true_match_rate >= 0.88
    assert measured.suggestion.bounds.combination == bounds.combination


def test_what_a_similarity_means_holds_on_people_it_was_not_counted_on() -> None:
    tail = get_published_figures("sface").tail
    found, _ = people("celeb8")
    similarities = found.vectors @ found.vectors.T
    strangers = similarities[found.persons[:, None] != found.persons[None]]
    assert tail is not None
    for rate in (0.02, 0.005):
        similarity = tail.impostor.similarity_at(rate)
        assert similarity is not None
        assert float((strangers >= similarity).mean()) <= 2 * rate


def test_bounds_tighten_with_the_gallery_by_enough_to_keep_strangers_out() -> None:
    found, published = people("lfw10", "celeb8")
    others, _ = score_faces(found, published, 3)
    means, spread = np.nanmean(others, axis=(0, 2)), float(np.nanstd(others, axis=2, ddof=1).mean())
    assert abs(np.median(draw_nearest(means, spread, 17)[0]) - np.median(np.nanmax(others, axis=2))) < 0.01
    for count in (50, 200, 1000):
        bounds = tighten_for_gallery(published, count)
        first, second = draw_nearest(means, spread, count)
        assert ((first >= bounds.known) & (first - second >= bounds.margin)).mean() <= 0.005


def test_faces_of_thirty_pixels_keep_their_names() -> None:
    good, bounds = people("lfw10")
    detector = engines()[0]
    images = [read(path).pixels for path in photos("lfw10/*/*")]
    widths = [find_main_face(image, detector).box.width for image in images]
    small, missed = embed_spoiled(images, widths, shrink(30), detector, load_embedder("sface"))
    tally = name_spoiled(good, small, bounds, 3)
    assert missed == tally.wrong == 0
    assert right(tally) >= 0.99
    assert tally.named / tally.strangers <= 0.005
