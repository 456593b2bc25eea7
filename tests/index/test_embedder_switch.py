"""Another embedder takes over in the background, and the old one answers until then."""

from __future__ import annotations

from typing import Any

import pytest

from gallery.curation.findings import get_worklist_rows
from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.index.switch import PROGRESS_KEY, consent_to_switch, get_embedder_state
from gallery.models import (
    Build,
    Person,
    Photo,
    Reference,
    ReferenceVector,
    SiteSetting,
    Status,
    User,
)
from gallery.models.history import get_site_setting
from gallery.people import processing
from gallery.people.processing import advance_embedder_switch
from gallery.people.tasks import switch_embedder
from recognition.download import DownloadFailed
from recognition.errors import RecognitionError, WeightsCorrupt
from recognition.types import Box
from tests.engines import FakeEngine, Seen
from tests.gallery_world import OTHER, another_embedder, find, know, reject, world
from tests.making import EMBEDDER, a_face, a_person, a_photo, a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def chosen(world: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """A gallery of three is built with one embedder, and now another one is chosen."""
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


def test_the_old_index_answers_until_the_new_one_is_whole(chosen: FakeEngine) -> None:
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


def test_a_build_that_waited_for_the_former_embedder_is_cancelled_and_not_failed(chosen: FakeEngine) -> None:
    waiting = request_build("references changed", embedder_id=EMBEDDER)
    assert advance_embedder_switch()
    waiting.refresh_from_db()
    assert (waiting.work, waiting.failure_text) == (Status.CANCELLED, "")
    assert run_build(waiting.pk) is None


def test_a_switch_goes_on_where_it_stopped(chosen: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "MAX_STEP_SECONDS", -1)  # one reference a step
    for left in (2, 1):
        assert advance_embedder_switch()
        assert get_site_setting(PROGRESS_KEY)["left"] == left
        assert engine.get_serving_embedder().id == EMBEDDER
        assert len(find(a_vector(1))) == 3
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER


def test_a_reference_approved_during_the_switch_is_embedded_before_it(chosen: FakeEngine) -> None:
    late = know(a_person("Late"), a_vector(4))
    assert advance_embedder_switch()
    assert late.vectors.filter(embedder_id=OTHER).exists()


def test_a_reference_that_cannot_be_embedded_does_not_hold_up_the_rest(
    chosen: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(Person.objects.get(name="Person 1"), a_vector(1))
    real, calls = chosen.embed, []

    def embed(self, crops):
        calls.append(crops)
        if len(calls) == 1:
            raise RecognitionError("too dark")
        return real(crops)

    monkeypatch.setattr(FakeEngine, "embed", embed)
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER
    assert len(get_site_setting(PROGRESS_KEY)["failed"]) == 1
    assert len(find(a_vector(1))) == 3


@pytest.fixture
def vector_only(chosen: FakeEngine) -> Reference:
    """One of the three came as a vector, without a picture."""
    reference = Reference.objects.get(person__name="Person 2")
    Reference.objects.filter(pk=reference.pk).update(box=None, landmarks=None, source_sha256="")
    return reference


def test_whoever_would_no_longer_be_found_is_counted_and_listed_and_the_switch_waits_for_a_word(
    vector_only: Reference, user: User
) -> None:
    for _again in range(2):
        assert not advance_embedder_switch()
        progress = get_site_setting(PROGRESS_KEY)
        assert (progress["lost"], progress["lost_people"], progress["is_running"]) == (1, 1, False)
    assert engine.get_serving_embedder().id == EMBEDDER
    assert len(find(a_vector(1))) == 3
    assert list(get_worklist_rows("unsearched", user)) == [vector_only]
    event = consent_to_switch(user)
    undo_events(user, event)
    assert not advance_embedder_switch()
    consent_to_switch(user)
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER
    assert len(find(a_vector(1))) == 2
    assert list(get_worklist_rows("unsearched", user)) == [vector_only]


def test_once_the_lost_reference_is_rejected_nobody_is_asked(vector_only: Reference) -> None:
    assert not advance_embedder_switch()
    reject(vector_only)
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER


def test_a_gallery_of_vectors_alone_switches_once_somebody_says_so(chosen: FakeEngine, user: User) -> None:
    Reference.objects.update(box=None, landmarks=None, source_sha256="")
    assert not advance_embedder_switch()
    assert get_site_setting(PROGRESS_KEY)["lost_people"] == 3
    consent_to_switch(user)
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER
    assert find(a_vector(1)) == []


def test_going_back_finds_everybody_again_and_whoever_came_since(
    chosen: FakeEngine, world: FakeEngine, vector_only: Reference, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance_embedder_switch()
    consent_to_switch(user)
    advance_embedder_switch()
    late = know(a_person("Late"), a_vector(4), OTHER)
    monkeypatch.setattr(engine, "get_configured_embedder", lambda: world)
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == EMBEDDER
    found = {near.reference for near in find(a_vector(1))}
    assert {vector_only.pk, late.pk} < found
    assert len(found) == 4


def test_steps_follow_each_other_without_a_pause_and_only_one_chain_of_them(
    chosen: FakeEngine, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "MAX_STEP_SECONDS", -1)
    switch_embedder()
    assert sent[-1] == ("switch_embedder", True)
    assert get_site_setting(PROGRESS_KEY)["left"] == 2
    switch_embedder()
    assert get_site_setting(PROGRESS_KEY)["left"] == 2
    SiteSetting.objects.filter(pk=PROGRESS_KEY).update(changed_at="2020-01-01T00:00:00Z")
    switch_embedder()
    assert get_site_setting(PROGRESS_KEY)["left"] == 1
    while sent[-1] == ("switch_embedder", True):
        sent.pop()
        switch_embedder(True)
    assert engine.get_serving_embedder().id == OTHER
    assert not get_site_setting(PROGRESS_KEY)["is_running"]
    assert ("follow_gallery",) in sent


def test_why_a_switch_cannot_begin_is_noted_and_forgotten_once_it_can(
    chosen: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> FakeEngine:
        raise WeightsCorrupt("model.onnx is not an ONNX model.")

    monkeypatch.setattr(engine, "get_configured_embedder", fail)
    assert not advance_embedder_switch()
    assert get_embedder_state().switch_text.endswith("cannot go on: model.onnx is not an ONNX model.")
    assert engine.get_serving_embedder().id == EMBEDDER
    monkeypatch.setattr(engine, "get_configured_embedder", lambda: chosen)
    assert advance_embedder_switch()
    assert not get_site_setting(PROGRESS_KEY)["problem"]


def test_a_file_that_is_still_to_be_fetched_is_fetched_by_the_worker_which_says_if_it_cannot(
    chosen: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise DownloadFailed("The file could not be fetched.")

    monkeypatch.setattr(engine, "get_configured_name", lambda: "sface")
    monkeypatch.setattr(processing, "get_unavailable_reason", lambda name: "gone")
    monkeypatch.setattr(processing, "fetch_sface", fail)
    assert not advance_embedder_switch()
    assert get_site_setting(PROGRESS_KEY)["problem"] == "The file could not be fetched."
    monkeypatch.setattr(processing, "fetch_sface", lambda: None)
    assert advance_embedder_switch()
    assert engine.get_serving_embedder().id == OTHER


def test_a_network_that_fails_at_the_first_face_loses_nobody(
    chosen: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FakeEngine, crops: object) -> None:
        raise WeightsCorrupt("model.onnx cannot be opened.")

    monkeypatch.setattr(FakeEngine, "embed", fail)
    assert not advance_embedder_switch()
    assert get_site_setting(PROGRESS_KEY)["problem"] == "model.onnx cannot be opened."
    assert not get_site_setting(PROGRESS_KEY)["failed"]


def test_faces_follow_photo_by_photo_once(chosen: FakeEngine) -> None:
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
