"""Bounds set by hand: tried on the photos, put into force, undone; and the nearest reference that alone decides."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from gallery.curation.calibration import get_calibration_page, put_calibration_in_force, try_bounds
from gallery.curation.forms import BoundsForm, NearestForm
from gallery.curation.trial import try_calibration
from gallery.faces.decisions import confirm_face
from gallery.faces.naming import FOLLOW_HEARTBEAT_KEY, follow_gallery, is_following_due
from gallery.faces.tagging import GallerySearch
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.index.selectors import SERVING_RECIPE_KEY, get_bounds_in_force
from gallery.models import Album, Calibration, Event, Face, Person, SiteSetting, User
from gallery.models.fields import vector_from_bytes
from recognition.analysis import Analysis
from recognition.calibrate import calibrate, compare_references, judge_bounds
from recognition.published import PUBLISHED_BOUNDS
from recognition.types import NEAREST_ALONE, Bounds
from tests.engines import BOUNDS, FakeEngine, somebody
from tests.fake_people import fake_people
from tests.gallery_world import an_unnamed_face, know, world
from tests.making import EMBEDDER, a_person, a_photo, a_vector

__all__ = ["world"]
pytestmark = pytest.mark.django_db

ANNA = a_vector(1)
NEAR = a_vector(90, near=ANNA, spread=0.1)  # 0.995
FAIR = a_vector(91, near=ANNA, spread=0.8)  # about 0.8: a question, by the usual bounds
STRICT, LOOSE = Bounds(0.999, 0.5, 0.01), Bounds(0.7, 0.6, 0.01)


@pytest.fixture
def anna(world: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Known, in a gallery whose bounds are those in force."""
    monkeypatch.setattr(
        engine, "get_decision_bounds", lambda embedder: get_bounds_in_force(embedder.id, embedder.bounds)
    )
    monkeypatch.setitem(PUBLISHED_BOUNDS, "test", BOUNDS)
    person = a_person("Anna")
    know(person, ANNA)
    return person


@pytest.fixture
def faces(anna: Person) -> tuple[Face, Face]:
    """One that is known, and one that asks."""
    found = an_unnamed_face(NEAR), an_unnamed_face(FAIR)
    follow_gallery(is_all=True)
    assert [state_of(face) for face in found] == ["known", "unsure"]
    return found


def state_of(face: Face) -> str:
    face.refresh_from_db()
    return face.state


def tried(user: User, bounds: Bounds) -> Calibration:
    row = try_bounds(user, EMBEDDER, bounds)
    try_calibration(row.pk)
    row.refresh_from_db()
    return row


@pytest.mark.parametrize(
    ("bounds", "changes"),
    [
        (LOOSE, {"named": 1, "kept": 1}),
        (STRICT, {"unsure": 1}),
        (Bounds(0.999, 0.999, 0.01), {"unnamed": 1}),
        (replace(LOOSE, detection=0.995), {"unnamed": 1}),
    ],
)
def test_a_trial_counts_the_names_that_would_come_go_or_turn_into_questions_and_changes_none(
    faces: tuple[Face, Face], user: User, bounds: Bounds, changes: dict[str, int]
) -> None:
    found = tried(user, bounds).report["by_hand"]
    assert {kind: count for kind, count in found["changes"].items() if count} == changes
    assert [state_of(face) for face in faces] == ["known", "unsure"]
    assert found["references"] == 1
    assert [Bounds.from_json(verdict["bounds"]) for verdict in found["verdicts"]] == [BOUNDS, bounds]


def test_a_trial_counts_only_photos_that_the_curator_may_see(faces: tuple[Face, Face], user: User) -> None:
    hidden = a_photo(album=Album.objects.create(name="Limited", is_limited=True))
    Face.objects.filter(pk=faces[1].pk).update(photo=hidden)
    assert tried(user, LOOSE).report["by_hand"]["changes"]["named"] == 0


