"""Two curators at one form of the admin: nothing of either is overwritten unseen."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse

from gallery.models import Person, Reference, Role, User
from gallery.people.references import move_references
from gallery.people.services import set_person_hidden, set_person_note
from tests.making import a_person, a_reference, a_user
from tests.pages import as_shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def other() -> User:
    return a_user("Hoa", Role.CURATOR)


def test_the_second_is_told_field_by_field_what_the_first_changed_and_by_whom(
    curator: Client, other: User
) -> None:
    person = a_person("Anna")
    address = reverse("admin:gallery_person_change", args=(person.pk,))
    seen = as_shown(curator.get(address))
    set_person_note(other, person, "Met in June")
    set_person_hidden(other, person, True)
    typed = {"name": "Anna Berg", "note": "", "is_recognised": "on", **seen}
    page = curator.post(address, typed)
    said = html.unescape(page.content.decode())
    assert "Hoa was here before you and hid “Anna”" in said
    assert "Note: it was “” and is now “Met in June”." in said
    assert "Hidden: it was “no” and is now “yes”." in said
    assert 'value="Anna Berg"' in said
    assert "Met in June</textarea>" in said
    assert Person.objects.get().name == "Anna"


def test_saving_again_keeps_the_fields_of_the_other_and_writes_what_was_typed(
    curator: Client, other: User
) -> None:
    person = a_person("Anna")
    address = reverse("admin:gallery_person_change", args=(person.pk,))
    typed = {"name": "Anna Berg", "note": "", "is_recognised": "on", **as_shown(curator.get(address))}
    set_person_note(other, person, "Met in June")
    page = curator.post(address, typed)
    again = {**typed, "note": page.context["adminform"].form["note"].value(), **as_shown(page)}
    assert curator.post(address, again).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.note) == ("Anna Berg", "Met in June")


def test_both_changed_the_same_field_and_the_typed_text_is_kept(curator: Client, other: User) -> None:
    person = a_person("Anna")
    address = reverse("admin:gallery_person_change", args=(person.pk,))
    typed = {"name": "Anna", "note": "Mine", "is_recognised": "on", **as_shown(curator.get(address))}
    set_person_note(other, person, "Theirs")
    page = curator.post(address, typed)
    assert "Mine</textarea>" in page.content.decode()
    assert Person.objects.get().note == "Theirs"


def test_nobody_else_was_there_so_it_is_saved(curator: Client) -> None:
    person = a_person("Anna")
    address = reverse("admin:gallery_person_change", args=(person.pk,))
    typed = {"name": "Ann", "note": "", "is_recognised": "on", **as_shown(curator.get(address))}
    assert curator.post(address, typed).status_code == 302
    assert Person.objects.get().name == "Ann"


def test_a_reference_that_another_moved_is_not_moved_back_unseen(curator: Client, other: User) -> None:
    reference = a_reference(a_person("Anna"), status="pending")
    address = reverse("admin:gallery_reference_change", args=(reference.pk,))
    seen = as_shown(curator.get(address))
    bea = a_person("Bea")
    move_references(other, [reference], bea)
    typed = {"person": str(reference.person_id), "status": "approved", **seen}
    page = curator.post(address, typed)
    assert "Person: it was “Anna” and is now “Bea”." in html.unescape(page.content.decode())
    again = {"person": str(bea.pk), "status": "approved", **as_shown(page)}
    assert curator.post(address, again).status_code == 302
    reference = Reference.objects.get()
    assert (reference.person, reference.status) == (bea, "approved")
