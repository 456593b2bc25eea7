"""How often people appear, and with whom: counted from the faces a user may see."""

from __future__ import annotations

import pytest

from gallery.models import Album, Decision, Person, Role
from gallery.people import selectors as people_selectors
from gallery.people.selectors import (
    count_photos_by_person,
    find_most_seen_people,
    find_people_seen_with,
    get_person_cards,
)
from tests.making import a_face, a_named_face, a_person, a_photo, a_user

pytestmark = pytest.mark.django_db


def test_companions_are_counted_once_a_photo_and_stay_when_one_of_their_faces_was_set_aside() -> None:
    anna, bao, eva = a_person("Anna"), a_person("Bao"), a_person("Eva")
    for _ in range(2):
        photo = a_photo()
        a_named_face(anna, photo)
        a_named_face(bao, photo)
        a_named_face(bao, photo)
    a_named_face(eva, photo)
    a_face(a_photo(), person=bao, decision=Decision.NOT_A_FACE)
    found = find_people_seen_with(a_user(), anna)
    assert [(person, person.times) for person in found] == [(bao, 2), (eva, 1)]


def test_people_who_are_hidden_and_faces_set_aside_are_no_company() -> None:
    anna, bao, eva = a_person("Anna"), a_person("Bao"), a_person("Eva")
    bao.is_hidden = True
    bao.save()
    photo = a_photo()
    a_named_face(anna, photo)
    a_named_face(bao, photo)
    a_face(photo, person=eva, decision=Decision.IGNORED)
    assert find_people_seen_with(a_user(), anna) == []


def test_however_many_are_hidden_the_next_that_is_not_is_found() -> None:
    user = a_user()
    anna, *others = (a_person(f"Person {number}") for number in range(8))
    for photo in (a_photo() for _ in range(2)):
        a_named_face(anna, photo)
        for person in others[:-1]:
            a_named_face(person, photo)
    a_named_face(others[-1], photo)
    assert find_people_seen_with(user, anna, limit=1)[0] in others[:-1]
    Person.objects.filter(pk__in=[person.pk for person in others[:-1]]).update(is_hidden=True)
    assert find_people_seen_with(user, anna, limit=1) == [others[-1]]


def test_what_lies_in_an_album_for_others_or_in_the_trash_counts_nowhere() -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    limited = Album.objects.create(name="Limited", is_limited=True)
    for photo in (a_photo(album=limited), a_photo(trashed_at="2026-01-01T00:00Z"), a_photo()):
        a_named_face(bao, photo)
    a_named_face(anna, a_photo(album=limited))
    viewer, administrator = a_user("Viewer", Role.VIEWER), a_user("Chief", Role.ADMINISTRATOR)
    assert count_photos_by_person(viewer, [anna.pk, bao.pk]) == {bao.pk: 1}
    assert count_photos_by_person(administrator, [anna.pk, bao.pk]) == {anna.pk: 1, bao.pk: 2}
    assert [card.photos for card in get_person_cards(viewer, find_most_seen_people(viewer))] == [1, 0]
    assert [
        card.photos for card in get_person_cards(administrator, find_most_seen_people(administrator))
    ] == [
        2,
        1,
    ]


def test_those_on_the_most_photos_come_first_and_the_rest_by_name() -> None:
    eva, anna, bao = a_person("Eva"), a_person("Anna"), a_person("Bao")
    a_named_face(eva, a_photo())
    assert find_most_seen_people(a_user()) == [eva, anna, bao]


def test_the_newest_photos_say_who_is_seen_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_selectors, "MAX_RANKED_PHOTOS", 3)
    anna, bao, eva = a_person("Anna"), a_person("Bao"), a_person("Eva")
    for _ in range(4):
        a_named_face(eva, a_photo())
    for person in (bao, bao, anna):
        a_named_face(person, a_photo())
    a_named_face(anna, a_photo(trashed_at="2026-01-01T00:00Z"))
    found = find_most_seen_people(a_user())
    assert found == [bao, anna, eva]
    assert [card.photos for card in get_person_cards(a_user("Other"), found, is_counted=False)] == [None] * 3