def test_bounds_are_tried_then_used_by_the_page_and_undone_from_the_history(
    faces: tuple[Face, Face], curator: Client, user: User, sent: list[Any]
) -> None:
    sent.clear()
    values = {"decision": "rule", "known": "0.7", "unsure": "0.6", "lead": "0.01", "detection": "0"}
    page = curator.post("/names/try", values, follow=True).content.decode()
    row = Calibration.objects.get()
    assert sent == [("try_bounds", row.pk)]
    assert "Use these bounds" not in page
    curator.post(f"/names/{row.pk}/apply")
    assert get_bounds_in_force(EMBEDDER, BOUNDS) == BOUNDS  # nobody has seen yet what it would change
    try_calibration(row.pk)
    page = curator.get("/names/").content.decode()
    assert "new names: <b>1</b>" in page
    curator.post(f"/names/{row.pk}/apply")
    assert get_bounds_in_force(EMBEDDER, BOUNDS) == LOOSE
    assert get_bounds_in_force("other-0123456789ab", BOUNDS) == BOUNDS
    assert sent[-1] == ("follow_gallery", True)
    follow_gallery(is_all=True)
    assert [state_of(face) for face in faces] == ["known", "known"]
    page = curator.get("/names/").content.decode()
    assert "Bounds set by hand decide: a name from 0.7," in page
    assert "Use these bounds" not in page
    event = Event.objects.get(verb="calibration.set")
    assert describe_event(event) == "set bounds by hand: a name from 0.700"
    undo_events(user, event)
    follow_gallery(is_all=True)
    assert [state_of(face) for face in faces] == ["known", "unsure"]


def test_a_pass_after_other_bounds_whose_message_was_lost_is_found_by_the_sweep(
    faces: tuple[Face, Face], user: User
) -> None:
    SiteSetting.objects.create(key=SERVING_RECIPE_KEY, value={"id": EMBEDDER})
    SiteSetting.objects.filter(pk=FOLLOW_HEARTBEAT_KEY).delete()
    assert not is_following_due()
    event = put_calibration_in_force(user, tried(user, LOOSE))
    assert is_following_due()
    follow_gallery()
    assert state_of(faces[1]) == "known"
    SiteSetting.objects.filter(pk=FOLLOW_HEARTBEAT_KEY).delete()
    assert not is_following_due()
    undo_events(user, event)
    assert is_following_due()


def test_bounds_that_were_tried_can_be_left_and_set_ones_taken_back(
    faces: tuple[Face, Face], curator: Client, user: User
) -> None:
    tried(user, STRICT)
    row = tried(user, LOOSE)
    curator.post(f"/names/{row.pk}/apply", {"drop": "1"})
    assert get_calibration_page(user).trial is None
    row = tried(user, LOOSE)
    put_calibration_in_force(user, row)
    curator.post(f"/names/{row.pk}/apply", {"withdraw": "1"})
    assert get_bounds_in_force(EMBEDDER, BOUNDS) == BOUNDS
    assert Event.objects.filter(verb="calibration.unset").exists()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"decision": "rule", "known": "0.5", "unsure": "0.6"}, "cannot lie above"),
        ({"decision": "rule", "known": "much"}, "Enter a number"),
        ({"decision": "rule", "known": "1.5"}, "less than or equal to 1"),
        ({"decision": "nearest", "known": ""}, "Type a bound"),
    ],
)
def test_bounds_that_cannot_be_are_refused_beside_their_field(
    anna: Person, curator: Client, values: dict[str, str], error: str
) -> None:
    answer = curator.post("/names/try", values)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert error in page
    assert '<details class="card byhand" id="byhand" open>' in page
    assert not Calibration.objects.exists()


def test_only_clip_may_go_by_the_scripts_own_threshold_untyped() -> None:
    other, form = NearestForm({}, BOUNDS, "sface"), NearestForm({}, BOUNDS, "clip")
    other.allow_gaps()
    form.allow_gaps()
    assert not other.is_valid()
    assert form.is_valid()
    assert (other.initial, form.initial["known"]) == ({"detection": "0.8"}, "0.8")
    assert form.get_bounds(BOUNDS) == Bounds(0.8, 0.8, 0, NEAREST_ALONE, 0.8)


