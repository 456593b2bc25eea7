"""Groups of people: members from and to a day, what they filter, and whom they make likely on a photo."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import ActionRefused
from gallery.history.undo import undo_events
from gallery.models import Album, Event, Face, Membership, PeopleGroup, Person, Role, User
from gallery.people.groups import (
    add_members,
    create_group,
    find_likely_people,
    get_likely_cards,
    remove_group,
    set_membership_days,
)
from gallery.people.services import merge_people
from gallery.privacy.erasure import erase_person
from gallery.privacy.person_facts import collect_person_facts
from tests.making import a_face, a_named_face, a_person, a_photo, a_user
from tests.pages import folded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


@pytest.fixture
def choir(user: User) -> PeopleGroup:
    """Anna, Bea and Cleo, who left in 2020."""
    group = create_group(user, "Choir")
    add_members(user, group, [a_person(name) for name in ("Anna", "Bea", "Cleo")])
    set_membership_days(
        user, Membership.objects.get(person__name="Cleo"), date(2010, 1, 1), date(2020, 12, 31)
    )
    return group


def someone(name: str) -> Person:
    return Person.objects.get(name=name)


def test_each_change_of_a_group_is_undone(user: User, choir: PeopleGroup) -> None:
    undo_events(user, Event.objects.get(verb="group.days"))
    assert not Membership.objects.exclude(since=None).exists()
    event = remove_group(user, choir)
    undo_events(user, event)
    assert PeopleGroup.objects.get().members.count() == 3
    undo_events(user, Event.objects.get(verb="group.add"))
    assert not Membership.objects.exists()
    with pytest.raises(ActionRefused, match="There is a group"):
        create_group(user, "CHOIR")


def test_a_curator_tends_a_group_on_its_page(curator: Client) -> None:
    a_person("Anna")
    curator.post(reverse("group_new"), {"name": "Class 4b"})
    group = PeopleGroup.objects.get()
    address = reverse("group_act", args=(group.pk,))
    assert "Class 4b" in folded(curator.get(reverse("groups")))
    curator.post(address, {"do": "add", "name": "anna"})
    membership = Membership.objects.get()
    days = {"do": "days", "membership": membership.pk, "since": "2020-09-01", "until": "2024-07-31"}
    curator.post(address, days)
    assert "Sept. 1, 2020" in folded(
        curator.get(reverse("group", args=(group.pk,)))
    ) or "09/01/2020" in folded(curator.get(reverse("group", args=(group.pk,))))
    curator.post(address, {**days, "until": "2019-01-01"})
    assert Membership.objects.get().until == date(2024, 7, 31)
    curator.post(address, {"do": "leave", "membership": membership.pk})
    assert not Membership.objects.exists()


def test_people_and_photos_are_filtered_by_group(curator: Client, choir: PeopleGroup) -> None:
    a_person("Stranger")
    for name, year in (("Anna", 2024), ("Cleo", 2015), ("Cleo", 2023), ("Stranger", 2024)):
        a_named_face(someone(name), a_photo(f"{name}-{year}.jpg", taken_at=datetime(year, 5, 1, tzinfo=UTC)))
    a_named_face(someone("Cleo"), a_photo("Cleo-undated.jpg"))
    assert "Choir" in folded(curator.get(reverse("person", args=(someone("Anna").pk,))))
    page = folded(curator.get(reverse("people"), {"group": choir.pk}))
    assert "<bdi>Choir</bdi>" in page
    assert "Anna" in page
    assert "Stranger" not in page
    page = folded(curator.get(reverse("search"), {"group": choir.pk}))
    found = {
        name
        for name in ("Anna-2024", "Cleo-2015", "Cleo-2023", "Cleo-undated", "Stranger-2024")
        if name in page
    }
    assert found == {"Anna-2024", "Cleo-2015", "Cleo-undated"}


def test_the_group_of_others_on_the_photo_is_offered_first_and_names_nobody(
    curator: Client, user: User, choir: PeopleGroup
) -> None:
    a_person("Bert")
    photo = a_photo(taken_at=datetime(2024, 5, 1, tzinfo=UTC))
    a_named_face(someone("Anna"), photo)
    face = a_face(photo)
    assert [(person.name, group) for person, group in find_likely_people(user, photo)] == [("Bea", "Choir")]
    panel = folded(curator.get(reverse("face", args=(face.pk,)), headers={"HX-Request": "true"}))
    assert "Perhaps, because others of their group are here" in panel
    assert "Bea" in panel
    options = folded(curator.get(reverse("people_suggest"), {"name": "be", "photo": photo.pk}))
    assert options.index("Bea") < options.index("Bert")
    assert "Choir" in options
    face.refresh_from_db()
    assert face.person is None
    assert not face.candidates.exists()


def test_a_limited_albums_faces_make_nobody_likely_to_whoever_may_not_see_them(choir: PeopleGroup) -> None:
    guest, photo = a_user("Guest", Role.CONTRIBUTOR), a_photo()
    hidden = Album.objects.create(name="Hidden", search="hidden", is_limited=True, created_by=a_user("Owner"))
    open_album = Album.objects.create(name="Open", search="open")
    a_named_face(someone("Anna"), a_photo(album=hidden))
    photo.albums.add(open_album)
    assert get_likely_cards(guest, photo) == []
    a_named_face(someone("Anna"), a_photo(album=open_album))
    assert [card.person.name for card in get_likely_cards(guest, photo)] == ["Anna", "Bea", "Cleo"]


def test_a_merge_an_erasure_and_a_persons_file_know_of_groups(choir: PeopleGroup, own_data: object) -> None:
    admin, eva = a_user("Admin", Role.ADMINISTRATOR), a_person("Eva")
    event = merge_people(admin, someone("Cleo"), eva)
    assert Membership.objects.get(person=eva).until == date(2020, 12, 31)
    undo_events(admin, event)
    cleo = someone("Cleo")
    assert collect_person_facts(cleo)["person"]["groups"] == [
        {"since": "2010-01-01", "until": "2020-12-31", "name": "Choir"}
    ]
    pk = cleo.pk
    erase_person(admin, cleo)
    assert choir.members.count() == 2
    kept = json.dumps(list(Event.objects.values_list("undo", flat=True)))
    assert f'"person_id": {pk}' not in kept
    assert Face.objects.filter(person=pk).count() == 0
