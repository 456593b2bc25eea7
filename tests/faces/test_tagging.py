"""Photos named without being stored: how often the gallery is looked at for changes meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gallery.faces import naming, tagging
from gallery.faces.tagging import GallerySearch
from gallery.index import engine, live
from gallery.models import Person
from recognition.analysis import Analysis
from recognition.types import Bounds, Box, Candidate, Detection, Outcome, State
from tests.making import a_person

FIRST, SECOND, THIRD = (Bounds(known, 0.5, 0.05) for known in (0.7, 0.8, 0.9))


def test_the_gallery_is_looked_at_again_at_each_call_and_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, looks, followed, bounds = [100.0], [], [], iter([FIRST, SECOND, THIRD])

    def outcomes(
        embeddings: object,
        embedder: object,
        *,
        scores: object,
        bounds: object,
        is_fresh: bool,
        asker: object,
    ) -> list[object]:
        assert is_fresh  # it was followed here, and need not be once more
        looks.append((bounds, len(followed)))
        return []

    monkeypatch.setattr(tagging, "monotonic", lambda: now[0])
    monkeypatch.setattr(naming, "find_outcomes", outcomes)
    follower = SimpleNamespace(refresh=lambda: followed.append(now[0]))
    monkeypatch.setattr(live, "get_index_follower", lambda embedder: follower)
    monkeypatch.setattr(engine, "get_decision_bounds", lambda embedder: next(bounds))
    nothing = Analysis(10, 10, [], np.zeros((0, 128), np.float32), {})
    embedder = SimpleNamespace(dimension=128)
    names = GallerySearch(embedder)
    for passed in (0.0, 0.4, 0.5, 0.2):
        now[0] += passed
        names.name_faces(nothing)
    assert looks == [(FIRST, 1), (FIRST, 1), (FIRST, 1), (SECOND, 2)]
    GallerySearch(embedder).name_faces(nothing)
    assert looks[-1] == (THIRD, 3)


@pytest.mark.django_db
def test_two_people_of_one_name_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [a_person("Anna"), a_person("Anna")]
    for person, word in zip(people, ("4b", "6a"), strict=True):
        Person.objects.filter(pk=person.pk).update(distinction=word)
    proposed = tuple(Candidate(person.pk, 0, 0.9) for person in people)
    outcomes = [Outcome(State.KNOWN, proposed), Outcome(State.UNSURE, proposed[::-1])]
    monkeypatch.setattr(naming, "find_outcomes", lambda *given, **more: outcomes)
    monkeypatch.setattr(GallerySearch, "refresh", lambda self: None)
    face = Detection(Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 0.9)
    found = Analysis(10, 10, [face, face], np.zeros((2, 16), np.float32), {})
    known, unsure = GallerySearch(SimpleNamespace(dimension=16)).name_faces(found)
    assert (known.label, unsure.label) == ("Anna (4b)", "Anna (6a)?")
    said = known.as_json()
    assert (said["name"], said["label"], said["person_id"]) == ("Anna", "Anna (4b)", people[0].pk)
    assert [each["label"] for each in said["candidates"]] == ["Anna (4b)", "Anna (6a)"]
    assert (unsure.as_json()["name"], unsure.as_json()["label"]) == (None, None)
