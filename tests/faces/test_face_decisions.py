"""What people say of faces, one at a time and in groups."""

from __future__ import annotations

import pytest

from gallery.core.exceptions import ActionRefused, CannotUndo, EditConflict
from gallery.faces.decisions import (
    confirm_face,
    decide_face,
    draw_face,
    ignore_face_group,
    name_face_group,
    reject_person_of_face,
)
from gallery.history.undo import undo_events
from gallery.models import Candidate, Decision, Event, Face, FaceRejection
from tests.making import a_face, a_named_face, a_person, a_photo, a_user, an_unsure_face

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def columns(face):
    names = ("person_id", "state", "similarity", "reference_id", "decision", "decided_by_id", "decided_at")
    return Face.objects.filter(pk=face.pk).values(*names).get()


def test_confirming_names_the_face_and_says_who_said_so():
    user, anna = a_user(), a_person("Anna")
    face = an_unsure_face(anna)
    event = confirm_face(user, face, anna)
    face.refresh_from_db()
    assert (face.person, face.decision, face.decided_by) == (anna, Decision.CONFIRMED, user)
    assert face.state == Face.State.KNOWN
    assert face.similarity == pytest.approx(0.93)
    assert event.summary["person"] == "Anna"


def test_confirming_lets_the_worker_take_the_name_further(sent):
    face, anna = a_face(), a_person()
    confirm_face(a_user(), face, anna)
    assert sent == [("follow_faces", [face.pk])]


def test_a_rejected_person_is_withdrawn_and_no_longer_proposed():
    anna, bao = a_person("Anna"), a_person("Bảo")
    face = a_named_face(anna)
    Candidate.objects.create(face=face, person=bao, similarity=0.9, rank=1)
    reject_person_of_face(a_user(), face, anna)
    face.refresh_from_db()
    assert face.person is None
    assert face.state == Face.State.UNKNOWN
    assert not face.is_decided
    assert list(face.candidates.values_list("person__name", flat=True)) == ["Bảo"]
    assert FaceRejection.objects.filter(face=face, person=anna).exists()


def test_a_face_that_was_searched_again_is_searched_once_more_when_not_this_person_is_taken_back(sent):
    user, anna = a_user(), a_person("Anna")
    face = a_named_face(anna)
    event = reject_person_of_face(user, face, anna)
    Face.objects.filter(pk=face.pk).update(similarity=0.8)  # what the worker found without Anna
    sent.clear()
    undo_events(user, event)
    assert not FaceRejection.objects.exists()
    assert ("follow_faces", [face.pk]) in sent


def test_rejecting_somebody_else_leaves_a_confirmed_name():
    anna, bao, user = a_person("Anna"), a_person("Bảo"), a_user()
    face = an_unsure_face(anna, bao)
    confirm_face(user, face, anna)
    reject_person_of_face(user, face, bao)
    face.refresh_from_db()
    assert (face.person, face.decision) == (anna, Decision.CONFIRMED)


def test_confirming_after_all_withdraws_the_rejection():
    anna, user = a_person(), a_user()
    face = an_unsure_face(anna)
    reject_person_of_face(user, face, anna)
    confirm_face(user, face, anna)
    assert not FaceRejection.objects.exists()


@pytest.mark.parametrize("decision", [Decision.REJECTED, Decision.NOT_A_FACE, Decision.IGNORED])
def test_other_decisions_take_the_name_away(decision):
    face = a_named_face(a_person())
    decide_face(a_user(), face, decision)
    face.refresh_from_db()
    assert (face.person, face.decision, face.state) == (None, decision, Face.State.UNKNOWN)


def test_clearing_a_decision_lets_the_machine_say_again(sent):
    face, user = a_face(), a_user()
    decide_face(user, face, Decision.IGNORED)
    decide_face(user, face, Decision.NONE)
    face.refresh_from_db()
    assert not face.is_decided
    assert face.decided_by is None
    assert sent.count(("follow_faces", [face.pk])) == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda user, face, person: confirm_face(user, face, person),
        lambda user, face, person: reject_person_of_face(user, face, person),
        lambda user, face, person: decide_face(user, face, Decision.REJECTED),
        lambda user, face, person: decide_face(user, face, Decision.NOT_A_FACE),
        lambda user, face, person: decide_face(user, face, Decision.IGNORED),
    ],
    ids=["confirm", "reject", "unknown", "not a face", "ignore"],
)
def test_each_decision_can_be_undone_and_redone_exactly(act):
    user, anna = a_user(), a_person()
    face = a_named_face(anna)
    before, candidates = columns(face), list(face.candidates.values())
    event = act(user, face, anna)
    after = columns(face)
    [undone] = undo_events(user, event)
    assert columns(face) == before
    assert list(face.candidates.values()) == candidates
    assert not FaceRejection.objects.exists()
    undo_events(user, undone)
    assert columns(face) == after


def test_clearing_can_be_undone():
    user, face = a_user(), a_face()
    decide_face(user, face, Decision.IGNORED)
    before = columns(face)
    undo_events(user, decide_face(user, face, Decision.NONE))
    assert columns(face) == before


def test_undo_is_refused_when_somebody_decided_otherwise_since():
    mai, bao = a_user("Mai"), a_user("Bao")
    anna, eva = a_person("Anna"), a_person("Eva")
    face = an_unsure_face(anna, eva)
    event = confirm_face(mai, face, anna)
    confirm_face(bao, face, eva)
    with pytest.raises(CannotUndo, match="Bao has changed this since"):
        undo_events(mai, event)
    face.refresh_from_db()
    assert face.person == eva
    event.refresh_from_db()
    assert event.undone_at is None


