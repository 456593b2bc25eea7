"""Unknown look-alikes in groups: kept, grown, and kept out where somebody ignored their like."""

from __future__ import annotations

import pytest

from gallery.faces.clustering import cluster_all_faces, cluster_new_faces, is_clustering_due
from gallery.faces.decisions import ignore_face_group
from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.models import Face, User
from tests.engines import FakeEngine
from tests.making import EMBEDDER, a_face, a_person, a_user, a_vector

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fake(monkeypatch, sent):
    monkeypatch.setattr(engine, "get_serving_embedder", lambda: FakeEngine())
    monkeypatch.setattr(engine, "get_decision_bounds", lambda embedder: embedder.bounds)


def somebody(seed: int, times: int, **columns: object) -> list[Face]:
    """Faces of one person, alike but not the same."""
    first = a_vector(seed)
    return [
        a_face(embedding=a_vector(1000 * seed + number, near=first), embedder_id=EMBEDDER, **columns)
        for number in range(times)
    ]


def clusters(some: list[Face]) -> set[int | None]:
    return set(Face.objects.filter(pk__in=[face.pk for face in some]).values_list("cluster", flat=True))


def test_look_alikes_share_a_group_named_after_its_oldest_face():
    anna, bao, alone = somebody(1, 4), somebody(2, 3), somebody(3, 1)
    cluster_all_faces()
    assert clusters(anna) == {anna[0].pk}
    assert clusters(bao) == {bao[0].pk}
    assert clusters(alone) == {alone[0].pk}


def test_new_faces_join_the_group_that_is_there():
    anna = somebody(1, 3)
    cluster_all_faces()
    later = a_face(embedding=a_vector(77, near=bytes(anna[0].embedding)), embedder_id=EMBEDDER)
    assert is_clustering_due()
    assert cluster_new_faces() == 1
    assert clusters([*anna, later]) == {anna[0].pk}
    assert not is_clustering_due()
    assert cluster_new_faces() == 0


def test_faces_that_look_like_ignored_ones_do_not_come_back():
    user, group = a_user(), somebody(1, 3)
    cluster_all_faces()
    event = ignore_face_group(user, [face.pk for face in group]).event
    later = a_face(embedding=a_vector(77, near=bytes(group[0].embedding)), embedder_id=EMBEDDER)
    cluster_all_faces()
    assert clusters([later]) == {-group[0].pk}
    undo_events(user, event)
    cluster_all_faces()
    assert clusters([*group, later]) == {group[0].pk}


def test_named_decided_and_trashed_faces_are_in_no_group():
    named = somebody(1, 2, person=a_person(), state="known")
    rejected = somebody(2, 2, decision="rejected")
    other = [a_face(embedding=a_vector(5), embedder_id="other") for _ in range(2)]
    assert cluster_all_faces() == 0
    assert clusters([*named, *rejected, *other]) == {None}
    assert not User.objects.exists()
