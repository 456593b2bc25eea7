"""The choice of index, at its borders."""

from __future__ import annotations

import pytest

from recognition.index import MeasuredIndex, Reason, choose_index, parse_memory, policy
from recognition.index.policy import (
    MIN_REFERENCES_EACH,
    TRIAL_VECTORS,
    WORTH_BUILDING,
    could_save_time,
    estimate_compressed_bytes,
    estimate_exact_bytes,
    find_key_by_person,
    is_worth_building,
    list_keys_to_try,
)

BUDGET = 1000 << 20


def exact(milliseconds: float = 10, size: int = 500 << 20) -> MeasuredIndex:
    return MeasuredIndex("Flat", "", 1.0, milliseconds, size)


def other(recall: float = 0.995, milliseconds: float = 1, size: int = 600 << 20) -> MeasuredIndex:
    return MeasuredIndex("HNSW32", "efSearch=64", recall, milliseconds, size)


@pytest.mark.parametrize(
    ("candidates", "key", "reason"),
    [
        ([exact()], "Flat", Reason.SMALL),
        ([exact(), other()], "HNSW32", Reason.FASTEST),
        ([exact(milliseconds=1), other(milliseconds=1.1)], "Flat", Reason.FASTEST),
        ([exact(milliseconds=1), other(milliseconds=1)], "Flat", Reason.FASTEST),
        ([exact(), other(recall=0.99)], "HNSW32", Reason.FASTEST),
        ([exact(), other(recall=0.9899)], "Flat", Reason.RECALL),
        ([exact(), other(size=BUDGET)], "HNSW32", Reason.FASTEST),
        ([exact(), other(size=BUDGET + 1)], "Flat", Reason.RECALL),
        ([exact(size=BUDGET + 1), other(recall=0.9)], "HNSW32", Reason.MEMORY),
        ([exact(size=BUDGET + 1), other(recall=1.0)], "HNSW32", Reason.MEMORY),
        ([exact(size=BUDGET), other(recall=0.9)], "Flat", Reason.RECALL),
        ([other(recall=0.9)], "HNSW32", Reason.MEMORY),
        ([other(recall=0.99)], "HNSW32", Reason.MEMORY),
        ([exact(size=BUDGET + 1), other(size=BUDGET + 1)], "Flat", Reason.OVER_BUDGET),
        ([exact(size=BUDGET + 1)], "Flat", Reason.OVER_BUDGET),
    ],
)
def test_recall_comes_before_memory_and_memory_before_speed(
    candidates: list[MeasuredIndex], key: str, reason: Reason
) -> None:
    choice = choose_index(candidates, BUDGET)
    assert (choice.measured.index_key, choice.reason) == (key, reason)


def test_of_two_lossy_kinds_the_more_accurate_is_taken_even_if_it_is_slower() -> None:
    slower = other(recall=0.95, milliseconds=9)
    assert choose_index([other(recall=0.9, milliseconds=1), slower], BUDGET).measured is slower


