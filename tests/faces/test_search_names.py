"""What the pipeline hands to the rule that names faces: all of a person's references, and the runner-up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gallery.faces import naming
from gallery.models.fields import vector_from_bytes
from recognition.types import State
from tests.engines import FakeEngine
from tests.gallery_world import know, world
from tests.making import a_person, a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db


def face_like(vector: bytes) -> np.ndarray:
    return vector_from_bytes(vector)[None]


def test_a_runner_up_behind_very_many_references_of_one_person_is_seen(world: FakeEngine) -> None:
    anna, twin = a_person("Anna"), a_person("Her twin")
    for _ in range(60):
        know(anna, a_vector(1))
    for _ in range(3):
        know(twin, a_vector(8, near=a_vector(1), spread=0.01))
    (outcome,) = naming.find_outcomes(face_like(a_vector(1)), world)
    assert outcome.state is State.UNSURE
    assert [candidate.person for candidate in outcome.candidates] == [anna.pk, twin.pk]


def test_a_reference_in_the_wrong_folder_lends_no_name_in_a_crowded_gallery(
    world: FakeEngine, settings: Any
) -> None:
    settings.NEIGHBOURS = 2
    anna, stranger = a_person("Anna"), a_vector(2)
    know(anna, a_vector(1))
    know(anna, a_vector(3))
    know(anna, a_vector(8, near=stranger, spread=0.05))
    know(a_person("Bert"), a_vector(9, near=stranger, spread=0.8))
    (outcome,) = naming.find_outcomes(face_like(stranger), world)
    assert outcome.best is not None
    assert outcome.best.person == anna.pk
    assert outcome.state is not State.KNOWN


def test_the_references_of_all_faces_are_counted_at_once(world: FakeEngine) -> None:
    for number in range(5):
        know(a_person(f"Person {number}"), a_vector(number))
    vectors = np.stack([vector_from_bytes(a_vector(number)) for number in range(5)])
    naming.find_outcomes(vectors, world)
    with CaptureQueriesContext(
        connection,
    ) as many:
        naming.find_outcomes(vectors, world)
    with CaptureQueriesContext(connection) as one:
        naming.find_outcomes(vectors[:1], world)
    assert len(many) == len(one)
