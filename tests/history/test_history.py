"""The history itself: who may undo what, batches, and what is never undone."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

import gallery
from gallery.core.exceptions import CannotUndo, EditConflict
from gallery.faces.decisions import confirm_face, decide_face
from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.history.changeset import find_events_about, record_event
from gallery.history.descriptions import _descriptions, describe_event
from gallery.history.redaction import ErasedObjects, redact_undo_data
from gallery.history.undo import can_undo, register_inverse, undo_events
from gallery.models import Decision, Event, Role
from gallery.people.services import rename_person
from gallery.privacy.erasure import erase_person
from tests.making import a_face, a_person, a_photo, a_user

pytestmark = pytest.mark.usefixtures("sent")


@pytest.mark.django_db
def test_an_act_is_found_by_its_face_its_photo_and_its_person():
    user, photo, anna = a_user(), a_photo(), a_person()
    face = a_face(photo)
    event = confirm_face(user, face, anna)
    for kind, pk in (("face", face.pk), ("photo", photo.pk), ("person", anna.pk)):
        assert list(find_events_about(kind, pk)) == [event]


@pytest.mark.django_db
def test_undo_works_after_thirty_days():
    user, face, anna = a_user(), a_face(), a_person()
    event = confirm_face(user, face, anna)
    Event.objects.update(at=timezone.now() - timedelta(days=45))
    undo_events(user, event)
    face.refresh_from_db()
    assert face.person is None


@pytest.mark.django_db
def test_what_was_undone_is_not_undone_twice():
    mai, bao = a_user("Mai"), a_user("Bao")
    event = decide_face(mai, a_face(), Decision.IGNORED)
    undo_events(bao, event)
    with pytest.raises(CannotUndo, match="Bao has already undone this"):
        undo_events(mai, event)


@pytest.mark.django_db
def test_an_event_without_undo_says_so():
    user, anna = a_user(), a_person()
    event = record_event(user, "person.erase", anna, {"count": 1})
    assert not can_undo(user, event)
    with pytest.raises(CannotUndo, match="cannot be undone"):
        undo_events(user, event)


@pytest.mark.django_db
def test_forgetting_a_person_leaves_neither_name_nor_undo():
    user, anna = a_user(), a_person("Anna")
    confirm_face(user, a_face(), anna)
    rename_person(user, anna, "Anne")
    erase_person(user, anna)
    *before, erased = Event.objects.order_by("pk")
    assert (erased.verb, erased.undo, list(erased.summary)) == ("person.erase", None, ["receipt"])
    for event in before:
        assert event.undo is None
        assert event.summary == {}
        assert "erased" in describe_event(event)


@pytest.mark.django_db
def test_people_undo_their_own_acts_and_curators_anybodys():
    author = a_user("Mai", Role.CONTRIBUTOR)
    other = a_user("Bao", Role.CONTRIBUTOR)
    curator, viewer = a_user("Kim", Role.CURATOR), a_user("Tam", Role.VIEWER)
    event = decide_face(author, a_face(), Decision.IGNORED)
    assert [can_undo(user, event) for user in (author, other, curator, viewer)] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.django_db
def test_a_batch_is_undone_as_one_newest_first_or_not_at_all():
    user, anna, batch = a_user(), a_person(), uuid.uuid4()
    events = [decide_face(user, a_face(), Decision.IGNORED), rename_person(user, anna, "Anne")]
    Event.objects.update(batch=batch)
    done = undo_events(user, batch)
    assert [event.summary["event"] for event in done] == [events[1].pk, events[0].pk]


@pytest.mark.django_db
def test_other_acts_register_how_they_are_taken_back():
    taken = []

    def take_back(user, event):
        taken.append(event.undo["number"])
        return {"number": -1}

    register_inverse(take_back, "test.act")
    user, photo = a_user(), a_photo()
    event = record_event(user, "test.act", photo, {"photo": photo.name}, undo={"number": 5})
    [undone] = undo_events(user, event)
    assert taken == [5]
    assert undone.undo == {"number": -1}
    undo_events(user, undone)
    assert taken == [5, -1]


@pytest.mark.django_db
def test_every_sentence_can_be_said():
    for verb in _descriptions:
        assert describe_event(
            Event(verb=verb, summary={"person": "Anna", "source": "Eva", "old": "A", "count": 2})
        )
    undone = Event(
        verb="undo", summary={"verb": "person.merge", "source": "Eva", "person": "Anna", "left": 2}
    )
    assert describe_event(undone) == (
        "undid: merged “Eva” into “Anna” (2 things changed since were left as they are)"
    )


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_the_same_moment_lose_nothing():
    mai, bao, anna, eva = a_user("Mai"), a_user("Bao"), a_person("Anna"), a_person("Eva")
    group = [a_face() for _ in range(12)]

    def review(user, person):
        won = []
        waiting = list(group)
        while waiting:
            try:
                if confirm_face(user, waiting[0], person, revision=0):
                    won.append(waiting[0].pk)
            except EditConflict:
                pass
            except OperationalError:  # the tests' database in memory does not wait its turn, a file does
                continue
            waiting.pop(0)
        connection.close()
        return won

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(review, (mai, bao), (anna, eva))
    assert sorted(first + second) == [face.pk for face in group]
    for face in group:
        face.refresh_from_db()
        assert face.person == (anna if face.pk in first else eva)
        assert face.revision == 1
    assert Event.objects.count() == len(group)


@pytest.mark.parametrize(
    ("model", "columns", "stays"),
    [
        ("face", {"photo_id": 5, "person_id": None}, False),
        ("candidate", {"face_id": 1, "look_alike_id": 7}, False),
        ("reference", {"person_id": 5, "source_face_id": None}, True),  # another's number is no photo's
        ("album", {"name": "Hoi An", "cover_id": 5}, True),  # it comes back without a cover
    ],
)
def test_what_needs_an_erased_row_cannot_come_back(
    model: str, columns: dict[str, object], stays: bool
) -> None:
    undo = {"rows": [{"model": model, "ids": [1], "before": columns, "after": None}]}
    redacted = redact_undo_data(undo, ErasedObjects({"photo": {5}, "face": {7}}))
    assert redacted == (undo if stays else None)


def test_what_an_erased_user_did_can_still_be_undone() -> None:
    decided = {"model": "face", "ids": [1], "before": {"decided_by_id": 3}, "after": {"decided_by_id": 4}}
    assert redact_undo_data({"rows": [decided]}, ErasedObjects({"user": {3, 4}})) == {"rows": [decided]}


def test_every_act_that_is_recorded_has_a_sentence():
    recorded = set()
    for path in sorted(Path(gallery.__file__).parent.rglob("*.py")):
        if "record_event(" in (code := path.read_text()):
            recorded |= set(re.findall(r'"((?:[a-z]+)\.(?:[a-z_]+))"', code))
    recorded = {verb for verb in recorded if not verb.endswith(".json")}  # a file's name
    assert {"face.confirm", "photo.trash", "album.remove", "person.merge"} <= recorded
    switches = {verb.removesuffix("_on") for verb in _descriptions}  # which make two verbs each
    assert recorded - set(_descriptions) - set(AUDIT_ONLY_VERBS) - switches == set()
