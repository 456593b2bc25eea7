"""Unknown faces in groups: pure, whole, stable when more come in."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition.cluster import cluster
from recognition.types import Embeddings
from tests.embedded_faces import engines, needs_labelled_photos, portraits
from tests.fake_people import fake_people

LEAST = 0.92


def purity(groups: NDArray[np.int64], persons: NDArray[np.int64]) -> float:
    """Share of faces whose group is mostly of their person."""
    right = sum(np.bincount(persons[groups == group]).max() for group in np.unique(groups))
    return float(right / len(persons))


def fragments(groups: NDArray[np.int64], persons: NDArray[np.int64]) -> float:
    """Groups a person is spread over, on average."""
    return float(np.mean([len(np.unique(groups[persons == person])) for person in np.unique(persons)]))


def test_every_person_becomes_one_group() -> None:
    vectors, persons = fake_people(50, 8, seed=21)
    groups = cluster(vectors, LEAST)
    assert purity(groups, persons) == 1.0
    assert fragments(groups, persons) == 1.0


def test_a_group_is_named_by_its_first_member() -> None:
    groups = cluster(fake_people(20, 5, seed=22)[0], LEAST)
    assert all(groups[group] == group <= row for row, group in enumerate(groups))


def test_strangers_stay_alone() -> None:
    vectors, _ = fake_people(200, 1, seed=23)
    assert cluster(vectors, LEAST).tolist() == list(range(200))


def test_a_face_near_two_people_does_not_pour_them_together() -> None:
    vectors, persons = fake_people(2, 20, seed=24)
    bridge = vectors[persons == 0].mean(0) + vectors[persons == 1].mean(0)
    bridges = np.repeat((bridge / np.linalg.norm(bridge))[None], 3, 0).astype(np.float32)
    groups = cluster(np.concatenate([vectors, bridges]), LEAST)[:40]
    assert purity(groups, persons) == 1.0


def test_what_was_told_apart_is_in_no_group_together_and_all_else_as_before() -> None:
    vectors, persons = fake_people(10, 8, seed=25)
    before = cluster(vectors, LEAST)
    assert np.all(before[persons == 3] == before[persons == 3][0])
    first, *others = np.flatnonzero(persons == 3).tolist()
    groups = cluster(vectors, LEAST, {first: {1}, **{row: {-1} for row in others[:4]}})
    assert groups[first] not in {groups[row] for row in others[:4]}
    assert len({groups[row] for row in others[:4]}) == 1
    assert np.array_equal(groups[persons != 3], before[persons != 3])


@pytest.mark.parametrize("number", [0, 1])
def test_no_faces_or_one_face(number: int) -> None:
    nothing: Embeddings = fake_people(number, 1, seed=27)[0].reshape(number, 128)
    assert cluster(nothing, LEAST).tolist() == list(range(number))


@needs_labelled_photos
def test_real_portraits_fall_into_pure_groups_with_few_fragments() -> None:
    faces = portraits("lfw10")
    groups = cluster(faces.vectors, engines()[1].bounds.known)
    assert purity(groups, faces.persons) >= 0.99
    assert fragments(groups, faces.persons) <= 1.5
