"""A gallery of made-up people whose engines see what a test tells them, for tests of the index's life."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery.index import engine
from gallery.index.feed import ChangeKind, record_reference_changes
from gallery.index.index_engines import get_milvus
from gallery.index.live import IndexFollower, find_nearest_references
from gallery.models import Face, Person, Reference, ReferenceVector
from gallery.models.fields import vector_from_bytes
from recognition.index.milvus import MilvusEngine
from recognition.types import Embeddings, Neighbour
from tests.engines import FakeEngine
from tests.making import EMBEDDER, a_face, a_reference, a_vector

OTHER = "other-0123456789ab"
PLACE: dict[str, Any] = {"box": [10.0, 10.0, 80.0, 100.0], "landmarks": [[20.0, 20.0]] * 5}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path, sent: list[Any]) -> FakeEngine:
    """Fake engines, an empty index folder, no broker."""
    fake = FakeEngine()
    settings.INDEX_ROOT = tmp_path / "index"
    for name in ("get_detector", "get_serving_embedder", "get_configured_embedder"):
        monkeypatch.setattr(engine, name, lambda: fake)
    monkeypatch.setattr(engine, "read_photo", fake.read)
    monkeypatch.setattr(engine, "get_decision_bounds", lambda embedder: fake.bounds)
    monkeypatch.setattr(engine, "_loaded_objects", {})
    return fake


@pytest.fixture
def milvus(settings: Any, tmp_path: Path) -> MilvusEngine:
    """The index is in Milvus Lite, searched exactly."""
    settings.INDEX_ENGINE, settings.MILVUS_INDEX = "milvus", "FLAT"
    settings.MILVUS_URI = str(tmp_path / "milvus.db")
    return get_milvus()


def another_embedder(fake: FakeEngine) -> FakeEngine:
    return replace(fake, id=OTHER)


def know(person: Person, vector: bytes, embedder_id: str = EMBEDDER) -> Reference:
    """An approved reference with this vector, announced as the worker would."""
    reference = a_reference(person, image=f"references/{uuid.uuid4().hex}.jpg", **PLACE)
    ReferenceVector.objects.filter(reference=reference).update(vector=vector, embedder_id=embedder_id)
    record_reference_changes(ChangeKind.ADDED, [reference])
    return reference


def reject(reference: Reference) -> None:
    reference.status = Reference.Judgement.REJECTED
    reference.save()
    record_reference_changes(ChangeKind.REMOVED, [reference])


def move(reference: Reference, person: Person) -> None:
    reference.person = person
    reference.save()
    record_reference_changes(ChangeKind.MOVED, [reference])


def erase(reference: Reference) -> None:
    record_reference_changes(ChangeKind.ERASED, [reference])
    reference.delete()


def find(vector: bytes, k: int = 50) -> list[Neighbour]:
    """What a search for this vector answers now."""
    return find_nearest_references(engine.get_serving_embedder(), as_row(vector), k)[0]


def find_in_another_process(vector: bytes, k: int = 50) -> list[Neighbour]:
    """The same, asked of a process that has just started."""
    serving = engine.get_serving_embedder()
    follower = IndexFollower(serving.id, serving.dimension)
    follower.refresh()
    return follower.live.search(as_row(vector), k)[0]


def as_row(vector: bytes) -> Embeddings:
    return np.asarray(vector_from_bytes(vector)[None])


def an_unnamed_face(vector: bytes, **columns: Any) -> Face:
    return a_face(embedding=vector, embedder_id=EMBEDDER, **columns)


def near(vector: bytes, seed: int = 99) -> bytes:
    return a_vector(seed, near=vector, spread=0.1)
