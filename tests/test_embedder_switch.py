"""Another embedder takes over in the background, and the old one answers until then."""

from __future__ import annotations

import pytest

from gallery import engine, queries
from gallery.models import Build, Photo, ReferenceVector, Status
from gallery.pipeline import builds, switch
from recognition.types import Box, RecognitionError
from tests.engines import FakeEngine, Seen
from tests.gallery_world import OTHER, another_embedder, find, know, world
from tests.making import EMBEDDER, a_face, a_person, a_photo, a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def wished(world: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A gallery of three is built with one embedder, and now another one is wished for."""
    world.faces = [Seen(Box(10, 10, 80, 100), a_vector(1))]
    for seed in (1, 2, 3):
        know(a_person(f"Person {seed}"), a_vector(seed))
    builds.run_build(builds.request_build("test", delay=0).pk)
    other = another_embedder(world)
    monkeypatch.setattr(engine, "embedder", lambda: other)

    def serving() -> FakeEngine:
        recipe = queries.setting(engine.SERVING)
        return other if isinstance(recipe, dict) and recipe["id"] == OTHER else world

    monkeypatch.setattr(engine, "serving", serving)
    return other


def test_the_old_index_answers_until_the_new_one_is_whole(wished: FakeEngine) -> None:
    assert engine.serving().id == EMBEDDER
    assert switch.step()
    assert engine.serving().id == OTHER
    assert ReferenceVector.objects.filter(embedder_id=OTHER).count() == 3
    assert set(Build.objects.filter(is_active=True).values_list("embedder_id", flat=True)) == {
        EMBEDDER,
        OTHER,
    }
    assert len(find(a_vector(1))) == 3
    assert not switch.step()


def test_a_switch_goes_on_where_it_stopped(wished: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "SECONDS", -1)  # one reference a step
    for left in (2, 1):
        assert switch.step()
        assert queries.setting(switch.PROGRESS)["left"] == left
        assert engine.serving().id == EMBEDDER
        assert len(find(a_vector(1))) == 3
    assert switch.step()
    assert engine.serving().id == OTHER


def test_a_reference_approved_during_the_switch_is_embedded_before_it(wished: FakeEngine) -> None:
    late = know(a_person("Late"), a_vector(4))
    assert switch.step()
    assert late.vectors.filter(embedder_id=OTHER).exists()


def test_a_reference_that_cannot_be_embedded_does_not_hold_the_switch_up(
    wished: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = wished.embed, []

    def embed(self, crops):
        calls.append(crops)
        if len(calls) == 1:
            raise RecognitionError("too dark")
        return real(crops)

    monkeypatch.setattr(FakeEngine, "embed", embed)
    assert switch.step()
    assert engine.serving().id == OTHER
    assert len(queries.setting(switch.PROGRESS)["failed"]) == 1
    assert len(find(a_vector(1))) == 2


def test_faces_follow_photo_by_photo_once(wished: FakeEngine) -> None:
    face = a_face(embedding=a_vector(1), embedder_id=EMBEDDER)
    settled = a_face(a_photo(finished_at=None), embedding=a_vector(1), embedder_id=OTHER)
    Photo.objects.update(finished_at="2020-01-01T00:00:00Z")
    switch.step()
    assert switch.step()
    assert Photo.objects.get(pk=face.photo_id).work == Status.QUEUED
    assert Photo.objects.get(pk=settled.photo_id).work == Status.DONE


def test_a_changed_recipe_under_the_same_name_is_a_switch_too(
    world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.faces = [Seen(Box(10, 10, 80, 100), a_vector(1))]
    know(a_person(), a_vector(1))
    builds.run_build(builds.request_build("test", delay=0).pk)
    other = another_embedder(world)
    for name in ("embedder", "serving"):  # the old one cannot be made any more
        monkeypatch.setattr(engine, name, lambda: other)
    assert switch.step()
    assert engine.queries.setting(engine.SERVING)["id"] == OTHER
    assert len(find(a_vector(1))) == 1
    assert not switch.step()


def test_without_references_there_is_nothing_to_do(world: FakeEngine) -> None:
    assert not switch.step()
    assert not Build.objects.exists()