def test_where_exact_search_is_cheap_only_what_misses_nothing_replaces_it() -> None:
    cheap, dear = (
        estimate_exact_bytes(policy.CHEAP_NUMBERS // 128, 128),
        estimate_exact_bytes(policy.CHEAP_NUMBERS // 128 + 1, 128),
    )
    assert choose_index([exact(size=cheap), other(recall=0.999)], BUDGET).measured.is_exact
    assert not choose_index([exact(size=cheap), other(recall=1.0)], BUDGET).measured.is_exact
    assert not choose_index([exact(size=dear), other(recall=0.999)], BUDGET).measured.is_exact


def test_choosing_from_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nothing to choose"):
        choose_index([], BUDGET)


def test_nothing_but_exact_search_is_built_where_it_is_fast_already() -> None:
    assert list_keys_to_try(policy.EXACT_NUMBERS // 128, 128, 1 << 32) == ["Flat"]
    assert list_keys_to_try(policy.EXACT_NUMBERS // 128 + 1, 128, 1 << 32) == ["Flat", "PQ64x4fs"]


def test_only_what_fits_the_memory_is_built() -> None:
    exact_size, sizes = (
        estimate_exact_bytes(100_000, 128),
        [estimate_compressed_bytes(100_000, 128, n) for n in (64, 32, 16)],
    )
    assert exact_size > 15 * sizes[0] > 29 * sizes[1] > 55 * sizes[2]
    assert list_keys_to_try(100_000, 128, exact_size) == ["Flat", "PQ64x4fs"]
    assert list_keys_to_try(100_000, 128, exact_size - 1) == ["PQ64x4fs"]
    assert list_keys_to_try(100_000, 128, sizes[0]) == ["PQ64x4fs"]
    assert list_keys_to_try(100_000, 128, sizes[0] - 1) == ["PQ32x4fs"]
    assert list_keys_to_try(100_000, 128, sizes[1] - 1) == ["PQ16x4fs"]
    assert list_keys_to_try(100_000, 128, sizes[2] - 1) == ["Flat"]


def test_exact_search_remains_where_nothing_can_be_compressed() -> None:
    assert list_keys_to_try(999, 128, 400_000) == ["Flat"]
    assert list_keys_to_try(1_000, 128, 400_000) == ["PQ64x4fs"]
    assert list_keys_to_try(1_000_000, 127, 1 << 32) == ["Flat"]


def test_people_are_looked_for_first_where_they_have_several_references_and_it_is_noticed() -> None:
    slow = exact(milliseconds=policy.WORTH_GROUPING + 0.01)
    people = 100_000 // MIN_REFERENCES_EACH
    assert find_key_by_person(100_000, people, 128, BUDGET, slow) == f"IVF{people}(PQ64x4fs),SQ8"
    assert find_key_by_person(100_000, people + 1, 128, BUDGET, slow) is None
    assert find_key_by_person(100_000, people, 128, BUDGET, exact(milliseconds=policy.WORTH_GROUPING)) is None
    assert find_key_by_person(100_000, 999, 128, BUDGET, slow) is None  # too few means to learn from
    cheap = policy.CHEAP_NUMBERS // 128
    assert find_key_by_person(cheap, 2_000, 128, BUDGET, slow) is None
    assert find_key_by_person(cheap + 1, 2_000, 128, BUDGET, slow) is not None
    assert find_key_by_person(100_000, people, 127, BUDGET, slow) is None
    size = (100_000 + people) * (128 + 8)
    assert find_key_by_person(100_000, people, 128, size, slow) is not None
    assert find_key_by_person(100_000, people, 128, size - 1, slow) is None


def test_a_kind_whose_effort_is_not_enough_is_not_taken() -> None:
    hasty = MeasuredIndex("HNSW32", "efSearch=1", 1.0, 1, 600 << 20, is_effort_enough=False)
    assert choose_index([exact(), hasty], BUDGET).reason is Reason.RECALL
    assert choose_index([exact(), hasty, other(milliseconds=5)], BUDGET).measured.milliseconds == 5
    assert choose_index([hasty, other(recall=0.9)], BUDGET).measured.recall == 0.9


def test_there_is_nothing_to_save_where_a_photo_takes_no_longer_than_what_would_be_noticed() -> None:
    assert not could_save_time(exact(milliseconds=WORTH_BUILDING))
    assert could_save_time(exact(milliseconds=WORTH_BUILDING + 0.01))


def test_the_own_choice_of_autofaiss_is_built_where_its_trial_promises_enough() -> None:
    assert is_worth_building(40.0, TRIAL_VECTORS, TRIAL_VECTORS, exact(milliseconds=80))  # half
    assert not is_worth_building(40.01, TRIAL_VECTORS, TRIAL_VECTORS, exact(milliseconds=80))
    assert is_worth_building(
        10.0, TRIAL_VECTORS, TRIAL_VECTORS, exact(milliseconds=30)
    )  # twenty milliseconds less
    assert not is_worth_building(10.01, TRIAL_VECTORS, TRIAL_VECTORS, exact(milliseconds=30))
    assert is_worth_building(
        2.5, TRIAL_VECTORS, 16 * TRIAL_VECTORS, exact(milliseconds=80)
    )  # 16 times as many: 16 times as long
    assert not is_worth_building(2.51, TRIAL_VECTORS, 16 * TRIAL_VECTORS, exact(milliseconds=80))


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 << 30), ("512M", 512 << 20), ("1.5 g", 3 << 29), ("2GiB", 2 << 30), ("100", 100), (7, 7)],
)
def test_memory_is_read_as_people_write_it(text: str | int, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "GB", "4 gallons", "-1GB"])
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="4GB"):
        parse_memory(text)
