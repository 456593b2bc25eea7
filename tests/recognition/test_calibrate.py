"""Calibration on people whose likeness is known because it was made."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from recognition.calibrate import (
    Calibration,
    Comparison,
    Histogram,
    Prior,
    Tail,
    calibrate,
    compare_references,
    interpret_similarity,
)
from recognition.calibrate.bounds import (
    count_effective_values,
    get_tolerance_factor,
    judge_bounds,
    limit_rate_above,
    suggest_bounds,
)
from recognition.calibrate.histogram import count_similarities
from recognition.decide import decide
from recognition.types import Bounds, Neighbour, State
from tests.fake_people import fake_people

PUBLISHED = Bounds(known=0.92, unsure=0.90, margin=0.02)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare_references(*fake_people(300, 4, seed=1))


def test_the_comparison_is_what_deciding_face_by_face_gives(comparison: Comparison) -> None:
    vectors, persons = fake_people(300, 4, seed=1)
    similarities = vectors @ vectors.T
    bounds = Bounds(0.86, 0.84, 0.01)
    named = kept = wrong = 0
    for face in range(len(persons)):
        others = np.flatnonzero((np.arange(len(persons)) != face) & (persons == persons[face]))
        rest = [p for p in np.argsort(-similarities[face]) if persons[p] != persons[face]][:50]
        near = [Neighbour(int(p), int(persons[p]), float(similarities[face, p])) for p in [*others, *rest]]
        counts = dict.fromkeys(range(300), 4) | {int(persons[face]): 3}
        outcome = decide(near, bounds, references=counts)
        stranger = decide(near[len(others) :], bounds, references=counts)
        named += stranger.state is State.KNOWN
        if outcome.state is State.KNOWN and outcome.best:
            kept += outcome.best.person == persons[face]
            wrong += outcome.best.person != persons[face]
    found = judge_bounds(comparison, bounds)
    assert named > 0  # or the comparison would prove nothing
    assert found.strangers_named == pytest.approx(named / len(persons))
    assert found.kept == pytest.approx(kept / len(persons))
    assert found.wrong == pytest.approx(wrong / len(persons))


def test_blocks_of_any_size_give_the_same(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recognition.calibrate.comparison.BLOCK_CELLS", 7_001)
    seen: list[tuple[int, int]] = []
    again = compare_references(*fake_people(300, 4, seed=1), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1200, 1200)
    assert len(seen) > 100
    for name in ("own", "first", "second"):
        np.testing.assert_allclose(getattr(again, name), getattr(comparison, name), atol=1e-6)
    assert np.abs(again.impostor - comparison.impostor).sum() <= 0.001 * comparison.impostor.sum()


def test_every_pair_is_counted(comparison: Comparison) -> None:
    assert comparison.genuine.sum() == 300 * 4 * 3 / 2
    assert comparison.impostor.sum() == 1200 * 1196
    assert comparison.rank1 == 1.0


def test_a_mislabelled_reference_lowers_rank_one() -> None:
    vectors, persons = fake_people(40, 3, seed=2)
    persons = persons.copy()
    persons[0] = (persons[0] + 1) % 40
    rank1 = compare_references(vectors, persons).rank1
    assert rank1 is not None
    assert 1 - 3 / 120 - 1e-9 <= rank1 <= 1 - 1 / 120 + 1e-9  # itself, and whoever it was nearest to


@pytest.mark.parametrize("rate", [0.02, 0.005])
def test_suggested_bounds_hold_on_strangers_they_never_saw(comparison: Comparison, rate: float) -> None:
    suggestion = suggest_bounds(comparison, PUBLISHED, rate)
    assert suggestion.is_founded
    fresh = judge_bounds(compare_references(*fake_people(300, 4, seed=77)), suggestion.bounds)
    assert fresh.strangers_named <= rate
    assert fresh.kept is not None
    assert fresh.kept > 0.97


def test_a_lower_false_name_rate_never_gives_looser_bounds(comparison: Comparison) -> None:
    knowns = [
        suggest_bounds(comparison, PUBLISHED, rate).bounds.known for rate in (0.01, 0.005, 0.003, 0.001)
    ]
    assert knowns == sorted(knowns)


def test_too_few_references_keep_the_published_bounds_and_say_so() -> None:
    for persons, pictures in ((3, 2), (7, 9), (30, 1), (1, 5), (1, 1)):
        found = calibrate(*fake_people(persons, pictures, seed=3), PUBLISHED, embedder_id="fake")
        assert found.suggestion.bounds == PUBLISHED
        assert not found.suggestion.is_founded
        assert "Too few" in found.suggestion.reason


def test_few_samples_only_ever_tighten_the_published_bounds() -> None:
    few = compare_references(*fake_people(10, 3, seed=4))
    loose, strict = Bounds(0.5, 0.5, 0.02), Bounds(0.95, 0.9, 0.02)
    assert suggest_bounds(few, strict, 0.005).bounds.known == 0.95
    tightened = suggest_bounds(few, loose, 0.005).bounds.known
    assert tightened > float(few.first.max())
    assert suggest_bounds(few, loose, 0.005, Prior(float(few.first.std()), 500)).bounds.known < tightened


def test_fewer_samples_ask_for_a_wider_safety_margin() -> None:
    factors = [get_tolerance_factor(0.005, n) for n in (10, 30, 100, 1000, 100_000)]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] == pytest.approx(2.576, abs=0.03)
    assert get_tolerance_factor(0.01, 20) == pytest.approx(3.295, rel=0.03)  # the tabulated value
    assert get_tolerance_factor(0.01, 2) == float("inf")


def test_upper_limits_of_rates_are_clopper_and_pearsons() -> None:
    assert limit_rate_above(0, 600) == pytest.approx(1 - 0.05 ** (1 / 600), rel=1e-6)
    assert limit_rate_above(5, 100) == pytest.approx(0.1023, abs=5e-4)
    assert limit_rate_above(3, 3) == limit_rate_above(0, 0) == 1.0
    assert limit_rate_above(10, 100_000) == pytest.approx(1.696e-4, rel=0.01)


def test_pictures_of_one_person_count_as_few_strangers() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(50), 20)
    alike = np.repeat(rng.normal(size=50), 20)
    assert count_effective_values(alike, groups) == pytest.approx(50, rel=0.01)
    assert count_effective_values(rng.normal(size=1000), groups) > 600
    assert 50 < count_effective_values(alike + rng.normal(size=1000), groups) < 300


def test_a_calibration_survives_json() -> None:
    vectors, persons = fake_people(12, 3, seed=6)
    found = calibrate(vectors, persons, PUBLISHED, embedder_id="fake-0123")
    again = Calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert again.suggestion == found.suggestion
    assert again.curve == found.curve
    assert again.impostor.counts == found.impostor.counts
    assert again.to_json() == found.to_json()


def test_false_match_rates_are_not_told_from_too_few_pairs() -> None:
    found = calibrate(*fake_people(12, 3, seed=6), PUBLISHED, embedder_id="fake")
    assert [line.rate for line in found.false_matches] == [0.01, 0.001, 0.0001]
    assert found.false_matches[0].similarity is not None
    assert found.false_matches[2].similarity is None
    assert found.false_matches[2].true_match_rate is None


def test_the_similarity_at_a_rate_and_the_rate_at_it_agree(comparison: Comparison) -> None:
    impostor = Histogram.of(comparison.impostor)
    for rate in (0.5, 0.1, 0.01, 0.001):
        similarity = impostor.similarity_at(rate)
        assert similarity is not None
        assert impostor.rate_at(similarity) <= rate < impostor.rate_at(similarity - 2 * impostor.width)
    assert impostor.rate_at(-1) == 1.0
    assert impostor.rate_at(1) == 0.0


def test_a_histogram_counts_each_value_once_and_keeps_its_total_when_made_coarser() -> None:
    values = np.array([-1, -0.5, 0, 0.3, 0.3, 0.99999, 1], np.float32)
    histogram = Histogram.of(count_similarities(values))
    assert histogram.total == 7
    assert histogram.coarser(10).total == 7
    assert len(histogram.coarser(10).counts) <= 10
    assert Histogram.of(count_similarities(np.empty(0, np.float32))).similarity_at(0.1) is None


def test_a_meaning_is_counted_rounded_down_and_never_beyond_the_count(comparison: Comparison) -> None:
    tail = Tail(Histogram.of(comparison.impostor), 300)
    at_a_hundredth = tail.impostor.similarity_at(0.01)
    assert at_a_hundredth is not None
    assert str(interpret_similarity(at_a_hundredth + 1e-4, tail)) == "1 in 100 strangers look this alike"
    assert str(interpret_similarity(-1.0, tail)) == "most strangers look this alike"
    assert str(interpret_similarity(0.999, tail)) == "fewer than 1 in 10,000 strangers look this alike"
    assert (
        str(interpret_similarity(0.999, replace(tail, persons=50)))
        == "fewer than 1 in 200 strangers look this alike"
    )
    assert interpret_similarity(0.9, replace(tail, persons=3)) is None
    assert Tail.from_json(json.loads(json.dumps(tail.to_json()))) == Tail(
        Histogram.from_json(tail.impostor.to_json()), 300
    )


def test_wrong_shapes_and_rates_are_refused(comparison: Comparison) -> None:
    with pytest.raises(ValueError, match="do not go with"):
        compare_references(np.zeros((3, 2), np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="false-name rate"):
        suggest_bounds(comparison, PUBLISHED, 0)
