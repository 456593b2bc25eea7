"""What happens between an act and its undo: the machine writes on, others act, rows go. People's words stand."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import CannotUndo
from gallery.curation.findings import get_worklist_rows
from gallery.curation.services import resolve_worklist_item
from gallery.faces.decisions import confirm_face, decide_face, reject_person_of_face
from gallery.history.changeset import find_events_about
from gallery.history.undo import undo_events
from gallery.models import (
    BulkAct,
    Candidate,
    Decision,
    Face,
    FaceRejection,
    Finding,
    Person,
    Reference,
    ReferenceDraft,
    User,
)
from gallery.people.services import merge_people, split_person
from tests.making import a_face, a_named_face, a_person, a_reference, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


@pytest.fixture
def mai() -> User:
    return a_user()


def machine_says(face: Face, person: Person) -> None:
    Face.objects.filter(pk=face.pk).update(person=person, state="known", similarity=0.97)


def said(face: Face) -> tuple[str, str]:
    face.refresh_from_db()
    return face.decision, face.person.name if face.person else ""


def test_a_confirmation_comes_back_although_the_machine_has_named_somebody_else_since(mai: User) -> None:
    face, anna = a_face(), a_person("Anna")
    confirm_face(mai, face, anna)
    wrong = reject_person_of_face(mai, face, anna)
    assert wrong is not None
    machine_says(face, a_person("Eva"))
    undo_events(mai, wrong)
    assert said(face) == ("confirmed", "Anna")


def test_taking_back_is_undone_although_the_machine_has_named_the_face_since(mai: User) -> None:
    face, anna = a_face(), a_person("Anna")
    confirm_face(mai, face, anna)
    cleared = decide_face(mai, face, Decision.NONE)
    assert cleared is not None
    machine_says(face, anna)
    undo_events(mai, cleared)
    assert said(face) == ("confirmed", "Anna")


@pytest.mark.parametrize("act", ["confirm", "ignore"])
def test_a_word_that_was_undone_is_redone_although_the_machine_has_searched_since(
    mai: User, act: str
) -> None:
    face, anna = a_face(), a_person("Anna")
    event = confirm_face(mai, face, anna) if act == "confirm" else decide_face(mai, face, Decision.IGNORED)
    assert event is not None
    (undone,) = undo_events(mai, event)
    machine_says(face, a_person("Eva"))
    undo_events(mai, undone)
    assert said(face) == (("confirmed", "Anna") if act == "confirm" else ("ignored", ""))


def test_a_confirmation_is_undone_although_what_it_matched_is_gone(mai: User) -> None:
    face, anna = a_face(state="unsure", similarity=0.9), a_person("Anna")
    matched = a_reference(anna)
    Candidate.objects.create(face=face, person=anna, reference=matched, similarity=0.9, rank=0)
    event = confirm_face(mai, face, anna)
    assert event is not None
    Reference.objects.filter(pk=matched.pk).delete()
    undo_events(mai, event)
    assert said(face)[0] == ""


def test_what_another_has_decided_since_still_stands(mai: User) -> None:
    face, anna, eva = a_face(), a_person("Anna"), a_person("Eva")
    confirm_face(mai, face, anna)
    cleared = decide_face(mai, face, Decision.NONE)
    assert cleared is not None
    confirm_face(a_user("Nam"), face, eva)
    with pytest.raises(CannotUndo, match="Nam has changed this since"):
        undo_events(mai, cleared)
    assert said(face) == ("confirmed", "Eva")


def test_splitting_off_withdraws_not_this_person_and_wrong_works_afterwards(mai: User) -> None:
    face, anna, eva = a_face(), a_person("Anna"), a_person("Eva")
    confirm_face(mai, face, anna)
    reject_person_of_face(mai, face, eva)
    face.refresh_from_db()
    event = split_person(mai, [face], "Eva")
    assert not FaceRejection.objects.exists()
    assert reject_person_of_face(mai, face, eva) is not None
    assert said(face) == ("", "")
    undo_events(mai, find_events_about("face", face.pk).latest("pk"))
    undo_events(mai, event)
    assert said(face) == ("confirmed", "Anna")
    assert FaceRejection.objects.get().person == eva


def test_wrong_is_said_of_a_name_that_stands_against_an_earlier_no(mai: User) -> None:
    """As earlier versions left it after splitting off."""
    eva = a_person("Eva")
    face = a_named_face(eva)
    confirm_face(mai, face, eva)
    FaceRejection.objects.create(face=face, person=eva, by=mai)
    assert reject_person_of_face(mai, face, eva) is not None
    assert said(face) == ("", "")


def test_a_face_that_somebody_has_confirmed_meanwhile_is_not_split_off(mai: User, client: Client) -> None:
    anna = a_person("Anna")
    face = a_named_face(anna)
    shown = f"{face.pk}:{face.revision}"
    confirm_face(a_user("Nam"), face, anna)
    client.force_login(mai)
    page = client.post(
        reverse("person_split", args=(anna.pk,)), {"face": shown, "name": "Zoe"}
    ).content.decode()
    assert "Nam was here first" in page
    assert said(face) == ("confirmed", "Anna")


def test_a_face_named_anew_since_is_no_reference_of_that_name(mai: User, client: Client) -> None:
    anna = a_person("Anna")
    face = a_named_face(anna, landmarks=[[1.0, 1.0]] * 5)
    machine_says(face, a_person("Eva"))
    client.force_login(mai)
    data = {"answer": "reference", "revision": face.revision, "person": anna.pk}
    page = client.post(reverse("face_answer", args=(face.pk,)), data, follow=True).content.decode()
    assert "has changed this face&#x27;s name meanwhile" in page
    assert not Reference.objects.exists()


def test_a_part_of_an_act_on_many_is_undone_where_it_is_listed(mai: User, client: Client) -> None:
    anna = a_person("Anna")
    chosen = [a_reference(anna).pk, a_reference(anna).pk]
    client.force_login(mai)
    client.post(
        reverse("admin:gallery_reference_changelist"), {"action": "reject", "_selected_action": chosen}
    )
    client.post(reverse("admin:gallery_bulkact_act", args=(BulkAct.objects.get().pk,)), {"do": "start"})
    (entry,) = client.get(reverse("history"), {"person": anna.pk}).context["entries"]
    assert entry.may_undo
    assert client.post(reverse("event_undo", args=(entry.event.pk,))).status_code == 302
    assert set(Reference.objects.values_list("status", flat=True)) == {"approved"}


def test_merging_keeps_what_was_said_to_be_all_right(mai: User) -> None:
    anna, eva = a_person("Anna"), a_person("Eva")
    reference = a_reference(anna, quality={"is_usable": False, "size": 5, "sharpness": 0.5})
    resolve_worklist_item(mai, "poor", reference.pk, "keep")
    event = merge_people(mai, anna, eva)
    assert not get_worklist_rows(Finding.Kind.POOR).exists()
    undo_events(mai, event)
    assert not get_worklist_rows(Finding.Kind.POOR).exists()


def test_merging_takes_drafts_along_and_undo_brings_them_back(mai: User) -> None:
    anna, eva = a_person("Anna"), a_person("Eva")
    drafts = [
        ReferenceDraft.objects.create(
            person=person, image=image, sha256=sha256, name="a.jpg", width=9, height=9, added_by=mai
        )
        for person, image, sha256 in ((anna, "a", "1"), (anna, "b", "2"), (eva, "c", "2"))
    ]
    before = list(ReferenceDraft.objects.values_list("pk", "person"))
    event = merge_people(mai, anna, eva)
    assert set(ReferenceDraft.objects.values_list("pk", "person")) == {
        (drafts[0].pk, eva.pk),
        (drafts[2].pk, eva.pk),
    }
    undo_events(mai, event)
    assert list(ReferenceDraft.objects.values_list("pk", "person")) == before