def test_a_field_left_empty_keeps_what_is_in_force_and_the_usual_rule_comes_back_as_published() -> None:
    form = BoundsForm({"known": "0.65"}, BOUNDS, "sface")
    form.allow_gaps()
    assert form.is_valid()
    assert form.get_bounds(BOUNDS) == Bounds(0.65, 0.65, 0.01)
    form = BoundsForm({"known": "0.95"}, Bounds(0.8, 0.8, 0, NEAREST_ALONE, 0.8), "sface")
    form.allow_gaps()
    assert form.is_valid()
    assert form.get_bounds(BOUNDS) == Bounds(0.95, BOUNDS.unsure, BOUNDS.margin)


def test_the_nearest_reference_alone_decides_where_that_is_set_and_peoples_words_stay(
    anna: Person, user: User, world: FakeEngine
) -> None:
    twin, photo = a_person("Twin"), a_photo()
    know(twin, a_vector(92, near=ANNA, spread=0.12))
    know(anna, a_vector(7))  # of somebody else: the usual rule counts it, and finds no lead
    near, again = an_unnamed_face(NEAR, photo=photo), an_unnamed_face(ANNA, photo=photo)
    blurred, said = an_unnamed_face(NEAR, score=0.7), an_unnamed_face(NEAR)
    confirm_face(user, said, twin)
    row = tried(user, Bounds(0.9, 0.9, 0, NEAREST_ALONE, 0.8))
    event = put_calibration_in_force(user, row)
    assert describe_event(event) == "let the nearest reference alone decide: a name from 0.900"
    follow_gallery(is_all=True)
    assert [state_of(face) for face in (near, again, blurred)] == ["known", "known", "unknown"]
    assert [near.person, again.person] == [anna, anna]  # twice in one photo, as the script would
    said.refresh_from_db()
    assert said.person == twin
    found = [somebody(100, 1, ANNA).detection, replace(somebody(400, 1, ANNA).detection, score=0.7)]
    vectors = np.stack([vector_from_bytes(ANNA)] * 2)
    tagged = GallerySearch(world).name_faces(Analysis(800, 600, found, vectors, {}))
    assert [face.name for face in tagged] == ["Anna", None]


def test_what_is_in_force_is_judged_as_it_decides() -> None:
    vectors, persons = fake_people(20, 4, seed=3)
    nearest = Bounds(0.9, 0.9, 0, NEAREST_ALONE)
    found = calibrate(vectors, persons, BOUNDS, embedder_id=EMBEDDER, current=nearest)
    expected = judge_bounds(compare_references(vectors, persons, combination=NEAREST_ALONE), nearest)
    assert found.current == expected
    assert type(found).from_json(json.loads(json.dumps(found.to_json()))).current == expected


def evaluate(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("evaluate", "--json", *arguments, stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def test_the_command_says_what_bounds_would_change_and_sets_them(faces: tuple[Face, Face]) -> None:
    found = evaluate("--set", "known=0.7", "unsure=0.6")
    assert (found["changes"]["named"], found["is_applied"]) == (1, False)
    assert found["set"]["bounds"] == {"known": 0.7, "unsure": 0.6, "margin": 0.01}
    assert get_bounds_in_force(EMBEDDER, BOUNDS) == BOUNDS
    assert evaluate("--set", "decision=nearest", "known=0.7", "--apply")["is_applied"]
    assert get_bounds_in_force(EMBEDDER, BOUNDS) == Bounds(0.7, 0.7, 0, NEAREST_ALONE, 0.8)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["known=2"], "known: "),
        (["lend=0.1"], "not lend"),
        (["decision=guess"], "decision is one of rule, nearest"),
        (["decision=nearest"], "Type a bound"),
    ],
)
def test_the_command_refuses_bounds_that_cannot_be(anna: Person, words: list[str], error: str) -> None:
    with pytest.raises(CommandError, match=error) as refused:
        evaluate("--set", *words)
    assert refused.value.returncode == 2
