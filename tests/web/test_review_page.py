"""The review queue as a page: what it shows, what its keys send, and two people at it at once."""

from __future__ import annotations

import pytest
from django.urls import reverse

from gallery.curation import review
from gallery.faces.decisions import confirm_face
from gallery.history.switches import AUTOMATIC_REFERENCES
from gallery.models import Album, Decision, Event, Face, Role
from tests.making import a_named_face, a_person, a_photo, a_reference, a_user, an_unsure_face

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def answer(client, face, word, **values):
    data = {"answer": word, "revision": 0, **values}
    return client.post(reverse("review_answer", args=(face.pk,)), data, headers={"HX-Request": "true"})


def test_faces_are_asked_about_person_by_person_the_likeliest_first(client, bao):
    anna, eva = a_person("Anna"), a_person("Eva")
    less = an_unsure_face(anna)
    less.candidates.update(similarity=0.91)
    more, other = an_unsure_face(anna), an_unsure_face(eva)
    a_named_face(anna)
    queue = client.get(reverse("review")).context["queue"]
    assert [section.person.name for section in queue.sections] == ["Anna", "Eva"]
    assert [question.face for question in queue.sections[0].questions] == [more, less]
    assert [question.face for question in queue.sections[1].questions] == [other]
    assert queue.left == 3


def test_the_queue_goes_on_where_the_page_ended(client, bao, monkeypatch):
    monkeypatch.setattr(review, "REVIEW_PAGE_SIZE", 2)
    anna = a_person("Anna")
    group = [an_unsure_face(anna) for _ in range(5)]
    seen, after = [], ""
    while True:
        queue = client.get(reverse("review"), {"after": after}).context["queue"]
        seen += [question.face.pk for section in queue.sections for question in section.questions]
        if queue.after is None:
            break
        after = str(queue.after)
    assert seen == [face.pk for face in group]


def test_a_broken_place_in_the_address_is_the_beginning(client, bao):
    an_unsure_face(a_person())
    for text in ("x", "1:2", "1:a:3"):
        assert client.get(reverse("review"), {"after": text}).context["queue"].sections


def test_an_answer_is_saved_at_once_and_the_card_says_so(client, bao):
    anna = a_person("Anna")
    face = an_unsure_face(anna)
    page = answer(client, face, "right", person=anna.pk).content.decode()
    face.refresh_from_db()
    assert (face.person, face.decision) == (anna, Decision.CONFIRMED)
    assert "Anna" in page
    assert "data-waits" not in page
    assert reverse("event_undo", args=(1,)).rsplit("1", 1)[0] in page


@pytest.mark.parametrize(
    ("word", "decision"), [("unknown", "rejected"), ("not_a_face", "not_a_face"), ("ignore", "ignored")]
)
def test_each_key_says_its_word(client, bao, word, decision):
    face = an_unsure_face(a_person())
    answer(client, face, word)
    face.refresh_from_db()
    assert face.decision == decision


def test_wrong_withdraws_the_person_for_good(client, bao):
    anna = a_person("Anna")
    face = an_unsure_face(anna)
    page = answer(client, face, "wrong", person=anna.pk).content.decode()
    assert "Not Anna" in page
    assert face.rejections.get().person == anna


def test_somebody_else_may_be_a_new_person(client, bao):
    face = an_unsure_face(a_person("Anna"))
    answer(client, face, "other", name="Bảo Ngọc")
    face.refresh_from_db()
    assert face.person.name == "Bảo Ngọc"


def test_the_second_reviewer_sees_what_the_first_said_and_nothing_is_lost(client, bao):
    mai, anna, eva = a_user("Mai"), a_person("Anna"), a_person("Eva")
    face = an_unsure_face(anna, eva)
    confirm_face(mai, face, anna)
    page = answer(client, face, "other", person=eva.pk).content.decode()
    face.refresh_from_db()
    assert face.person == anna
    assert "said Mai" in page
    assert "Mai was here first" in page


