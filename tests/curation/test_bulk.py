"""Acts on many rows: seen before they are done, done at once or in parts, stopped, resumed, undone as one."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import ActionRefused
from gallery.curation import bulk
from gallery.curation.bulk import (
    BulkKind,
    create_bulk_draft,
    delete_bulk_drafts,
    run_bulk_act,
    start_bulk_act,
    stop_bulk_act,
)
from gallery.history.undo import undo_events
from gallery.models import Album, BulkAct, Event, GalleryChange, Person, Photo, Reference, Status, User
from gallery.people.services import create_person
from tests.bulk import PEOPLE, chosen, do, undo
from tests.making import a_named_face, a_person, a_photo, a_reference, a_user

pytestmark = pytest.mark.django_db


def statuses() -> set[str]:
    return set(Reference.objects.values_list("status", flat=True))


@pytest.mark.parametrize(("name", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_references_are_judged_after_a_look_and_it_is_undone_in_place(
    curator: Client, name: str, status: str
) -> None:
    rows = [a_reference(a_person(), status="pending"), a_reference(a_person("Bea"), status="pending")]
    page = chosen(curator, name, *rows).content.decode()
    assert "Nothing has been changed yet" in page
    assert "2 references" in page
    assert statuses() == {"pending"}
    page = do(curator, "start")
    assert f"You {status} 2 references." in page.content.decode()
    assert statuses() == {status}
    assert GalleryChange.objects.count() == 2
    undo(curator, page)
    assert statuses() == {"pending"}


def test_the_preview_says_which_names_may_go_and_who_is_left_without_a_picture(curator: Client) -> None:
    anna = a_person("Anna Berg")
    reference = a_reference(anna)
    a_named_face(anna, reference=reference)
    page = chosen(curator, "reject", reference).content.decode()
    assert "1 face has its name by these pictures" in page
    assert "They are in 1 photo." in page
    assert "1 person will be recognised by no picture any more" in page


def test_moving_asks_whose_they_are_and_undo_takes_the_new_person_away_too(curator: Client) -> None:
    reference = a_reference(a_person("Anna"))
    chosen(curator, "move", reference)
    assert "Write a name." in do(curator, "start").content.decode()
    page = do(curator, "start", name="Bea")
    assert Reference.objects.get().person.name == "Bea"
    assert GalleryChange.objects.filter(kind="moved").count() == 1
    undo(curator, page)
    assert [person.name for person in Person.objects.all()] == ["Anna"]
    assert Reference.objects.get().person.name == "Anna"


def test_all_of_a_long_list_are_chosen_as_the_page_says(curator: Client) -> None:
    anna = a_person("Anna")
    rows = [a_reference(anna) for _ in range(203)]
    page = chosen(curator, "move", rows[0], select_across="1").content.decode()
    assert "203 references" in page
    do(curator, "start", name="Bea")
    assert Reference.objects.filter(person__name="Bea").count() == 203


def test_people_are_merged_into_the_one_who_is_chosen_and_come_back_as_they_were(curator: Client) -> None:
    people = [a_person(name) for name in ("Anna", "Anne", "Ana")]
    for person in people:
        a_reference(person)
    page = chosen(curator, "merge", *people, address=PEOPLE).content.decode()
    assert "3 people become one" in page
    page = do(curator, "start", target=people[1].pk)
    assert [person.name for person in Person.objects.all()] == ["Anne"]
    assert Reference.objects.filter(person=people[1]).count() == 3
    undo(curator, page)
    assert sorted(person.name for person in Person.objects.all()) == ["Ana", "Anna", "Anne"]
    assert {row.person_id for row in Reference.objects.all()} == {person.pk for person in people}


@pytest.mark.parametrize("action", ["hide", "show"])
def test_people_are_hidden_and_shown_together(curator: Client, action: str) -> None:
    people = [a_person(name) for name in ("Anna", "Bea")]
    Person.objects.update(is_hidden=action == "show")
    chosen(curator, action, *people, address=PEOPLE)
    page = do(curator, "start")
    assert Person.objects.filter(is_hidden=action == "hide").count() == 2
    undo(curator, page)
    assert Person.objects.filter(is_hidden=action == "hide").count() == 0


def test_what_somebody_changed_after_the_preview_is_said_before_anything_is_done(curator: Client) -> None:
    anna = a_person("Anna")
    reference = a_reference(anna)
    chosen(curator, "move", reference)
    bea = create_person(a_user("Other"), "Bea")
    from gallery.people.references import move_references

    move_references(a_user("Third"), [reference], bea)
    page = do(curator, "start", name="Cleo").content.decode()
    assert "Somebody has changed some of these" in page
    assert Reference.objects.get().person == bea
    do(curator, "start", name="Cleo")
    assert Reference.objects.get().person.name == "Cleo"


def test_an_act_is_started_only_once(user: User) -> None:
    act = create_bulk_draft(user, "approve", [a_reference(a_person(), status="pending").pk])
    start_bulk_act(user, act)
    with pytest.raises(Exception, match="started already"):
        start_bulk_act(user, act)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows in one part, and only one done at once: what hundreds of thousands are else."""
    sizes = dict.fromkeys(BulkKind, (3, 1)) | {BulkKind.UNDO: (1, 1)}
    monkeypatch.setattr(bulk, "PART_SIZES", sizes)


