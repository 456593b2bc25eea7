"""The gates on names: people recognised, strangers not, with the default engine on labelled photos.

Both sides stand in one test each, because a gate on one alone is passed by naming everybody, or nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition.calibrate import compare_references, get_published_figures, suggest_bounds
from recognition.decide import decide
from recognition.types import Bounds, Neighbour, Outcome, State
from tests.embedded_faces import Faces, engines, group, needs_labelled_photos, portraits, truth
from tests.labelled import folder

pytestmark = [needs_labelled_photos, pytest.mark.slow]
DRAWS, REFERENCES = 20, 3


@dataclass
class Tally:
    right: int = 0
    wrong: int = 0
    strangers_named: int = 0
    members: int = 0
    strangers: int = 0


@pytest.fixture(scope="module")
def lfw() -> Faces:
    return portraits("lfw10")


def draw(faces: Faces, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Three references a person, and the photos that are left."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.choice(np.flatnonzero(faces.persons == person), REFERENCES, replace=False)
        for person in range(len(faces.names))
    ]
    references = np.concatenate(chosen)
    return references, np.setdiff1d(np.arange(len(faces.persons)), references)


def told(faces: Faces, face: int, references: Iterable[int], bounds: Bounds) -> Outcome:
    near = [
        Neighbour(int(r), int(faces.persons[r]), float(faces.vectors[face] @ faces.vectors[r]))
        for r in references
    ]
    return decide(near, bounds, usable=bool(faces.usable[face]))


def count(
    faces: Faces, probes: Iterable[int], references: NDArray[np.int64], bounds: Bounds, tally: Tally
) -> None:
    present = set(faces.persons[references].tolist())
    for face in probes:
        outcome = told(faces, face, references, bounds)
        name = outcome.best.person if outcome.state is State.KNOWN and outcome.best else None
        if faces.persons[face] in present:
            tally.members += 1
            tally.right += name == faces.persons[face]
            tally.wrong += name is not None and name != faces.persons[face]
        else:
            tally.strangers += 1
            tally.strangers_named += name is not None


def test_members_are_named_and_left_out_people_are_not_with_the_default_bounds(lfw: Faces) -> None:
    bounds, tally = engines()[1].bounds, Tally()
    for seed in range(DRAWS):
        references, probes = draw(lfw, seed)
        count(lfw, probes, references, bounds, tally)
        for person in range(len(lfw.names)):
            others = references[lfw.persons[references] != person]
            count(lfw, np.flatnonzero(lfw.persons == person), others, bounds, tally)
    assert tally.members == DRAWS * 70
    assert tally.right / tally.members >= 0.98
    assert tally.wrong / tally.members <= 0.001
    assert tally.strangers_named / tally.strangers <= 0.005


@pytest.mark.parametrize("source", ["the references of the draw", "all photos of the others"])
def test_bounds_calibrated_on_the_others_keep_a_left_out_person_without_a_name(
    lfw: Faces, source: str
) -> None:
    embedder, tally = engines()[1], Tally()
    for seed in range(DRAWS):
        references, probes = draw(lfw, seed)
        for person in range(len(lfw.names)):
            others = references[lfw.persons[references] != person]
            pool = others if source.startswith("the") else np.flatnonzero(lfw.persons != person)
            comparison = compare_references(lfw.vectors[pool], lfw.persons[pool])
            suggestion = suggest_bounds(
                comparison, embedder.bounds, 0.005, get_published_figures(embedder.name).prior
            )
            assert suggestion.is_founded
            count(lfw, probes, others, suggestion.bounds, tally)
    assert tally.strangers == DRAWS * 70
    assert tally.strangers_named / tally.strangers <= 0.005
    assert tally.right / tally.members >= 0.97
    assert tally.wrong / tally.members <= 0.001


def test_the_people_in_the_press_photos_are_named_and_the_stranger_is_not() -> None:
    gallery, base = portraits("five/gallery"), folder()
    assert base is not None
    named = 0
    for file, people in truth("five").items():
        found = set()
        for vector in group(base / "five" / "photos" / file).embeddings:
            near = [
                Neighbour(i, int(person), float(vector @ reference))
                for i, (person, reference) in enumerate(zip(gallery.persons, gallery.vectors, strict=True))
            ]
            outcome = decide(near, engines()[1].bounds, usable=bool(vector.any()))
            if outcome.state is State.KNOWN and outcome.best:
                found.add(gallery.names[outcome.best.person])
        assert found == set(people), file
        named += len(found)
    assert named == 7


def test_the_published_tail_holds_on_the_labelled_portraits(lfw: Faces) -> None:
    tail = get_published_figures(engines()[1].name).tail
    assert tail is not None
    similarities = lfw.vectors @ lfw.vectors.T
    strangers = similarities[lfw.persons[:, None] != lfw.persons[None]]
    for rate in (0.02, 0.005):  # ten men of one trade are more alike than people at large
        similarity = tail.impostor.similarity_at(rate)
        assert similarity is not None
        assert float((strangers >= similarity).mean()) <= 2 * rate