def test_cards_others_have_dealt_with_are_brought_up_to_date(client, bao):
    mai, anna = a_user("Mai"), a_person("Anna")
    done, waits = an_unsure_face(anna), an_unsure_face(anna)
    confirm_face(mai, done, anna)
    page = client.get(reverse("review_decided"), {"ids": f"{done.pk},{waits.pk},x"}).content.decode()
    assert f'id="card-{done.pk}"' in page
    assert f'id="card-{waits.pk}"' not in page
    assert 'hx-swap-oob="true"' in page


def test_after_an_undo_the_card_asks_again(client, bao):
    anna = a_person("Anna")
    face = an_unsure_face(anna)
    event = confirm_face(bao, face, anna)
    response = client.post(reverse("event_undo", args=(event.pk,)), headers={"HX-Request": "true"})
    assert f'"faces": [{face.pk}]' in response["HX-Trigger"]
    page = client.get(reverse("review_card", args=(face.pk,))).content.decode()
    assert "data-waits" in page


def test_a_card_that_comes_alone_shows_the_name_it_would_give(client, bao):
    """It may be another one than the heading over it says: the worker proposes somebody else after a "wrong"."""
    face = an_unsure_face(a_person("Anna"))
    shown = '<span class="whom">Is this Anna?</span>'
    assert shown in client.get(reverse("review_card", args=(face.pk,))).content.decode()
    assert shown not in client.get(reverse("review")).content.decode()


def test_without_scripts_an_answer_leads_back_to_the_queue(client, bao):
    anna = a_person("Anna")
    face = an_unsure_face(anna)
    data = {"answer": "right", "person": anna.pk, "revision": 0, "query": "person=1"}
    response = client.post(reverse("review_answer", args=(face.pk,)), data)
    assert response["Location"] == f"{reverse('review')}?person=1"


def test_faces_of_limited_albums_are_asked_only_of_their_members(client, bao):
    album = Album.objects.create(name="Trip", is_limited=True)
    face = an_unsure_face(a_person(), photo=a_photo(album=album))
    assert client.get(reverse("review")).context["queue"].left == 0
    assert answer(client, face, "unknown").status_code == 404
    album.members.add(bao)
    assert client.get(reverse("review")).context["queue"].left == 1


def test_the_queue_may_be_about_one_person_or_one_album(client, bao):
    anna, eva = a_person("Anna"), a_person("Eva")
    album = Album.objects.create(name="Trip")
    an_unsure_face(anna)
    an_unsure_face(eva, photo=a_photo(album=album))
    assert client.get(reverse("review"), {"person": anna.pk}).context["queue"].left == 1
    queue = client.get(reverse("review"), {"album": album.pk}).context["queue"]
    assert [section.person for section in queue.sections] == [eva]


def test_an_empty_queue_says_what_to_do_next(client, bao):
    assert reverse("unknown") in client.get(reverse("review")).content.decode()


def test_the_queue_costs_the_same_number_of_queries_for_any_length(
    client, bao, django_assert_max_num_queries
):
    for number in range(20):
        person = a_person(f"Person {number}")
        face = an_unsure_face(person)
        face.candidates.update(reference=a_reference(person))
    assert Face.objects.count() == 20
    with django_assert_max_num_queries(12):
        client.get(reverse("review"))


def test_a_curator_turns_references_from_confirmed_faces_off_and_on_with_undo(client):
    client.force_login(a_user("Kim", Role.CURATOR))
    client.post(reverse("review_setting"), {})
    assert not AUTOMATIC_REFERENCES.is_on()
    page = client.get(reverse("review")).content.decode()
    assert "kept confirmed faces from becoming references" in page
    client.post(reverse("event_undo", args=(Event.objects.get(verb="setting.references_off").pk,)))
    assert AUTOMATIC_REFERENCES.is_on()


def test_it_is_said_where_the_name_stands_on_another_face_of_the_photo(client, bao):
    anna, photo = a_person("Anna"), a_photo()
    a_named_face(anna, photo=photo)
    there, elsewhere = an_unsure_face(anna, photo=photo), an_unsure_face(anna)
    page = client.get(reverse("review"))
    [section] = page.context["queue"].sections
    assert {question.face: question.is_there_already for question in section.questions} == {
        there: True,
        elsewhere: False,
    }
    assert page.content.decode().count("Another face in this photo is <bdi>Anna</bdi> already.") == 1
