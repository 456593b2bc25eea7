"""Gallery health: mistakes made on purpose come out at the top of the lists."""

from __future__ import annotations

import numpy as np
import pytest

from recognition.decide import combine_similarities
from recognition.graph import find_neighbours
from recognition.health import (
    Gallery,
    find_confusable_people,
    find_duplicates,
    find_likely_wrong,
    measure_own_similarities,
)
from recognition.types import Bounds
from tests.embedded_faces import engines, needs_labelled_photos, portraits
from tests.fake_people import fake_people

BOUNDS = Bounds(known=0.92, unsure=0.90, margin=0.015)


def test_references_in_the_wrong_folder_head_the_list() -> None:
    vectors, persons = fake_people(60, 4, seed=11)
    moved = [3, 50, 120, 199]
    filed = persons.copy()
    filed[moved] = (filed[moved] + 7) % 60
    found = find_likely_wrong(Gallery.of(vectors, filed), BOUNDS)
    assert sorted(suspect.row for suspect in found[:4]) == moved
    assert {suspect.row: suspect.other_person for suspect in found[:4]} == {r: persons[r] for r in moved}
    assert all(persons[suspect.other_row] == persons[suspect.row] for suspect in found[:4])


def test_a_reference_like_nobody_is_listed_after_those_like_another() -> None:
    vectors, persons = fake_people(30, 4, seed=12)
    stranger = fake_people(31, 1, seed=99)[0][0]
    vectors = np.concatenate([vectors, stranger[None]])
    filed = np.append(persons, 5)
    filed[0] = (persons[0] + 1) % 30
    found = find_likely_wrong(Gallery.of(vectors, filed), BOUNDS)
    assert [suspect.row for suspect in found] == [0, 120]
    assert found[1].other_person is None


def test_a_clean_gallery_has_nothing_to_list() -> None:
    gallery = Gallery.of(*fake_people(60, 4, seed=13))
    assert (
        find_likely_wrong(gallery, BOUNDS)
        == find_duplicates(gallery, BOUNDS)
        == find_confusable_people(gallery, BOUNDS)
        == []
    )


def test_small_and_empty_galleries_have_nothing_to_list() -> None:
    for persons in (0, 1, 2):
        gallery = Gallery.of(*fake_people(persons, 1, seed=14))
        assert (
            find_likely_wrong(gallery, BOUNDS)
            == find_duplicates(gallery, BOUNDS)
            == find_confusable_people(gallery, BOUNDS)
            == []
        )


def test_the_same_picture_twice_is_found_across_people_and_listed_once() -> None:
    vectors, persons = fake_people(20, 3, seed=15)
    again = vectors[[4]] + 0.003 * np.random.default_rng(0).normal(size=(1, 128)).astype(np.float32)
    again /= np.linalg.norm(again)
    gallery = Gallery.of(np.concatenate([vectors, again, vectors[[9]]]), np.append(persons, [persons[4], 19]))
    assert [(pair.left, pair.right) for pair in find_duplicates(gallery, BOUNDS)] == [(9, 61), (4, 60)]


def test_people_who_look_alike_are_paired_and_a_misfiled_reference_does_not_make_a_pair() -> None:
    vectors, persons = fake_people(30, 4, seed=16)
    twin = vectors[persons == 8] * 0.8 + vectors[persons == 9] * 0.2
    twin /= np.linalg.norm(twin, axis=1, keepdims=True)
    alike = vectors.copy()
    alike[persons == 9] = twin
    filed = persons.copy()
    misfiled = int(np.flatnonzero(persons == 2)[0])
    filed[misfiled] = 3
    gallery = Gallery.of(alike, filed)
    assert [(pair.left, pair.right) for pair in find_confusable_people(gallery, BOUNDS)] == [(8, 9)]


def test_own_similarity_is_the_rule_that_names_faces_with_the_reference_left_out() -> None:
    vectors, persons = fake_people(10, 5, seed=17)
    own = measure_own_similarities(vectors, persons)
    for row in (0, 17, 49):
        mates = np.flatnonzero((persons == persons[row]) & (np.arange(50) != row))
        best = np.sort(vectors[mates] @ vectors[row])[::-1]
        assert own[row] == pytest.approx(combine_similarities(best[:3].tolist()), abs=1e-6)
    assert np.isnan(measure_own_similarities(*fake_people(5, 1, seed=1))).all()


def test_neighbours_leave_out_the_vector_itself_even_among_duplicates() -> None:
    vectors, _ = fake_people(5, 2, seed=18)
    rows, similarities = find_neighbours(np.concatenate([vectors, vectors[:1], vectors[:1]]), 30)
    assert rows.shape == (12, 11)
    assert not (rows == np.arange(12)[:, None]).any()
    assert (np.diff(similarities, axis=1) <= 1e-6).all()


@needs_labelled_photos
def test_five_portraits_misfiled_on_purpose_head_the_list_of_a_real_gallery() -> None:
    faces, bounds = portraits("lfw10"), engines()[1].bounds
    for seed in range(10):
        rng = np.random.default_rng(seed)
        moved = rng.choice(len(faces.persons), 5, replace=False)
        filed = faces.persons.copy()
        filed[moved] = (filed[moved] + rng.integers(1, 10, 5)) % 10
        found = find_likely_wrong(Gallery.of(faces.vectors, filed), bounds)
        assert sorted(suspect.row for suspect in found[:5]) == sorted(moved)
