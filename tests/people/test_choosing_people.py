"""Several people merged at once from their list, and favourites, which each user has alone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gallery.history.undo import undo_events
from gallery.models import Event, Face, Person, User
from gallery.people.selectors import suggest_people
from gallery.people.services import merge_people, set_favourite
from tests.bulk import do
from tests.making import a_named_face, a_person, a_user
from tests.pages import folded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def test_several_people_are_merged_from_their_list_and_come_back_by_one_undo(
    curator: Client, user: User
) -> None:
    people = [a_person(name) for name in ("Anna", "Ana", "Anne")]
    for person in people:
        a_named_face(person)
    assert "Choose Anne" in folded(curator.get(reverse("people"), {"choose": "1"}))
    ids = [person.pk for person in people]
    page = curator.post(
        reverse("people_act"), {"act": "merge", "person": ids, "next": "/people/"}, follow=True
    )
    assert "Anne" in folded(page)
    assert Person.objects.count() == 3
    do(curator, "start", target=people[0].pk)
    assert [person.name for person in Person.objects.all()] == ["Anna"]
    assert Face.objects.filter(person=people[0]).count() == 3
    undo_events(user, Event.objects.get(verb="bulk.merge"))
    assert set(Face.objects.values_list("person__name", flat=True)) == {"Anna", "Ana", "Anne"}


def test_one_alone_is_not_merged(curator: Client) -> None:
    anna = a_person("Anna")
    page = curator.post(reverse("people_act"), {"act": "merge", "person": [anna.pk]}, follow=True)
    assert "Choose from two to" in folded(page)


def test_a_favourite_comes_first_for_whoever_marked_it_alone(curator: Client, user: User) -> None:
    for name in ("Anna", "Annabel"):
        a_person(name)
    bel = Person.objects.get(name="Annabel")
    curator.post(reverse("person_favourite", args=(bel.pk,)), {"on": "1"})
    assert folded(curator.get(reverse("people"))).count("Annabel") == 2
    assert suggest_people(user, "anna")[0] == bel
    assert suggest_people(a_user("Other"), "anna")[0] != bel
    curator.post(reverse("person_favourite", args=(bel.pk,)), {"on": "0"})
    assert not user.favourite_people.exists()


def test_a_merge_brings_the_star_along_and_its_undo_takes_it_back() -> None:
    user, anna, eva = a_user(), a_person("Anna"), a_person("Eva")
    set_favourite(user, eva, True)
    event = merge_people(user, eva, anna)
    assert list(user.favourite_people.all()) == [anna]
    undo_events(user, event)
    assert [person.name for person in user.favourite_people.all()] == ["Eva"]
