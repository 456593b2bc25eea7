"""The lists of gallery health: what stands side by side, what mends it, and two curators at it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from gallery.curation.findings import count_worklist_items
from gallery.history.changeset import record_event
from gallery.history.undo import undo_events
from gallery.jobs.services import track_job
from gallery.models import Album, Decision, Event, Face, Finding, Person, Reference, Status, User
from tests.making import EMBEDDER, a_face, a_person, a_photo, a_reference, a_user
from tests.pages import folded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]
Kind = Finding.Kind
GOOD = {"is_usable": True, "size": 60.0, "sharpness": 0.2, "yaw": 1.0, "exposure": 0.5, "reason": ""}


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gallery.curation.worklists.WORKLIST_PAGE_SIZE", 4)


def a_finding(kind: str, number: int = 0) -> Finding:
    """Of two people with three references each; the first one's first looks like the second."""
    one, other = a_person(f"Anna {kind} {number}"), a_person(f"Bao {kind} {number}")
    mine = [a_reference(one, quality=GOOD) for _ in range(3)]
    theirs = [a_reference(other, quality=GOOD) for _ in range(3)]
    is_pair = kind == Kind.CONFUSABLE
    return Finding.objects.create(
        kind=kind,
        person=one,
        reference=None if is_pair else mine[0],
        other_person=None if kind == Kind.UNLIKE else other,
        other_reference=None if is_pair or kind == Kind.UNLIKE else theirs[0],
        similarity=0.95,
        own_similarity=None if is_pair else 0.8,
        weight=number,
        embedder_id=EMBEDDER,
    )


NO_FACE = "No face was found in this image."


def a_poor_reference(number: int = 0) -> Reference:
    return a_reference(a_person(f"Poor {number}"), quality={**GOOD, "sharpness": 0.01})


def a_faceless_reference(number: int = 0) -> Reference:
    person = a_person(f"Faceless {number}")
    return a_reference(person, work=Status.FAILED, status="pending", failure_code="no_face")


def a_single(number: int = 0) -> Person:
    person = a_person(f"Single {number}")
    a_reference(person)
    for _ in range(2):
        a_face(
            person=person, decision=Decision.CONFIRMED, state="known", quality=GOOD, landmarks=[[1, 1]] * 5
        )
    return person


MAKERS: dict[str, Callable[[int], Any]] = {
    Kind.WRONG: lambda number: a_finding("wrong", number),
    Kind.UNLIKE: lambda number: a_finding("unlike", number),
    Kind.DUPLICATE: lambda number: a_finding("duplicate", number),
    Kind.CONFUSABLE: lambda number: a_finding("confusable", number),
    Kind.POOR: a_poor_reference,
    Kind.FACELESS: a_faceless_reference,
    Kind.SINGLE: a_single,
    Kind.BARE: lambda number: a_person(f"Bare {number}"),
}


def page(client: Client, kind: str, **query: str) -> str:
    answer = client.get(reverse("worklist", args=(kind,)), query)
    assert answer.status_code == 200
    return folded(answer)


def act(client: Client, kind: str, pk: int, word: str, **values: object) -> str:
    """One press of a button, as htmx sends it; the card that comes back."""
    address = reverse("worklist_act", args=(kind, pk))
    answer = client.post(address, {"act": word, **values}, headers={"hx-request": "true"})
    assert answer.status_code == 200
    return answer.content.decode()


def acts() -> list[str]:
    """What was done, signing in aside."""
    return list(Event.objects.filter(verb__startswith="reference").values_list("verb", flat=True))


def last() -> Event:
    return Event.objects.order_by("-pk")[0]


@pytest.mark.parametrize("kind", MAKERS)
def test_each_list_shows_its_cases_and_the_overview_counts_them(curator: Client, kind: str) -> None:
    assert "Nothing to look at" in page(curator, kind)
    MAKERS[kind](1)
    assert page(curator, kind).count("data-waits") == 1
    counts = {list.name: count for list, count in curator.get(reverse("gallery_health")).context["lists"]}
    assert counts[kind] >= 1


@pytest.mark.parametrize("kind", MAKERS)
def test_a_long_page_asks_the_database_as_often_as_a_short_one(
    curator: Client, kind: str, short_pages: None
) -> None:
    MAKERS[kind](0)
    page(curator, kind)  # what is asked once in a process
    with CaptureQueriesContext(connection) as few:
        page(curator, kind)
    for number in range(1, 6):
        MAKERS[kind](number)
    with CaptureQueriesContext(connection) as many:
        assert page(curator, kind).count("data-waits") == 4
    assert len(many) == len(few)


@pytest.mark.parametrize("kind", MAKERS)
def test_pages_follow_on_without_missing_or_repeating_any(
    curator: Client, kind: str, short_pages: None
) -> None:
    for number in range(6):
        MAKERS[kind](number)
    first = curator.get(reverse("worklist", args=(kind,))).context["list"]
    second = curator.get(reverse("worklist", args=(kind,)), {"after": str(first.after)}).context["list"]
    seen = [card.finding.item_id for card in (*first.cards, *second.cards)]
    assert (first.left, len(seen), len(set(seen)), second.after) == (6, 6, 6, None)


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_all_right_does_not_come_back_until_undone(curator: Client, user: User, kind: str) -> None:
    made = MAKERS[kind](1)
    assert "said that 1 finding is all right" in act(curator, kind, made.pk, "keep")
    assert "data-waits" not in page(curator, kind)
    undo_events(user, last())
    assert "data-waits" in page(curator, kind)


