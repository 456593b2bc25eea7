"""Which embedder answers: the one whose index is whole, not the one that is chosen."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gallery.index import engine
from gallery.index.engine import get_configured_recipe, get_embedder_by_id
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.models import SiteSetting
from recognition.errors import EmbedderMismatch, WeightsMissing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch, settings: Any) -> dict[str, str]:
    """Embedders are their names and ids; an id of "" has lost its weights."""
    ids = {"dlib": "dlib-000000000000", "clip": "clip-111111111111"}

    def load(name: str, **options: object) -> SimpleNamespace:
        if not ids[name]:
            raise WeightsMissing("gone")
        return SimpleNamespace(name=name, id=ids[name], earlier_ids=())

    monkeypatch.setattr(engine, "load_embedder", load)
    monkeypatch.setattr(engine, "_loaded_objects", {})
    settings.EMBEDDER = "dlib"
    return ids


def remember() -> None:
    SiteSetting.objects.create(key=SERVING_RECIPE_KEY, value=get_configured_recipe())


def test_at_first_the_wished_embedder_serves() -> None:
    assert engine.get_serving_embedder().name == "dlib"


def test_what_served_goes_on_serving_when_another_is_wished_for(settings: Any) -> None:
    remember()
    settings.EMBEDDER = "clip"
    assert (engine.get_serving_embedder().name, engine.get_configured_embedder().name) == ("dlib", "clip")
    assert get_embedder_by_id("clip-111111111111").name == "clip"
    assert get_embedder_by_id("dlib-000000000000").name == "dlib"
    with pytest.raises(EmbedderMismatch, match="onnx-1"):
        get_embedder_by_id("onnx-1")


def test_a_wished_embedder_without_weights_does_not_stop_the_serving_one(
    settings: Any, loaded: dict[str, str]
) -> None:
    remember()
    settings.EMBEDDER, loaded["clip"] = "clip", ""
    assert engine.get_serving_embedder().name == "dlib"
    with pytest.raises(WeightsMissing):
        engine.get_configured_embedder()


@pytest.mark.parametrize("now", ["", "dlib-222222222222"])
def test_an_embedder_that_is_no_longer_what_it_was_does_not_serve(
    now: str, settings: Any, loaded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remember()
    settings.EMBEDDER, loaded["dlib"] = "clip", now
    monkeypatch.setattr(engine, "_loaded_objects", {})
    assert engine.get_serving_embedder().name == "clip"