def a_long_act(user: User, count: int = 8) -> BulkAct:
    anna = a_person("Anna")
    ids = [a_reference(anna, status="pending").pk for _ in range(count)]
    return start_bulk_act(user, create_bulk_draft(user, "approve", ids))


def test_a_long_act_is_left_to_the_worker_and_is_one_line_of_the_history(
    small_parts: None, curator: Client, user: User
) -> None:
    act = a_long_act(user)
    assert statuses() == {"pending"}
    page = reverse("admin:gallery_bulkact_change", args=(act.pk,))
    assert "It waits for the worker" in curator.get(page).content.decode()
    assert run_bulk_act(act.pk)
    assert statuses() == {"approved"}
    assert Event.objects.filter(batch=act.batch).count() == 3
    story = curator.get(reverse("history")).content.decode()
    assert story.count('class="entry"') == 1
    assert "approved 8 references" in story
    state = curator.get(reverse("admin:gallery_bulkact_state", args=(act.pk,))).content.decode()
    assert "8 of 8" in state
    assert "Undo" in state


def test_a_long_act_stops_after_its_part_and_goes_on_from_there(
    small_parts: None, curator: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = a_long_act(user)
    does = bulk._run_next_part

    def stopped_meanwhile(act: BulkAct) -> None:
        does(act)
        stop_bulk_act(act)

    monkeypatch.setattr(bulk, "_run_next_part", stopped_meanwhile)
    run_bulk_act(act.pk)
    act.refresh_from_db()
    assert (act.work, act.done, act.changed) == (Status.CANCELLED, 3, 3)
    assert Reference.objects.filter(status="approved").count() == 3
    monkeypatch.setattr(bulk, "_run_next_part", does)
    do(curator, "resume")
    run_bulk_act(act.pk)
    act.refresh_from_db()
    assert (act.work, act.changed) == (Status.DONE, 8)
    assert statuses() == {"approved"}


def test_a_worker_that_died_leaves_a_whole_number_of_parts_and_another_takes_them_up(
    small_parts: None, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = a_long_act(user)
    does = bulk._run_next_part

    def dies(act: BulkAct) -> None:
        if act.done:
            raise KeyboardInterrupt
        does(act)

    monkeypatch.setattr(bulk, "_run_next_part", dies)
    with pytest.raises(KeyboardInterrupt):
        run_bulk_act(act.pk)
    assert Reference.objects.filter(status="approved").count() == 3
    BulkAct.objects.update(lease_until="2000-01-01T00:00Z")
    monkeypatch.setattr(bulk, "_run_next_part", does)
    assert run_bulk_act(act.pk)
    act.refresh_from_db()
    assert (act.work, act.done, act.changed) == (Status.DONE, 8, 8)


def test_the_undo_of_a_long_act_is_a_long_act_that_can_itself_be_undone(
    small_parts: None, user: User
) -> None:
    act = a_long_act(user)
    run_bulk_act(act.pk)
    act.refresh_from_db()
    assert act.event is not None
    (undone,) = undo_events(user, act.event)
    undoing = BulkAct.objects.latest("pk")
    assert (undoing.kind, undoing.total) == ("undo", 3)
    run_bulk_act(undoing.pk)
    assert statuses() == {"pending"}
    undo_events(user, undone)
    run_bulk_act(BulkAct.objects.latest("pk").pk)
    assert statuses() == {"approved"}


def test_what_still_runs_is_not_undone(small_parts: None, user: User) -> None:
    act = a_long_act(user)
    assert act.event is not None
    with pytest.raises(Exception, match="Stop it first"):
        undo_events(user, act.event)


def test_undo_leaves_what_somebody_decided_since(curator: Client, user: User) -> None:
    anna = a_person()
    rows = [a_reference(anna, status="pending") for _ in range(2)]
    chosen(curator, "approve", *rows)
    page = do(curator, "start")
    from gallery.people.references import reject_references

    reject_references(a_user("Other"), [rows[0]])
    undo(curator, page)
    assert set(Reference.objects.values_list("pk", "status")) == {
        (rows[0].pk, "rejected"),
        (rows[1].pk, "pending"),
    }


def test_a_draft_that_nobody_started_is_forgotten(user: User) -> None:
    act = create_bulk_draft(user, "approve", [a_reference(a_person()).pk])
    BulkAct.objects.filter(pk=act.pk).update(made_at="2000-01-01T00:00Z")
    assert delete_bulk_drafts() == 1


def run_until_it_fails(act: BulkAct) -> str:
    run_bulk_act(act.pk)
    act.refresh_from_db()
    assert act.work == Status.FAILED
    return act.failure_text


@pytest.mark.parametrize(
    ("kind", "said"),
    [("move", "The person they were to go to"), ("merge", "The person they were to become")],
)
def test_a_waiting_act_whose_target_has_gone_changes_nothing_and_says_so(
    small_parts: None, user: User, kind: str, said: str
) -> None:
    people = [a_person(name) for name in ("Anna", "Bea", "Cleo", "Dora")]
    references = [a_reference(people[0]) for _ in range(4)]
    chosen_rows = people if kind == "merge" else references
    draft = create_bulk_draft(user, kind, [row.pk for row in chosen_rows])
    act = start_bulk_act(user, draft, name="Cleo", target=people[2].pk)
    people[2].delete()
    assert said in run_until_it_fails(act)
    assert Reference.objects.filter(person=people[0]).count() == 4


def test_photos_whose_album_has_gone_stay_where_they_are(small_parts: None, user: User) -> None:
    photos = [a_photo() for _ in range(4)]
    album = Album.objects.create(name="Trip", created_by=user)
    draft = create_bulk_draft(user, "album", [photo.pk for photo in photos])
    act = start_bulk_act(user, draft, target=album.pk)
    Album.objects.all().delete()
    assert "album they were to go to is no longer there" in run_until_it_fails(act)
    assert not Photo.objects.exclude(albums=None).exists()


def test_a_waiting_act_of_somebody_who_has_gone_changes_nothing(small_parts: None, user: User) -> None:
    act = a_long_act(user)
    BulkAct.objects.update(by=None)
    assert "no longer here" in run_until_it_fails(act)
    assert statuses() == {"pending"}


def test_what_cannot_be_begun_says_what_to_choose(user: User) -> None:
    anna = a_person("Anna")
    with pytest.raises(ActionRefused, match="Nothing was chosen"):
        create_bulk_draft(user, "approve", [])
    with pytest.raises(ActionRefused, match="Choose from two"):
        create_bulk_draft(user, "merge", [anna.pk])
    draft = create_bulk_draft(user, "merge", [anna.pk, a_person("Bea").pk])
    with pytest.raises(ActionRefused, match="who they all are"):
        start_bulk_act(user, draft)
    draft = create_bulk_draft(user, "album", [a_photo().pk])
    with pytest.raises(ActionRefused, match="Choose an album"):
        start_bulk_act(user, draft)