def test_the_meaning_of_a_similarity_comes_before_its_number(curator: Client) -> None:
    Finding.objects.filter(pk=a_finding("wrong").pk).update(embedder_id="dlib-0123456789ab")
    shown = page(curator, "wrong")
    assert shown.index("look this alike") < shown.index("0.950")


def test_a_wrong_reference_is_moved_to_whom_it_looks_like_and_back(curator: Client, user: User) -> None:
    finding = a_finding("wrong")
    assert finding.reference is not None
    said = act(curator, "wrong", finding.pk, "move")
    assert "You gave 1 reference to “Bao wrong 0”" in said
    assert reverse("event_undo", args=(last().pk,)) in said
    assert Reference.objects.get(pk=finding.reference.pk).person == finding.other_person
    undo_events(user, last())
    assert Reference.objects.get(pk=finding.reference.pk).person == finding.person
    assert "data-waits" in page(curator, "wrong")


def test_a_wrong_reference_is_given_to_somebody_typed(curator: Client) -> None:
    finding = a_finding("wrong")
    assert finding.reference is not None
    act(curator, "wrong", finding.pk, "move", name="Chi")
    assert Reference.objects.get(pk=finding.reference.pk).person.name == "Chi"


def test_moving_to_the_same_name_changes_nothing_and_says_so(curator: Client) -> None:
    finding = a_finding("wrong")
    said = act(curator, "wrong", finding.pk, "move", person=finding.person_id)
    assert "It is filed under that name already." in said
    assert "data-waits" in said
    assert acts() == []


@pytest.mark.parametrize(
    ("kind", "word", "which"),
    [
        ("wrong", "reject", "reference"),
        ("unlike", "reject", "reference"),
        ("duplicate", "first", "other_reference"),
        ("duplicate", "second", "reference"),
    ],
)
def test_a_picture_is_rejected_and_taken_back(
    curator: Client, user: User, kind: str, word: str, which: str
) -> None:
    finding = a_finding(kind)
    act(curator, kind, finding.pk, word)
    rejected = Reference.objects.get(status="rejected")
    assert rejected == getattr(finding, which)
    undo_events(user, last())
    assert not Reference.objects.filter(status="rejected").exists()


@pytest.mark.parametrize(("kind", "make"), [("poor", a_poor_reference), ("faceless", a_faceless_reference)])
def test_a_poor_or_faceless_picture_is_rejected(
    curator: Client, user: User, kind: str, make: Callable[[int], Reference]
) -> None:
    made = make(1)
    assert "rejected 1 reference" in act(curator, kind, made.pk, "reject")
    assert "data-waits" not in page(curator, kind)
    undo_events(user, last())
    assert "data-waits" in page(curator, kind)


def test_a_poor_picture_is_said_to_be_poor_in_words(curator: Client) -> None:
    a_poor_reference()
    a_reference(a_person("Tiny"), quality={**GOOD, "size": 9.2})
    shown = page(curator, "poor")
    assert "Blurred: hardly any detail." in shown
    assert "Tiny: 9 pixels between the eyes, 14 are the least." in shown


def test_a_faceless_picture_is_looked_at_again(curator: Client, sent: list[Any]) -> None:
    made = a_faceless_reference()
    assert NO_FACE in page(curator, "faceless")
    act(curator, "faceless", made.pk, "again")
    assert Reference.objects.get(pk=made.pk).work == Status.QUEUED
    assert ("embed_reference", made.pk) in sent
    assert "data-waits" not in page(curator, "faceless")


@pytest.mark.parametrize(
    ("failure", "acts"),
    [
        ({"failure_code": "no_face"}, ["reject", "keep", "again"]),
        ({"failure": "The decoder did not start."}, ["again", "reject", "keep"]),
        ({"failure": "The weights are missing."}, ["again", "reject", "keep"]),
    ],
)
def test_looking_again_leads_only_where_it_can_help(
    curator: Client, failure: dict[str, str], acts: list[str]
) -> None:
    reference = Reference.objects.filter(pk=a_faceless_reference().pk)
    reference.update(**{"failure_code": "", **failure})
    shown = page(curator, "faceless")
    assert re.findall(r'name="act" value="(\w+)"', shown) == acts
    assert re.findall(r'class="button primary" name="act" value="(\w+)"', shown) == acts[:1]


def test_what_is_wrong_with_a_picture_is_said_in_the_reader_s_language(curator: Client) -> None:
    a_faceless_reference()
    curator.cookies["django_language"] = "vi"
    with translation.override("vi"):
        said = translation.gettext(NO_FACE)
    assert said != NO_FACE
    assert said in page(curator, "faceless")


