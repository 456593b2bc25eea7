"""The rule that turns neighbours into a name, a doubt or no name: its edge cases."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from recognition.decide import (
    MAX_CANDIDATES,
    combine_similarities,
    decide,
    may_have_missed_runner_up,
    rank_candidates,
    tighten_for_gallery,
    withhold_repeated_names,
)
from recognition.decide import classify_similarity as state_of
from recognition.types import Bounds, Candidate, Combination, Neighbour, Outcome, State

BOUNDS = Bounds(known=0.92, unsure=0.90, margin=0.02)
ANNE, BERT, CLEO = 1, 2, 3


def near(*pairs: tuple[int, float]) -> list[Neighbour]:
    return [Neighbour(100 + i, person, similarity) for i, (person, similarity) in enumerate(pairs)]


def test_a_near_person_far_ahead_of_the_rest_is_known() -> None:
    outcome = decide(near((ANNE, 0.96), (ANNE, 0.95), (BERT, 0.88)), BOUNDS)
    assert outcome.state is State.KNOWN
    assert outcome.best is not None
    assert outcome.best.person == ANNE
    assert outcome.best.reference == 100


def test_no_neighbours_is_unknown_without_candidates() -> None:
    assert decide([], BOUNDS) == Outcome(State.UNKNOWN)


def test_a_single_reference_counts_a_tenth_farther_away() -> None:
    assert decide(near((ANNE, 0.94), (BERT, 0.85)), BOUNDS).best == Candidate(ANNE, 100, pytest.approx(0.934))
    assert decide(near((ANNE, 0.925)), BOUNDS).state is State.UNSURE
    assert decide(near((ANNE, 0.925), (ANNE, 0.925)), BOUNDS).state is State.KNOWN
    assert decide(near((ANNE, 1.0)), BOUNDS).best == Candidate(ANNE, 100, 1.0)


def test_an_embedders_own_weights_decide_how_much_the_nearest_counts() -> None:
    best_alone = replace(BOUNDS, combination=Combination((1, 0, 0)))
    neighbours = near((ANNE, 0.96), (ANNE, 0.8), (ANNE, 0.8), (BERT, 0.85))
    assert decide(neighbours, BOUNDS).best == Candidate(ANNE, 100, pytest.approx(0.88))
    assert decide(neighbours, best_alone).best == Candidate(ANNE, 100, pytest.approx(0.96))
    assert tighten_for_gallery(best_alone, 1_000).combination == Combination((1, 0, 0))


def test_many_references_count_farther_away_where_the_network_asks_for_it() -> None:
    crowded = replace(BOUNDS, combination=Combination(crowding=0.1))
    neighbours = near((ANNE, 0.9), (ANNE, 0.9), (ANNE, 0.9), (BERT, 0.5))
    assert decide(neighbours, crowded).best == Candidate(ANNE, 100, pytest.approx(0.9))
    assert decide(neighbours, BOUNDS, references={ANNE: 12}).best == Candidate(ANNE, 100, pytest.approx(0.9))
    twelve = decide(neighbours, crowded, references={ANNE: 12}).best
    assert twelve == Candidate(ANNE, 100, pytest.approx(0.88))


def test_the_only_person_of_a_gallery_needs_no_lead() -> None:
    assert decide(near((ANNE, 0.94)), BOUNDS).state is State.KNOWN
    assert decide(near((ANNE, 0.92)), BOUNDS).state is State.UNSURE


@pytest.mark.parametrize(
    ("similarity", "state"),
    [(0.92, State.KNOWN), (0.9199, State.UNSURE), (0.90, State.UNSURE), (0.8999, State.UNKNOWN)],
)
def test_a_bound_itself_passes(similarity: float, state: State) -> None:
    assert state_of(similarity, None, BOUNDS) is state


def test_look_alikes_end_as_unsure_with_both_shown() -> None:
    outcome = decide(near((ANNE, 0.97), (BERT, 0.96), (CLEO, 0.85)), BOUNDS)
    assert outcome.state is State.UNSURE
    assert [c.person for c in outcome.candidates] == [ANNE, BERT, CLEO]


def test_one_mislabelled_reference_does_not_name_a_face() -> None:
    face_of_bert = near((ANNE, 0.97), (ANNE, 0.84), (ANNE, 0.83))
    assert decide(face_of_bert, BOUNDS).state is not State.KNOWN


def test_one_poor_reference_does_not_cost_a_person_their_name() -> None:
    assert decide(near((ANNE, 0.96), (ANNE, 0.955), (ANNE, 0.85)), BOUNDS).state is State.KNOWN


def test_more_than_three_references_add_nothing() -> None:
    few = near((ANNE, 0.95), (ANNE, 0.94), (ANNE, 0.93))
    assert decide([*few, Neighbour(999, ANNE, 0.2)], BOUNDS) == decide(few, BOUNDS)


def test_a_rejected_person_is_neither_proposed_nor_in_the_way() -> None:
    neighbours = near((ANNE, 0.97), (BERT, 0.965), (CLEO, 0.85))
    outcome = decide(neighbours, BOUNDS, rejected_persons={BERT})
    assert outcome.state is State.KNOWN
    assert [c.person for c in outcome.candidates] == [ANNE, CLEO]
    assert decide(neighbours, BOUNDS, rejected_persons={ANNE, BERT, CLEO}).candidates == ()


def test_a_face_too_poor_to_recognise_gets_no_name_and_no_candidates() -> None:
    assert decide(near((ANNE, 0.99)), BOUNDS, usable=False) == Outcome(State.UNKNOWN)


def test_references_the_search_left_out_count_as_the_farthest_neighbour() -> None:
    neighbours = near((ANNE, 0.97), (BERT, 0.90), (BERT, 0.89), (CLEO, 0.86))
    assert decide(neighbours, BOUNDS).state is State.KNOWN
    outcome = decide(neighbours, BOUNDS, references={ANNE: 3, BERT: 2, CLEO: 1})
    assert outcome.state is State.UNSURE
    assert outcome.best is not None
    assert outcome.best.similarity == pytest.approx(0.5 * 0.97 + 0.5 * 0.86)


def test_the_order_of_the_neighbours_does_not_matter_and_ties_go_to_the_lower_person() -> None:
    neighbours = near((CLEO, 0.9), (ANNE, 0.9), (BERT, 0.9), (BERT, 0.8), (ANNE, 0.8), (CLEO, 0.8))
    expected = rank_candidates(neighbours)
    assert [c.person for c in expected] == [ANNE, BERT, CLEO]
    for seed in range(20):
        random.Random(seed).shuffle(neighbours)
        assert rank_candidates(neighbours) == expected


def test_only_the_likeliest_people_are_proposed() -> None:
    outcome = decide(near(*((person, 0.9 - person / 100) for person in range(1, 20))), BOUNDS)
    assert [c.person for c in outcome.candidates] == list(range(1, MAX_CANDIDATES + 1))


def test_a_person_is_never_nearer_than_their_nearest_reference() -> None:
    rng = random.Random(5)
    for _ in range(200):
        similarities = sorted((rng.uniform(-1, 1) for _ in range(rng.randint(1, 6))), reverse=True)
        assert combine_similarities(similarities) <= similarities[0] + 1e-12
        assert len(similarities) == 1 or combine_similarities(similarities) >= min(similarities) - 1e-12


def test_a_full_list_with_one_person_asks_for_more_neighbours() -> None:
    assert may_have_missed_runner_up(near((ANNE, 0.9), (ANNE, 0.8)), wanted=2)
    assert not may_have_missed_runner_up(near((ANNE, 0.9), (BERT, 0.8)), wanted=2)
    assert not may_have_missed_runner_up(near((ANNE, 0.9)), wanted=2)


def test_of_a_photos_faces_the_nearest_alone_is_known_by_a_name() -> None:
    nearest, nearer = decide(near((ANNE, 0.99)), BOUNDS), decide(near((ANNE, 0.97)), BOUNDS)
    bert, nobody = decide(near((BERT, 0.97)), BOUNDS), decide([], BOUNDS)
    withheld = replace(nearer, state=State.UNSURE)
    assert withhold_repeated_names([nearer, bert, nearest, nobody]) == [withheld, bert, nearest, nobody]
    assert withhold_repeated_names([nearer, nearer]) == [nearer, withheld]


def test_a_name_that_somebody_gave_to_a_face_is_no_other_faces() -> None:
    anne, bert = decide(near((ANNE, 0.99)), BOUNDS), decide(near((BERT, 0.97)), BOUNDS)
    maybe_anne = decide(near((ANNE, 0.92)), BOUNDS)
    kept = withhold_repeated_names([anne, bert, maybe_anne], [ANNE])
    assert kept == [replace(anne, state=State.UNSURE), bert, maybe_anne]


def test_published_bounds_tighten_as_the_gallery_grows_and_never_loosen() -> None:
    assert tighten_for_gallery(BOUNDS, 0) == tighten_for_gallery(BOUNDS, 20) == BOUNDS
    grown = [tighten_for_gallery(BOUNDS, persons) for persons in (20, 21, 200, 2_000, 100_000)]
    assert [b.known for b in grown] == sorted({b.known for b in grown})
    assert grown[2].known == pytest.approx(0.93)
    assert all(b.unsure < b.known < 1 and b.margin == BOUNDS.margin for b in grown)