def test_the_second_of_two_reviewers_is_told_what_the_first_did():
    mai, bao, anna, eva = a_user("Mai"), a_user("Bao"), a_person("Anna"), a_person("Eva")
    face = an_unsure_face(anna, eva)
    confirm_face(mai, face, anna, revision=face.revision)
    for act in (
        lambda: confirm_face(bao, face, eva, revision=0),
        lambda: reject_person_of_face(bao, face, anna, revision=0),
        lambda: decide_face(bao, face, Decision.IGNORED, revision=0),
        lambda: decide_face(bao, face, Decision.NOT_A_FACE, revision=0),
        lambda: decide_face(bao, face, Decision.REJECTED, revision=0),
    ):
        with pytest.raises(EditConflict, match="Mai was here first and named a face “Anna”"):
            act()
    face.refresh_from_db()
    assert face.person == anna
    assert Event.objects.count() == 1


def test_saying_the_same_as_somebody_before_is_no_conflict_and_no_second_event():
    mai, bao, anna = a_user("Mai"), a_user("Bao"), a_person("Anna")
    face = an_unsure_face(anna)
    assert confirm_face(mai, face, anna, revision=0)
    assert confirm_face(bao, face, anna, revision=0) is None
    face.refresh_from_db()
    assert face.decided_by == mai


def test_a_face_that_is_gone_is_said_so():
    face, user, anna = a_face(), a_user(), a_person()
    Face.objects.filter(pk=face.pk).delete()
    with pytest.raises(EditConflict, match="no longer there"):
        confirm_face(user, face, anna)


def test_a_drawn_face_is_clipped_to_the_photo_and_queued(sent):
    photo = a_photo()
    face = draw_face(a_user(), photo, (-10, 580, 100, 100))
    assert (face.left, face.top, face.width, face.height) == (0, 580, 90, 20)
    assert face.is_drawn
    assert ("embed_face", face.pk) in sent


@pytest.mark.parametrize("box", [(10, 10, 3, 50), (900, 10, 50, 50), (10, 10, float("nan"), 50)])
def test_a_box_that_is_no_box_is_refused(box):
    with pytest.raises(ActionRefused, match="too small"):
        draw_face(a_user(), a_photo(), box)


def test_drawing_can_be_undone_until_the_face_is_named():
    user, photo, anna = a_user(), a_photo(), a_person()
    face = draw_face(user, photo, (10, 10, 60, 60))
    drawn = Event.objects.get(verb="face.draw")
    named = confirm_face(user, face, anna)
    with pytest.raises(CannotUndo):
        undo_events(user, drawn)
    undo_events(user, named)
    photo_two = draw_face(user, photo, (200, 10, 60, 60))
    undo_events(user, Event.objects.filter(verb="face.draw").first())
    assert not Face.objects.filter(pk=photo_two.pk).exists()


def test_naming_a_group_is_one_act_with_one_undo():
    user, anna = a_user(), a_person()
    group = [a_face() for _ in range(5)]
    before = [columns(face) for face in group]
    result = name_face_group(user, [face.pk for face in group], anna)
    assert result.done == [face.pk for face in group]
    assert Face.objects.filter(person=anna, decision=Decision.CONFIRMED).count() == 5
    assert Event.objects.count() == 1
    undo_events(user, result.event)
    assert [columns(face) for face in group] == before


def test_a_group_leaves_out_what_others_decided_and_who_was_rejected():
    mai, bao, anna = a_user("Mai"), a_user("Bao"), a_person("Anna")
    decided, rejected, seen_old, free = (a_face() for _ in range(4))
    decide_face(bao, decided, Decision.IGNORED)
    reject_person_of_face(bao, rejected, anna)
    reject_person_of_face(bao, seen_old, a_person("Eva"))
    ids = [face.pk for face in (decided, rejected, seen_old, free)]
    result = name_face_group(mai, ids, anna, seen=dict.fromkeys(ids, 0))
    assert result.done == [free.pk]
    assert result.left == [decided.pk, rejected.pk, seen_old.pk]


def test_undoing_a_group_leaves_the_face_that_was_corrected_since():
    user, anna, eva = a_user(), a_person("Anna"), a_person("Eva")
    group = [a_face() for _ in range(3)]
    result = name_face_group(user, [face.pk for face in group], anna)
    confirm_face(user, group[0], eva)
    [undone] = undo_events(user, result.event)
    assert [columns(face)["person_id"] for face in group] == [eva.pk, None, None]
    assert undone.summary["left"] == 1


def test_ignoring_a_group_is_one_act_with_one_undo():
    user, group = a_user(), [a_face() for _ in range(3)]
    result = ignore_face_group(user, [face.pk for face in group])
    assert Face.objects.filter(decision=Decision.IGNORED).count() == 3
    undo_events(user, result.event)
    assert not Face.objects.filter(decision=Decision.IGNORED).exists()


def test_a_group_of_nothing_left_leaves_no_event():
    user, face = a_user(), a_face()
    decide_face(user, face, Decision.IGNORED)
    assert ignore_face_group(user, [face.pk]).event is None


def test_a_name_twice_in_a_photo_is_marked_and_unmarked():
    user, anna, photo = a_user(), a_person(), a_photo()
    one, other = a_face(photo), a_face(photo)
    confirm_face(user, one, anna)
    event = confirm_face(user, other, anna)
    assert Face.objects.filter(photo=photo, is_twice=True).count() == 2
    undo_events(user, event)
    assert not Face.objects.filter(photo=photo, is_twice=True).exists()


def test_naming_a_group_costs_the_same_number_of_queries_for_any_size(django_assert_max_num_queries):
    user, anna, photo = a_user(), a_person(), a_photo()
    group = [a_face(photo) for _ in range(200)]
    with django_assert_max_num_queries(20):
        name_face_group(user, [face.pk for face in group], anna)