def test_clear_confirmed_faces_are_offered_and_become_references(
    curator: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = a_single()
    blurred = a_face(
        person=person, decision="confirmed", quality={**GOOD, "sharpness": 0.0}, landmarks=[[1, 1]] * 5
    )
    guessed = a_face(person=person, state="known", quality=GOOD, landmarks=[[1, 1]] * 5)
    case = curator.get(reverse("worklist", args=("single",))).context["list"].cards[0]
    assert len(case.faces) == 2
    assert not {blurred, guessed} & set(case.faces)

    def make(user: User, face: Face) -> Event:
        a_reference(person, source_face=face)
        return record_event(user, "face.use_as_reference", face, {"person": person.name}, {"reference": 0})

    monkeypatch.setattr("gallery.curation.services.use_face_as_reference", make)
    act(curator, "single", person.pk, "add", face=case.faces[0].pk)
    assert person.references.count() == 2
    assert "data-waits" not in page(curator, "single")


def test_a_face_of_somebody_else_is_not_added(curator: Client) -> None:
    person, stranger = a_single(1), a_face(person=a_person("Stranger"), decision="confirmed")
    said = act(curator, "single", person.pk, "add", face=stranger.pk)
    assert "Choose one of the faces shown." in said


def test_the_second_of_two_curators_is_told_who_was_first(curator: Client) -> None:
    finding = a_finding("wrong")
    other = Client()
    other.force_login(a_user("Lan"))
    act(other, "wrong", finding.pk, "reject")
    said = act(curator, "wrong", finding.pk, "move")
    assert "Lan was here first and rejected 1 reference." in said
    assert "data-waits" not in said
    assert acts() == ["reference.rejected"]


def test_a_page_that_stands_open_learns_what_others_did(curator: Client) -> None:
    done, open_one = a_finding("wrong", 1), a_finding("wrong", 2)
    other = Client()
    other.force_login(a_user("Lan"))
    act(other, "wrong", done.pk, "keep")
    ids = f"{done.pk},{open_one.pk},999"
    answer = curator.get(reverse("worklist_decided", args=("wrong",)), {"ids": ids}).content.decode()
    assert f'id="card-{done.pk}"' in answer
    assert "Lan said that 1 finding is all right" in answer
    assert f'id="card-{open_one.pk}"' not in answer


def test_a_finding_that_a_new_check_dropped_says_so(curator: Client) -> None:
    answer = curator.post(reverse("worklist_act", args=("wrong", 999)), {"act": "keep"})
    assert answer.status_code == 404
    assert "X-Sentence" in answer


def test_without_scripts_the_list_comes_back_with_what_was_done(curator: Client) -> None:
    finding = a_finding("wrong")
    address = reverse("worklist_act", args=("wrong", finding.pk))
    answer = curator.post(address, {"act": "reject"}, follow=True).content.decode()
    assert "You rejected 1 reference." in answer


@pytest.mark.parametrize("kind", ["wrong", "duplicate", "poor", "single"])
def test_what_lies_in_albums_for_others_is_in_no_list(curator: Client, user: User, kind: str) -> None:
    MAKERS[kind](1)
    hidden = a_face(a_photo(album=Album.objects.create(is_limited=True)))
    Reference.objects.update(source_face=hidden)
    assert "data-waits" not in page(curator, kind)
    assert count_worklist_items(user)[kind] == 0


def test_a_merge_from_a_list_leads_back_to_it_but_to_no_other_site(curator: Client) -> None:
    finding = a_finding("confusable")
    assert "person_merge" not in page(curator, "confusable")
    address = reverse("person_merge", args=(finding.person_id,))
    values = {"into": finding.other_person_id, "next": reverse("worklist", args=("confusable",))}
    assert values["next"] in curator.get(address, values).content.decode()
    evil = curator.get(address, {**values, "next": "https://example.org/"}).content.decode()
    assert '"https://example.org' not in evil
    assert curator.post(address, values)["Location"] == values["next"]
    assert "data-waits" not in page(curator, "confusable")


def test_the_navigation_says_how_much_waits(curator: Client) -> None:
    assert 'class="badge"' not in curator.get("/history/").content.decode()
    a_finding("wrong")
    badge = '<span class="badge">1<span class="visually-hidden"> to look at</span></span>'
    assert badge in curator.get("/history/").content.decode()


def test_a_check_asked_for_is_watched_until_it_is_done(curator: Client, sent: list[Any]) -> None:
    curator.post(reverse("gallery_check"))
    assert sent == [("check_gallery",)]
    assert "The gallery is being checked." in curator.get(reverse("gallery_health")).content.decode()
    with track_job("check_gallery") as result:
        result["found"] = 0
    shown = curator.get(reverse("gallery_health")).content.decode()
    assert "data-poll" not in shown
    assert "Checked just now" in shown


def test_a_check_that_failed_is_said_to_have(curator: Client) -> None:
    with track_job("check_gallery"):
        raise OSError("the disk is full")
    assert "failed: the disk is full" in curator.get(reverse("gallery_health")).content.decode()
