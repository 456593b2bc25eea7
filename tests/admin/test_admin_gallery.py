"""Curating in the admin: lists that stay quick, acts that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from gallery.history.undo import undo_events
from gallery.models import Album, Event, GalleryChange, Person, Role, Status
from tests.making import a_face, a_person, a_photo, a_reference, a_user

pytestmark = pytest.mark.django_db
REFERENCES = reverse("admin:gallery_reference_changelist")
PEOPLE = reverse("admin:gallery_person_changelist")
PHOTOS = reverse("admin:gallery_photo_changelist")


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize("address", [REFERENCES, PEOPLE])
def test_a_list_asks_the_database_as_often_for_many_rows_as_for_few(curator: Client, address: str) -> None:
    for number in range(33):  # one more than a page holds
        a_reference(a_person(f"Person {number}"))
    few = queries(curator, address)
    for number in range(33, 80):
        a_reference(a_person(f"Person {number}"))
    assert queries(curator, address) == few


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_lists_say_how_far_the_work_is_and_why_it_failed_in_the_reader_s_language(
    curator: Client, language: str
) -> None:
    failed = {"work": Status.FAILED, "failure": "No face was found in this image."}
    a_reference(a_person("Anna"), **failed)
    a_reference(a_person("Berta"))
    a_photo(**failed)
    curator.cookies["django_language"] = language
    with translation.override(language):
        reason = translation.gettext(failed["failure"])
        expected = f'{Status.FAILED.label}<span class="reason">{reason}</span>'
        done = f'<td class="field-job_status">{Status.DONE.label}</td>'
    for address in (REFERENCES, PHOTOS):
        assert curator.get(address).content.decode().count(expected) == 1
    assert done in curator.get(REFERENCES).content.decode()


def test_people_are_found_with_and_without_accents(curator: Client) -> None:
    a_person("Nguyễn Thị Đào")
    a_person("Anna Berg")
    page = curator.get(PEOPLE, {"q": "nguyen dao"}).content.decode()
    assert "Nguyễn Thị Đào" in page
    assert "Anna Berg" not in page


def test_a_saved_person_is_changed_by_the_services(curator: Client) -> None:
    person = a_person("Anna")
    a_reference(person)
    given = {"name": "  Ána  Berg ", "note": "A note", "is_hidden": "on", "consent_note": ""}
    curator.post(reverse("admin:gallery_person_change", args=(person.pk,)), given)
    person.refresh_from_db()
    assert (person.name, person.search, person.is_hidden, person.is_recognised) == (
        "Ána Berg",
        "ana berg",
        True,
        False,
    )
    verbs = set(Event.objects.values_list("verb", flat=True))
    assert {"person.rename", "person.note", "person.hide", "person.stop_recognising"} <= verbs
    assert GalleryChange.objects.filter(kind="removed").count() == 1


def test_a_name_that_is_taken_is_refused_with_whose_it_is(curator: Client) -> None:
    a_person("Anna")
    other = a_person("Bea")
    page = curator.post(reverse("admin:gallery_person_change", args=(other.pk,)), {"name": "ANNA"})
    assert "as Anna: is it the same person, or another of that name?" in page.content.decode()
    assert Person.objects.get(pk=other.pk).name == "Bea"


@pytest.mark.parametrize("make", [a_person, lambda: a_reference(a_person())])
def test_nothing_is_deleted_from_the_admin(curator: Client, make: Callable[[], Any]) -> None:
    row = make()
    kind = row._meta.model_name
    assert (
        curator.post(reverse(f"admin:gallery_{kind}_delete", args=(row.pk,)), {"post": "yes"}).status_code
        == 403
    )


def test_what_lies_in_an_album_for_others_is_neither_shown_nor_counted(curator: Client) -> None:
    person = a_person("Anna")
    face = a_face(a_photo(album=Album.objects.create(is_limited=True)), person=person)
    reference = a_reference(person, source_face=face)
    row = curator.get(PEOPLE).context["cl"].result_list[0]
    assert (row.approved, row.times, row.shown) == (0, 0, None)
    page = curator.get(reverse("admin:gallery_person_change", args=(person.pk,))).content.decode()
    assert f"/reference/{reference.pk}/change/" not in page


def test_crop_photo_and_person_lead_to_each_other(curator: Client) -> None:
    person, photo = a_person("Anna"), a_photo()
    face = a_face(photo, person=person)
    reference = a_reference(person, source_face=face)

    def page(kind: str, pk: int) -> str:
        return curator.get(reverse(f"admin:gallery_{kind}_change", args=(pk,))).content.decode()

    addresses = {
        kind: reverse(f"admin:gallery_{kind}_change", args=(pk,))
        for kind, pk in (("person", person.pk), ("photo", photo.pk), ("reference", reference.pk))
    }
    assert addresses["reference"] in page("person", person.pk)
    assert addresses["photo"] in page("reference", reference.pk)
    assert addresses["person"] in page("face", face.pk)
    assert addresses["photo"] in page("face", face.pk)
    assert f"/admin/gallery/face/?photo__id__exact={photo.pk}" in page("photo", photo.pk)
    listed = curator.get(reverse("admin:gallery_face_changelist"), {"photo__id__exact": photo.pk})
    assert [row.pk for row in listed.context["cl"].result_list] == [face.pk]


def test_an_album_is_added_as_one_act_with_one_undo(client: Client) -> None:
    curator, member = a_user("Cur"), a_user("Member", Role.VIEWER)
    client.force_login(curator)
    data = {
        "name": "Trip",
        "date": "2026-05-03",
        "note": "By boat",
        "is_limited": "on",
        "members": [member.pk],
    }
    answer = client.post(reverse("admin:gallery_album_add"), data)
    assert answer.status_code == 302
    album = Album.objects.get()
    assert (str(album.date), album.note, album.is_limited, album.is_recognised) == (
        "2026-05-03",
        "By boat",
        True,
        False,
    )
    assert list(album.members.all()) == [member]
    undo_events(curator, Event.objects.get(verb__startswith="album."))
    assert not Album.objects.exists()


def test_every_form_to_add_something_in_the_admin_can_be_sent(client: Client) -> None:
    """Empty, and with a name: refused in the form or done, never a fault."""
    client.force_login(a_user("Boss", Role.ADMINISTRATOR))
    sent = set()
    for model in site._registry:
        address = f"admin:{model._meta.app_label}_{model._meta.model_name}_add"
        page = client.get(reverse(address))
        if page.status_code != 200:
            assert page.status_code in (302, 403)
            continue
        for data in (
            {},
            {"name": "Some", "username": "some", "email": "a@example.org", "role": "viewer", "days": "7"},
        ):
            assert client.post(reverse(address), data).status_code in (200, 302)
        sent.add(model._meta.model_name)
    assert {"person", "album"} <= sent
