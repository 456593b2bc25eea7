"""The gates on names with SFace at its published bounds, on two labelled sets apart and as one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from bench.names import People, Tally, all_known, half_known
from recognition.calibrate import calibrate
from recognition.embedders import load_embedder
from recognition.types import Bounds
from tests.embedded_faces import embed_portraits, needs_labelled_photos
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


@pytest.mark.parametrize("references", [1, 5, 8, 20])
def test_no_number_of_references_lets_more_strangers_in(references: int) -> None:
    tally = half_known(*people("lfw10", "celeb8"), DRAWS, references)
    assert tally.wrong == 0
    assert tally.named / tally.strangers <= 0.001


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
    assert rate.true_match_rate >= 0.86
    assert measured.suggestion.bounds.combination == bounds.combination
