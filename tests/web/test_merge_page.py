"""Merging and splitting off, as pages."""

from __future__ import annotations

import pytest
from django.urls import reverse

from gallery.models import Event, Person, Role
from tests.making import a_named_face, a_person, a_reference, a_user
from tests.pages import as_shown

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def kim(client, sent):
    user = a_user("Kim", Role.CURATOR)
    client.force_login(user)
    return user


def merge(client, person, **values):
    return client.post(reverse("person_merge", args=(person.pk,)), values)


def test_the_preview_says_what_will_change_before_anything_does(client):
    anna, ann = a_person("Anna"), a_person("Ann")
    a_named_face(ann), a_reference(ann)
    page = client.get(reverse("person_merge", args=(ann.pk,)), {"into": anna.pk})
    assert (page.context["preview"].faces, page.context["preview"].references) == (1, 1)
    assert Person.objects.count() == 2


def test_the_other_person_may_be_typed(client):
    anna, ann = a_person("Anna"), a_person("Ann")
    page = client.get(reverse("person_merge", args=(ann.pk,)), {"name": "anna"})
    assert page.context["other"] == anna


@pytest.mark.parametrize("name", ["Nobody", "Ann"])
def test_nobody_and_the_person_themselves_are_asked_about_again(client, name):
    ann = a_person("Ann")
    page = client.get(reverse("person_merge", args=(ann.pk,)), {"name": name})
    assert "Choose somebody else" in page.content.decode()


def test_merging_leads_to_the_person_that_stays_and_undo_brings_the_other_back(client):
    anna, ann = a_person("Anna"), a_person("Ann")
    face = a_named_face(ann)
    response = merge(client, ann, into=anna.pk, revision=0)
    assert response["Location"] == reverse("person", args=(anna.pk,))
    face.refresh_from_db()
    assert face.person == anna
    client.post(reverse("event_undo", args=(Event.objects.get(verb="person.merge").pk,)))
    face.refresh_from_db()
    assert face.person == ann


def test_in_a_dialog_only_the_form_is_answered_and_the_end_leads_on(client):
    anna, ann = a_person("Anna"), a_person("Ann")
    address = reverse("person_merge", args=(ann.pk,))
    assert "<html" not in client.get(address, headers=HTMX).content.decode()
    done = client.post(address, {"into": anna.pk, "revision": 0}, headers=HTMX)
    assert done["HX-Redirect"] == reverse("person", args=(anna.pk,))


def test_a_person_changed_meanwhile_is_not_merged(client):
    anna, ann = a_person("Anna"), a_person("Ann")
    Person.objects.filter(pk=ann.pk).update(revision=3)
    page = merge(client, ann, into=anna.pk, revision=0).content.decode()
    assert "has changed since" in page
    assert Person.objects.count() == 2


def test_the_ticked_faces_are_split_off_to_a_new_person(client):
    anna = a_person("Anna")
    stays, goes = a_named_face(anna), a_named_face(anna)
    data = {"face": [f"{goes.pk}:0"], "name": "Eva"}
    response = client.post(reverse("person_split", args=(anna.pk,)), data)
    goes.refresh_from_db()
    stays.refresh_from_db()
    assert (stays.person, goes.person.name) == (anna, "Eva")
    assert response["Location"] == reverse("person", args=(goes.person.pk,))


@pytest.mark.parametrize("data", [{"name": "Eva"}, {"name": "", "face": "1:0"}, {"name": "Anna"}])
def test_a_split_of_nothing_or_to_nobody_is_refused(client, data):
    anna = a_person("Anna")
    face = a_named_face(anna)
    if "face" in data:
        data = {**data, "face": f"{face.pk}:0"}
    page = client.post(reverse("person_split", args=(anna.pk,)), data)
    assert page.status_code == 200
    face.refresh_from_db()
    assert face.person == anna


def test_the_least_alike_faces_come_first(client):
    anna = a_person("Anna")
    sure, stray = a_named_face(anna), a_named_face(anna)
    stray.similarity = 0.9
    stray.save()
    page = client.get(reverse("person_split", args=(anna.pk,)))
    assert page.context["faces"] == [stray, sure]


def test_renaming_to_somebody_elses_name_offers_the_merge(client):
    anna, ann = a_person("Anna"), a_person("Ann")
    page = client.post(reverse("person_edit", args=(ann.pk,)), {"name": "anna"}).content.decode()
    assert f"{reverse('person_merge', args=(ann.pk,))}?into={anna.pk}" in page


def test_the_second_of_two_curators_does_not_overwrite_the_first(client):
    ann = a_person("Ann")
    address = reverse("person_edit", args=(ann.pk,))
    seen = as_shown(client.get(address))
    client.post(address, {"name": "Anne", "note": "first", **seen})
    page = client.post(address, {"name": "Annie", "note": "second", **seen}).content.decode()
    ann.refresh_from_db()
    assert (ann.name, ann.note) == ("Anne", "first")
    assert "Kim was here before you" in page


def test_hiding_a_person_can_be_undone_from_the_page(client):
    ann = a_person("Ann")
    page = client.post(reverse("person_set", args=(ann.pk,)), {"hidden": "1"}, follow=True).content.decode()
    event = Event.objects.get(verb="person.hide")
    assert reverse("event_undo", args=(event.pk,)) in page
    client.post(reverse("event_undo", args=(event.pk,)))
    ann.refresh_from_db()
    assert not ann.is_hidden
