"""The site's own forms, two people at one of them: what the second left alone is as the first made it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from gallery.models import Album, Event, Person, Role, User
from gallery.people.services import set_person_note
from gallery.photos.albums import change_album, create_album
from tests.making import a_person, a_user
from tests.pages import as_shown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


@pytest.fixture
def nam() -> User:
    return a_user("Nam")


def test_a_stale_form_does_not_open_an_album_that_was_limited_meanwhile(
    curator: Client, user: User, nam: User
) -> None:
    album, member = create_album(nam, "Trip"), a_user("Vy", Role.VIEWER)
    change_album(nam, Album.objects.get(), {"members": [user]})
    address = f"/albums/{album.pk}/edit"
    shown = curator.get(address)
    limits = {
        "is_limited": True,
        "is_recognised": False,
        "members": [user, member],
    }
    change_album(nam, Album.objects.get(), limits)
    form = {
        "name": "Trip",
        "note": "new",
        "is_recognised": "on",
        "members": [str(pk) for pk in shown.context["form"]["members"].value()],
    }
    again = curator.post(address, {**form, **as_shown(shown)})
    assert "Nam was here before you" in again.content.decode()
    album.refresh_from_db()
    assert (album.is_limited, album.is_recognised, album.members.count(), album.note) == (True, False, 2, "")
    fields = again.context["form"]
    assert (fields["note"].value(), bool(fields["is_limited"].value())) == ("new", True)
    form = {"name": "Trip", "note": "new", "is_limited": "on", **as_shown(again)}
    form["members"] = [str(pk) for pk in fields["members"].value()]
    assert curator.post(address, form).status_code == 302
    album.refresh_from_db()
    assert (album.is_limited, album.is_recognised, album.members.count(), album.note) == (
        True,
        False,
        2,
        "new",
    )


def test_only_what_was_changed_is_written_to_an_album(curator: Client, nam: User) -> None:
    album = create_album(nam, "Trip")
    shown = curator.get(f"/albums/{album.pk}/edit")
    form = {"name": "Trip", "note": "new", "is_recognised": "on", **as_shown(shown)}
    assert curator.post(f"/albums/{album.pk}/edit", form).status_code == 302
    undo = Event.objects.filter(verb="album.change").latest("pk").undo
    assert undo is not None
    assert [sorted(group["after"]) for group in undo["rows"]] == [["note"]]


def test_the_second_save_after_the_warning_keeps_the_firsts_note(curator: Client, nam: User) -> None:
    person = a_person("Anna")
    address = f"/people/{person.pk}/edit"
    seen = as_shown(curator.get(address))
    set_person_note(nam, person, "A long note")
    again = curator.post(address, {"name": "Anne", "note": "", **seen})
    assert "Nam was here before you" in again.content.decode()
    form = {name: again.context["form"][name].value() for name in ("name", "note")}
    assert form == {"name": "Anne", "note": "A long note"}
    assert curator.post(address, {**form, **as_shown(again)}).status_code == 302
    found = Person.objects.get()
    assert (found.name, found.note) == ("Anne", "A long note")


def test_who_was_chosen_in_an_empty_list_is_kept_by_a_form_that_comes_back(
    curator: Client, nam: User
) -> None:
    album, member = create_album(nam, "Trip"), a_user("Vy", Role.VIEWER)
    address = f"/albums/{album.pk}/edit"
    form = {"name": "", "is_recognised": "on", "is_limited": "on", "members": [str(member.pk)]}
    again = curator.post(address, {**form, **as_shown(curator.get(address))})
    assert again.context["form"].errors["name"]
    assert curator.post(address, {**form, "name": "Trip", **as_shown(again)}).status_code == 302
    assert member in album.members.all()


@pytest.mark.parametrize("value", ["x", "-1"])
def test_values_that_no_form_was_shown_with_are_an_ordinary_difference(curator: Client, value: str) -> None:
    album = create_album(a_user("Vy"), "Trip")
    sent = {
        "initial-name": value,
        "initial-date": value,
        "initial-members": [value],
        "initial-is_limited": value,
    }
    page = curator.post(f"/albums/{album.pk}/edit", {"name": "Trip 2", "is_recognised": "on", **sent})
    assert page.status_code == 200
    assert page.context["form"].non_field_errors()
    album.refresh_from_db()
    assert album.name == "Trip"


@pytest.mark.django_db(transaction=True)
def test_who_acts_on_what_has_just_gone_is_told_so_and_no_error_is_shown(
    curator: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What locks leave to the database: it refuses the row that would point to nothing."""
    person = a_person("Anna")

    def erase_first(*_: Any) -> None:
        pk = person.pk
        Person.objects.filter(pk=pk).delete()
        user.favourite_people.through.objects.create(user=user, person_id=pk)

    monkeypatch.setattr("gallery.web.people.set_favourite", erase_first)
    curator.raise_request_exception = False
    address = f"/people/{person.pk}/favourite"
    answer = curator.post(address, {"on": "1"})
    assert answer.status_code == 409
    assert "Nothing was changed by you" in answer.content.decode()
