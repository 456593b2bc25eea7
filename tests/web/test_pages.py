"""Pages ask a number of queries that does not grow with what they show, and hide what a user may not see."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gallery.models import Album, Decision, Face, Photo, Role, Status
from gallery.models.people import Person
from gallery.photos.albums import create_album
from gallery.photos.membership import put_photos_in_album
from gallery.photos.selectors import PHOTOS_PER_PAGE
from tests.making import a_face, a_person, a_photo, a_reference, a_user
from tests.pages import folded

pytestmark = pytest.mark.django_db


def fill(photos: int) -> None:
    """Photos with two faces each, one of them named."""
    for number in range(photos):
        photo = a_photo()
        a_face(photo, person=a_person(f"Person {number}"), state=Face.State.KNOWN)
        a_face(photo)


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize(
    "address",
    [
        lambda: reverse("home"),
        lambda: reverse("photos"),
        lambda: reverse("people"),
        lambda: reverse("albums"),
        lambda: reverse("photo_progress") + "?ids=1,2,3,4,5,6,7,8",
    ],
    ids=["home", "photos", "people", "albums", "progress"],
)
def test_more_rows_ask_no_more_queries(curator: Client, address: Callable[[], str]) -> None:
    fill(2)
    queries(curator, address())  # what is asked once, such as the session
    few = queries(curator, address())
    Face.objects.all().delete()
    Person.objects.all().delete()
    fill(9)
    assert queries(curator, address()) == few


def test_a_photo_with_many_faces_asks_no_more_queries(curator: Client) -> None:
    photo = a_photo()
    a_face(photo)
    queries(curator, reverse("photo", args=(photo.pk,)))  # what is asked once
    few = queries(curator, reverse("photo", args=(photo.pk,)))
    for number in range(12):
        a_face(photo, person=a_person(f"Person {number}"), state=Face.State.KNOWN)
    assert queries(curator, reverse("photo", args=(photo.pk,))) == few


def test_the_grid_goes_on_by_key(curator: Client) -> None:
    pks = [a_photo().pk for _ in range(PHOTOS_PER_PAGE + 5)]
    first = curator.get(reverse("photos"))
    assert [photo.pk for photo in first.context["page"].rows] == pks[:4:-1]
    rest = curator.get(reverse("photos"), {"after": first.context["page"].after})
    assert [photo.pk for photo in rest.context["page"].rows] == pks[4::-1]
    assert rest.context["page"].after is None


def test_nonsense_in_an_address_is_ignored(curator: Client) -> None:
    a_photo()
    for query in ("after=x", "after=-3", "after=99999999999999999999", "show=nothing", "face=x"):
        assert curator.get(f"{reverse('photos')}?{query}").status_code == 200


def test_faces_that_are_none_leave_the_counts(curator: Client) -> None:
    person = a_person("Hoa")
    a_face(a_photo(), person=person, state=Face.State.KNOWN)
    a_face(a_photo(), person=person, decision=Decision.NOT_A_FACE)
    page = curator.get(reverse("person", args=(person.pk,)))
    assert page.context["portrait"].photos == 1


def test_who_is_often_on_the_same_photos_is_asked_for_by_the_page_or_by_its_link(curator: Client) -> None:
    person, photo = a_person("Hoa"), a_photo()
    address = reverse("person", args=(person.pk,))
    assert "Often together" not in curator.get(address).content.decode()  # there are no photos
    for one in (person, a_person("Linh")):
        a_face(photo, person=one, state=Face.State.KNOWN)
    page = curator.get(address).content.decode()
    assert f'hx-get="{address}?together=1"' in page
    assert 'href="?together=1#together"' in page
    part = curator.get(address, {"together": "1"}, headers={"HX-Request": "true", "HX-Target": "together"})
    whole = curator.get(address, {"together": "1"}).content.decode()
    for text in (part.content.decode(), whole):
        assert "Linh" in text
        assert "hx-get=" not in text.partition('id="together"')[2].partition("</section>")[0]
    assert "<html" not in part.content.decode()
    assert "<html" in whole


def test_a_person_with_many_references_shows_some_and_leads_to_all(
    curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.web.people.MAX_SHOWN_REFERENCES", 2)
    person = a_person("Hoa")
    for number in range(4):
        a_reference(person, work=Status.FAILED if number == 3 else Status.DONE)
        page = curator.get(reverse("person", args=(person.pk,)))
        assert len(page.context["references"]) == min(2, number + 1)
        assert page.context["used"] == min(3, number + 1)
        assert ("The newest 2 are shown" in page.content.decode()) == (number >= 2)


def test_the_first_page_counts_what_waits_no_further_than_it_says(
    curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.web.home.MAX_COUNTED_FACES", 3)
    for _ in range(2):
        a_face(state=Face.State.UNSURE)
    for _ in range(4):
        a_face(state=Face.State.UNKNOWN)
    a_face(a_photo(trashed_at=timezone.now()), state=Face.State.UNSURE)
    page = curator.get(reverse("home")).content.decode()
    assert "2 faces to check" in page
    assert "3 and more unknown faces" in page


def test_a_name_cannot_become_a_formula_in_a_spreadsheet(curator: Client) -> None:
    photo = a_photo()
    a_face(photo, person=a_person("=1+1"), state=Face.State.KNOWN, decision=Decision.CONFIRMED)
    table = curator.get(reverse("photo_export", args=(photo.pk, "csv"))).content.decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(table)))["name"] == "'=1+1"
    document = json.loads(curator.get(reverse("photo_export", args=(photo.pk, "json"))).content)
    assert document["faces"][0]["name"] == "=1+1"


def test_only_who_made_an_album_and_curators_change_it(client: Client) -> None:
    client.force_login(a_user("nam", Role.CONTRIBUTOR))
    client.post(reverse("album_new"), {"name": "Trip", "is_recognised": "on"})
    mine = client.get(reverse("albums")).context["covers"][0].album
    assert client.get(reverse("album_edit", args=(mine.pk,))).status_code == 200
    client.force_login(a_user("other", Role.CONTRIBUTOR))
    assert client.get(reverse("album_edit", args=(mine.pk,))).status_code == 403


def test_the_theme_is_kept_and_leads_back_only_into_the_site(curator: Client) -> None:
    answer = curator.post(reverse("theme"), {"theme": "dark", "next": "https://elsewhere.example/"})
    assert answer["Location"] == reverse("home")
    assert 'media="all"' in curator.get(reverse("home")).content.decode()
    curator.post(reverse("theme"), {"theme": "<b>", "next": "/photos/"})
    assert "prefers-color-scheme" in curator.get(reverse("home")).content.decode()


def test_a_photo_goes_into_an_album_old_or_new_by_its_name(client: Client) -> None:
    client.force_login(a_user("Bao", Role.CONTRIBUTOR))
    first, second = a_photo(), a_photo()
    for photo in (first, second):
        client.post(reverse("photo_album", args=(photo.pk,)), {"album": "", "new_album": "Trip to Huế"})
    album = Album.objects.get()
    assert set(Photo.objects.values_list("albums", flat=True)) == {album.pk}
    assert (
        f"put “{second.name}” into the album “Trip to Huế”" in client.get(reverse("history")).content.decode()
    )


def test_many_files_that_are_refused_are_one_message(client: Client) -> None:
    client.force_login(a_user("Bao", Role.CURATOR))
    files = [SimpleUploadedFile(f"note-{number}.txt", b"no picture") for number in range(7)]
    address = reverse("person_pictures", args=(a_person().pk,))
    answer = client.post(address, {"pictures": files}, follow=True)
    (said,) = (str(message) for message in answer.context["messages"])
    lines = said.splitlines()
    assert lines[0] == "7 files were not taken."
    assert [line.partition(":")[0] for line in lines[1:]] == [f"note-{number}.txt" for number in range(5)] + [
        "…"
    ]


def test_a_reference_that_cannot_be_used_says_why_and_is_not_counted(client: Client) -> None:
    client.force_login(a_user("Bao", Role.CURATOR))
    anna = a_person("Anna")
    a_reference(anna)
    a_reference(anna, work="failed", failure="Two faces of about the same size.")
    a_reference(anna, work="queued")
    page = client.get(reverse("person", args=(anna.pk,))).content.decode()
    assert "Two faces of about the same size.</span>" in page
    assert "Looking for the face" in page
    assert "2 references" in page


def test_the_original_is_offered_to_who_may_have_it(client: Client) -> None:
    photo = a_photo()
    original = reverse("photo_original", args=(photo.pk,))
    for role, is_offered in ((Role.CONTRIBUTOR, True), (Role.VIEWER, False)):
        client.force_login(a_user(f"a {role}", role))
        assert (original in client.get(reverse("photo", args=(photo.pk,))).content.decode()) == is_offered


def test_two_who_put_a_photo_into_albums_at_once_both_have_it_there(client: Client) -> None:
    nam, photo = a_user("Nam"), a_photo()
    here, there = (create_album(nam, name) for name in ("Here", "There"))
    client.force_login(a_user("Bao", Role.CONTRIBUTOR))
    page = client.get(reverse("photo", args=(photo.pk,))).content.decode()
    assert f'<option value="{there.pk}">There</option>' in page
    put_photos_in_album(nam, [photo], here)
    client.post(reverse("photo_album", args=(photo.pk,)), {"album": there.pk})
    assert set(photo.albums.all()) == {here, there}
    page = client.get(reverse("photo", args=(photo.pk,))).content.decode()
    assert "Take out of Here" in page
    client.post(reverse("photo_album", args=(photo.pk,)), {"leave": here.pk})
    assert set(photo.albums.all()) == {there}


def test_references_are_asked_for_again_only_while_one_is_looked_at(curator: Client) -> None:
    person = a_person("Anna")
    a_reference(person)
    address = reverse("person", args=(person.pk,))
    asks = f'hx-get="{address}"'
    assert asks not in curator.get(address).content.decode()
    looked_at = a_reference(person, work=Status.QUEUED)
    assert asks in curator.get(address).content.decode()
    part = folded(curator.get(address, headers={"HX-Request": "true", "HX-Target": "references"}))
    assert part.startswith('<div id="references"')
    assert asks in part
    assert part.count('class="reference"') == 2
    looked_at.work, looked_at.failure = Status.FAILED, "No face was found in the picture."
    looked_at.save()
    part = curator.get(address, headers={"HX-Request": "true", "HX-Target": "references"}).content.decode()
    assert asks not in part
    assert "not used" in part
