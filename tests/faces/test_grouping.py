"""Unknown look-alikes in groups: kept, grown one by one, and kept out where somebody ignored their like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import ActionRefused
from gallery.faces import regrouping
from gallery.faces.clustering import cluster_new_faces, follow_ignored_faces, is_clustering_due
from gallery.faces.decisions import ignore_face_group, name_face_group
from gallery.faces.regrouping import run_grouping
from gallery.faces.services import request_grouping, stop_grouping
from gallery.faces.splits import split_face_group
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.index.feed import ChangeKind, record_face_changes
from gallery.models import Event, Face, FaceGrouping, FaceSplit, Role, User
from recognition.types import Bounds
from tests.engines import FakeEngine
from tests.gallery_world import near, world
from tests.making import EMBEDDER, a_face, a_person, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
TIGHT = Bounds(known=0.98, unsure=0.97, margin=0.01)


@pytest.fixture(autouse=True)
def _tight_bounds(world: FakeEngine) -> None:
    world.bounds = TIGHT


def a_new_face(vector: bytes, **columns: Any) -> Face:
    """As a photo that is processed leaves it."""
    face = a_face(embedding=vector, embedder_id=EMBEDDER, **columns)
    record_face_changes(ChangeKind.ADDED, [face])
    return face


def somebody(seed: int, times: int, **columns: object) -> list[Face]:
    """Faces of one person, alike but not the same."""
    first = a_vector(seed)
    return [a_new_face(a_vector(1000 * seed + number, near=first), **columns) for number in range(times)]


def ids_of(some: list[Face]) -> list[int]:
    return [face.pk for face in some]


def group_all_anew(user: User) -> None:
    request_grouping(user)
    assert run_grouping(FaceGrouping.objects.order_by("-pk")[0].pk)


def clusters(some: list[Face]) -> set[int | None]:
    return set(Face.objects.filter(pk__in=ids_of(some)).values_list("cluster", flat=True))


def test_look_alikes_share_a_group_named_after_its_oldest_face() -> None:
    anna, bao, alone = somebody(1, 4), somebody(2, 3), somebody(3, 1)
    assert cluster_new_faces() == 8
    assert clusters(anna) == {anna[0].pk}
    assert clusters(bao) == {bao[0].pk}
    assert clusters(alone) == {alone[0].pk}


def test_a_new_face_joins_the_group_that_is_there_and_touches_no_other() -> None:
    anna, _bao = somebody(1, 3), somebody(2, 3)
    cluster_new_faces()
    later = a_new_face(near(a_vector(1)))
    assert is_clustering_due()
    assert cluster_new_faces() == 1
    assert clusters([*anna, later]) == {anna[0].pk}
    assert not is_clustering_due()
    assert cluster_new_faces() == 0


def test_groups_between_which_a_new_face_stands_become_one_where_all_are_alike(world: FakeEngine) -> None:
    world.bounds = replace(TIGHT, known=0.999)
    left, right = a_vector(1), a_vector(9, near=a_vector(1), spread=0.09)
    first, second = [a_new_face(left) for _ in range(2)], [a_new_face(right) for _ in range(2)]
    cluster_new_faces()
    assert clusters(first) == {first[0].pk}
    assert clusters(second) == {second[0].pk}
    world.bounds = replace(TIGHT, known=0.99)
    between = a_new_face(a_vector(9, near=a_vector(1), spread=0.045))
    cluster_new_faces()
    assert clusters([*first, *second, between]) == {first[0].pk}


def test_a_group_that_does_not_hold_together_any_more_is_taken_apart_where_a_new_face_touches_it() -> None:
    anna, bao = somebody(1, 3), somebody(2, 3)
    Face.objects.update(cluster=anna[0].pk)
    later = a_new_face(near(a_vector(1)))
    cluster_new_faces()
    assert clusters([*anna, later]) == {anna[0].pk}
    assert clusters(bao) == {bao[0].pk}


def test_a_new_face_does_not_come_into_a_group_of_others_that_bears_its_number() -> None:
    founder, rest = a_new_face(a_vector(5)), somebody(1, 2)
    Face.objects.filter(pk__in=[face.pk for face in rest]).update(cluster=founder.pk)
    cluster_new_faces()
    assert clusters(rest) == {founder.pk}
    assert clusters([founder]) != {founder.pk}


def test_faces_that_look_like_ignored_ones_do_not_come_back() -> None:
    user, group = a_user(), somebody(1, 3)
    cluster_new_faces()
    ignored = [face.pk for face in group[:2]]
    event = ignore_face_group(user, ignored).event
    follow_ignored_faces(ignored)
    assert clusters(group) == {-group[0].pk}
    later = a_new_face(near(a_vector(1)))
    cluster_new_faces()
    assert clusters([later]) == {-group[0].pk}
    assert event
    undo_events(user, event)
    follow_ignored_faces(ignored)
    assert clusters([*group, later]) == {group[0].pk}


def test_named_decided_and_trashed_faces_are_in_no_group() -> None:
    named = somebody(1, 2, person=a_person(), state="known")
    rejected = somebody(2, 2, decision="rejected")
    other = [a_face(embedding=a_vector(5), embedder_id="other") for _ in range(2)]
    assert cluster_new_faces() == 0
    assert clusters([*named, *rejected, *other]) == {None}
    assert not User.objects.exists()


def test_grouping_all_anew_keeps_numbers_names_and_what_was_ignored() -> None:
    user, anna, bao, mixed = a_user(), somebody(1, 4), somebody(2, 3), somebody(3, 4)
    cluster_new_faces()
    name_face_group(user, [anna[0].pk], a_person())
    ignore_face_group(user, [bao[0].pk])
    Face.objects.filter(pk=mixed[3].pk).update(cluster=anna[0].pk)
    request_grouping(user)
    grouping = FaceGrouping.objects.get()
    assert run_grouping(grouping.pk)
    grouping.refresh_from_db()
    assert (grouping.work, grouping.changed, grouping.progress) == ("done", 4, 1)
    assert clusters(anna[1:]) == {anna[0].pk}
    assert clusters(bao) == {-bao[0].pk}
    assert clusters(mixed) == {mixed[0].pk}
    assert not run_grouping(grouping.pk)


def test_two_who_ask_at_once_have_one_grouping(monkeypatch: pytest.MonkeyPatch) -> None:
    user, held = a_user(), list[str]()

    def wait_for_the_other(words: str) -> None:
        held.append(words)
        FaceGrouping.objects.create(asked_by=user)  # the other was first, and has committed

    monkeypatch.setattr("gallery.faces.services.hold_words", wait_for_the_other)
    with pytest.raises(ActionRefused):
        request_grouping(user)
    assert held


def test_what_was_split_stays_split_through_growth_and_grouping_anew_until_it_is_undone() -> None:
    user, group, others = a_user(), somebody(1, 5), somebody(2, 2)
    cluster_new_faces()
    apart, stayed = group[3:], group[:3]
    event = split_face_group(user, ids_of(apart), ids_of(stayed), {}).event
    assert event
    assert describe_event(event) == "said that 2 unknown faces are somebody else"
    assert (clusters(stayed), clusters(apart)) == ({group[0].pk}, {group[3].pk})
    later = [a_new_face(near(a_vector(1))) for _ in range(2)]
    cluster_new_faces()
    assert clusters(later) <= {group[0].pk, group[3].pk}
    assert (clusters(stayed), clusters(apart)) == ({group[0].pk}, {group[3].pk})
    group_all_anew(user)
    assert (clusters(stayed), clusters(apart)) == ({group[0].pk}, {group[3].pk})
    assert clusters(others) == {others[0].pk}
    undo_events(user, event)
    assert clusters(group) == {group[0].pk}
    assert not FaceSplit.objects.exists()
    group_all_anew(user)
    assert clusters(group) == {group[0].pk}


def test_a_group_with_faces_of_both_sides_is_taken_apart_where_a_new_face_touches_it() -> None:
    group = somebody(1, 4)
    cluster_new_faces()
    split_face_group(a_user(), ids_of(group[2:]), ids_of(group[:2]), {})
    Face.objects.update(cluster=group[0].pk)
    a_new_face(near(a_vector(1)))
    cluster_new_faces()
    assert (clusters(group[:2]), clusters(group[2:])) == ({group[0].pk}, {group[2].pk})


def test_what_is_split_while_all_are_grouped_anew_stays_split(monkeypatch: pytest.MonkeyPatch) -> None:
    user, group = a_user(), somebody(1, 4)
    cluster_new_faces()
    real = regrouping.cluster

    def split_meanwhile(*args: Any, **options: Any) -> Any:
        split_face_group(user, ids_of(group[2:]), ids_of(group[:2]), {})
        return real(*args, **options)

    monkeypatch.setattr(regrouping, "cluster", split_meanwhile)
    group_all_anew(user)
    cluster_new_faces()
    assert clusters(group[:2]).isdisjoint(clusters(group[2:]))


def test_faces_with_a_name_by_now_are_left_out_of_a_split(world: FakeEngine) -> None:
    user, group = a_user(), somebody(1, 4)
    cluster_new_faces()
    name_face_group(user, [group[3].pk], a_person())
    result = split_face_group(user, ids_of(group[2:]), ids_of(group[:2]), {group[2].pk: group[2].revision})
    assert (result.done, result.left) == ([group[2].pk], [group[3].pk])
    with pytest.raises(ActionRefused):
        split_face_group(user, [group[2].pk], [group[3].pk], {})


def test_grouping_all_anew_is_stopped_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    user, anna = a_user(), somebody(1, 3)
    Face.objects.update(cluster=7)
    request_grouping(user)
    grouping = FaceGrouping.objects.get()
    monkeypatch.setattr(regrouping, "SECONDS_BETWEEN_REPORTS", 0)
    real = regrouping.cluster

    def stop_meanwhile(*args: Any, **options: Any) -> Any:
        stop_grouping(user)
        return real(*args, **options)

    monkeypatch.setattr(regrouping, "cluster", stop_meanwhile)
    assert run_grouping(grouping.pk)
    grouping.refresh_from_db()
    assert grouping.work == "cancelled"
    assert clusters(anna) == {7}


def test_faces_that_come_while_all_are_grouped_anew_find_their_group_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    anna = somebody(1, 3)
    cluster_new_faces()
    request_grouping(a_user())
    real, late = regrouping.cluster, list[Face]()

    def come_meanwhile(*args: Any, **options: Any) -> Any:
        late.append(a_new_face(near(a_vector(1))))
        cluster_new_faces()
        return real(*args, **options)

    monkeypatch.setattr(regrouping, "cluster", come_meanwhile)
    run_grouping(FaceGrouping.objects.get().pk)
    assert clusters(late) == {None}
    cluster_new_faces()
    assert clusters([*anna, *late]) == {anna[0].pk}


def test_curators_ask_for_it_watch_it_and_stop_it_on_the_page(client: Client) -> None:
    client.force_login(a_user("Cu", Role.CURATOR))
    page, act = reverse("unknown"), reverse("unknown_regroup")
    assert "Group anew" in client.get(page).content.decode()
    client.post(act)
    assert "waits for a worker" in client.get(page).content.decode()
    assert "being grouped anew already" in client.post(act, follow=True).content.decode()
    client.post(act, {"stop": "1"})
    assert FaceGrouping.objects.get().work == "cancelled"
    verbs = list(Event.objects.filter(verb__startswith="grouping.").values_list("verb", flat=True))
    assert sorted(verbs) == ["grouping.request", "grouping.stop"]
