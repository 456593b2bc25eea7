"""Another embedder takes over in the background, and the old one answers until then."""

from __future__ import annotations

import pytest

from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.models import Build, Photo, ReferenceVector, Status
from gallery.models.history import get_site_setting
from gallery.people import processing
from gallery.people.processing import SWITCH_PROGRESS_KEY, advance_embedder_switch
from recognition.errors import RecognitionError
from recognition.types import Box
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
    run_build(request_build("test", delay=0).pk)
    other = another_embedder(world)
    monkeypatch.setattr(engine, "get_configured_embedder", lambda: other)

    def serving() -> FakeEngine:
        recipe = get_site_setting(SERVING_RECIPE_KEY)
        return other if isinstance(recipe, dict) and recipe["id"] == OTHER else world

    monkeypatch.setattr(engine, "get_serving_embedder", serving)
    return other


def test_the_old_index_answers_until_the_new_one_is_whole(wished: FakeEngine) -> None:
    assert engine.get_serving_embedder().id == EMBEDDER
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER
    assert ReferenceVector.objects.filter(embedder_id=OTHER).count() == 3
    assert set(Build.objects.filter(is_active=True).values_list("embedder_id", flat=True)) == {
        EMBEDDER,
        OTHER,
    }
    assert len(find(a_vector(1))) == 3
    assert not advance_embedder_switch()


def test_a_switch_goes_on_where_it_stopped(wished: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "MAX_STEP_SECONDS", -1)  # one reference a step
    for left in (2, 1):
        assert advance_embedder_switch()
        assert get_site_setting(SWITCH_PROGRESS_KEY)["left"] == left
        assert engine.get_serving_embedder().id == EMBEDDER
        assert len(find(a_vector(1))) == 3
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER


def test_a_reference_approved_during_the_switch_is_embedded_before_it(wished: FakeEngine) -> None:
    late = know(a_person("Late"), a_vector(4))
    assert advance_embedder_switch()
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
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER
    assert len(get_site_setting(SWITCH_PROGRESS_KEY)["failed"]) == 1
    assert len(find(a_vector(1))) == 2


def test_faces_follow_photo_by_photo_once(wished: FakeEngine) -> None:
    face = a_face(embedding=a_vector(1), embedder_id=EMBEDDER)
    settled = a_face(a_photo(finished_at=None), embedding=a_vector(1), embedder_id=OTHER)
    Photo.objects.update(finished_at="2020-01-01T00:00:00Z")
    advance_embedder_switch()
    assert advance_embedder_switch()
    assert Photo.objects.get(pk=face.photo_id).work == Status.QUEUED
    assert Photo.objects.get(pk=settled.photo_id).work == Status.DONE


def test_a_changed_recipe_under_the_same_name_is_a_switch_too(
    world: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.faces = [Seen(Box(10, 10, 80, 100), a_vector(1))]
    know(a_person(), a_vector(1))
    run_build(request_build("test", delay=0).pk)
    other = another_embedder(world)
    for name in ("get_configured_embedder", "get_serving_embedder"):  # the old one cannot be made any more
        monkeypatch.setattr(engine, name, lambda: other)
    assert advance_embedder_switch()
    assert get_site_setting(SERVING_RECIPE_KEY)["id"] == OTHER
    assert len(find(a_vector(1))) == 1
    assert not advance_embedder_switch()


def test_without_references_there_is_nothing_to_do(world: FakeEngine) -> None:
    assert not advance_embedder_switch()
    assert not Build.objects.exists()
