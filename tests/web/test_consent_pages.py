"""The pages about consent and about switching recognition off, as people use them."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from gallery.models import Album, Decision, Event, Face, Person, Photo, Reference, Role
from gallery.models.querysets import get_today
from gallery.people.services import set_person_consent
from gallery.photos.albums import create_album, remove_album
from gallery.privacy import selectors as privacy_selectors
from tests.making import EMBEDDER, a_face, a_named_face, a_person, a_photo, a_reference, a_user, a_vector
from tests.pages import as_shown, folded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data")]


def until(days: int, name: str = "Anna") -> Person:
    person = a_person(name)
    Person.objects.filter(pk=person.pk).update(consent_until=get_today() + timedelta(days=days))
    return person


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return folded(response)


def test_the_worklist_counts_what_ran_out_and_what_soon_will(curator: Client) -> None:
    until(-1, "Gone")
    until(0, "Today")
    until(29, "Soon")
    until(30, "Later")
    a_person("Never")
    expired, soon = text(curator, "/consents/"), text(curator, "/consents/?show=soon")
    for page in (expired, soon):
        assert 'Run out<span class="muted numbers">1<' in page
        assert 'within 30 days<span class="muted numbers">2<' in page
    assert "Gone</a>" in expired
    assert "Today</a>" not in expired
    assert "Today</a>" in soon
    assert "Soon</a>" in soon
    assert "Later</a>" not in soon + expired
    assert "Never</a>" not in soon + expired


def test_the_worklist_goes_on_by_key_though_people_leave_it_meanwhile(
    curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy_selectors, "CONSENT_PAGE_SIZE", 2)
    people = [until(days, f"P{number}") for number, days in enumerate((-9, -5, -5, -5, -1))]
    seen, address = [], "/consents/"
    while address:
        page = text(curator, address)
        seen += re.findall(r'dir="auto">\s?(P\d)\s?</a>', page)
        following = re.search(r'class="pager".*?href="([^"]+)"', page)
        address = f"/consents/{html.unescape(following[1])}" if following else ""
        Person.objects.filter(pk=people[0].pk).update(consent_until=None)  # renewed by somebody
    assert seen == ["P0", "P1", "P2", "P3", "P4"]


@pytest.mark.parametrize("mark", ["1:never", "x", "1:", ":2020-01-01"])
def test_a_mark_that_is_none_shows_the_worklist_from_its_beginning(curator: Client, mark: str) -> None:
    until(-1, "Gone")
    assert "Gone</a>" in text(curator, f"/consents/?after={mark}")


def test_a_consent_is_renewed_from_the_worklist_and_undone(curator: Client) -> None:
    person = until(-10)
    page = f"/people/{person.pk}/consent"
    assert f"{page}?from=consents" in text(curator, "/consents/")
    wanted = {
        "from": "consents",
        "consent_note": "Signed again",
        "consent_until": str(get_today() + timedelta(days=300)),
    }
    answer = curator.post(page, wanted, follow=True)
    assert answer.redirect_chain == [("/consents/", 302)]
    person.refresh_from_db()
    assert person.consent_note == "Signed again"
    assert person.may_be_recognised
    curator.post(f"/history/{Event.objects.get(verb='person.consent').pk}/undo")
    person.refresh_from_db()
    assert (person.consent_note, person.is_expired) == ("", True)


def test_two_curators_do_not_overwrite_each_others_consent(curator: Client) -> None:
    person = until(5)
    address = f"/people/{person.pk}/consent"
    seen = as_shown(curator.get(address))
    set_person_consent(a_user("Nam"), person, "Signed in May", None)
    data = {"consent_note": "", "consent_until": str(get_today() + timedelta(days=9)), **seen}
    answer = curator.post(address, data)
    assert "Nam was here before you" in answer.content.decode()
    assert "Signed in May</textarea>" in answer.content.decode()  # the field that was left alone has theirs
    assert Person.objects.get().consent_note == "Signed in May"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "No consent is noted."),
        ({"consent_note": "By word of mouth"}, "The consent has no end."),
        ({"consent_until": 3}, "The consent holds until"),
        ({"consent_until": -3}, "The consent ran out on"),
        ({"is_recognised": False}, "Nobody is recognised as this person"),
    ],
)
def test_a_persons_page_says_plainly_where_they_stand(
    curator: Client, columns: dict[str, Any], said: str
) -> None:
    person = a_person()
    if "consent_until" in columns:
        columns = {"consent_until": get_today() + timedelta(days=columns["consent_until"])}
    Person.objects.update(**columns)
    assert said in text(curator, f"/people/{person.pk}/")


def test_who_is_no_curator_sees_that_somebody_is_not_recognised_but_not_what_was_agreed(
    client: Client,
) -> None:
    client.force_login(a_user("vy", Role.VIEWER))
    person = until(-3)
    Person.objects.update(consent_note="Signed form")
    page = text(client, f"/people/{person.pk}/")
    assert "not recognised in photos" in page
    assert "Signed form" not in page


VECTOR = {"embedding": a_vector(1), "embedder_id": EMBEDDER}


def test_what_goes_is_said_before_a_person_is_switched_off(curator: Client) -> None:
    anna, photo = a_person(), a_photo()
    a_named_face(anna, photo, **VECTOR)
    a_face(photo, person=anna, state="known", decision=Decision.CONFIRMED, **VECTOR)
    a_reference(anna)
    page = text(curator, f"/people/{anna.pk}/recognition")
    rows = ["taken away", "compared with others", "people gave, kept", "but not searched"]
    for row, count in zip(rows, (1, 2, 1, 1), strict=True):
        assert re.search(rf'{row} ?</dt><dd class="numbers"> ?{count} ?</dd>', page)
    assert Face.objects.filter(embedding__isnull=False).count() == 2, "asking changes nothing"
    answer = curator.post(f"/people/{anna.pk}/recognition", {"on": "0"})
    assert answer["Location"] == f"/people/{anna.pk}/"
    assert not Person.objects.get().is_recognised
    assert not Face.objects.filter(embedding__isnull=False).exists()
    assert Reference.objects.count() == 1


def test_a_photo_is_switched_off_and_on_from_its_page(client: Client) -> None:
    client.force_login(a_user("nam", Role.CONTRIBUTOR))
    photo = a_photo()
    address = f"/photos/{photo.pk}/recognition"
    assert address in text(client, f"/photos/{photo.pk}/")
    client.post(address, {"on": "0"})
    assert "Nobody is recognised in this photo:" in text(client, f"/photos/{photo.pk}/")
    assert "stopped recognising faces in" in text(client, f"/history/?photo={photo.pk}")
    client.post(address, {"on": "1"})
    photo.refresh_from_db()
    assert (photo.is_recognised, photo.work) == (True, "queued")


def test_an_albums_form_switches_recognition_off_in_the_photos_it_has(curator: Client) -> None:
    album = create_album(a_user("owner"), "Trip")
    face = a_named_face(a_person(), a_photo(album=album), **VECTOR)
    curator.post(f"/albums/{album.pk}/edit", {"name": "Trip"})  # the box is not ticked
    face.refresh_from_db()
    assert (face.person, face.embedding) == (None, None)
    assert "nobody is recognised here" in text(curator, f"/albums/{album.pk}/")
    assert "Nobody is recognised in this photo:" in text(curator, f"/photos/{face.photo_id}/")


def test_contributors_switch_only_albums_of_their_own(client: Client) -> None:
    nam = a_user("nam", Role.CONTRIBUTOR)
    client.force_login(nam)
    own, other = create_album(nam, "Own"), create_album(a_user("owner"), "Other")
    assert client.post(f"/albums/{own.pk}/recognition", {"on": "0"}).status_code == 302
    assert client.post(f"/albums/{other.pk}/recognition", {"on": "0"}).status_code == 403
    assert list(Album.objects.filter(is_recognised=False)) == [own]


def test_a_new_album_of_an_upload_may_be_one_where_nobody_is_recognised(curator: Client) -> None:
    assert curator.post("/upload/album", {"new_album": "A", "unrecognised": "1"}).status_code == 200
    assert curator.post("/upload/album", {"new_album": "B"}).status_code == 200
    assert dict(Album.objects.values_list("name", "is_recognised")) == {"A": False, "B": True}


def test_a_photo_for_an_album_that_is_gone_is_not_taken_into_none(curator: Client) -> None:
    """There it would be seen by all, and looked at."""
    album = create_album(a_user("owner"), "Kindergarten", is_recognised=False)
    remove_album(a_user("other"), album)
    sent = SimpleUploadedFile("a.jpg", b"no matter what")
    answer = curator.post("/upload/file", {"photos": sent, "album": str(album.pk)})
    (line,) = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert json.loads(line)["kind"] == "failed"
    assert "The album is not there any more." in json.loads(line)["sentence"]
    data = {"photos": [SimpleUploadedFile("a.jpg", b"no matter what")], "album": str(album.pk)}
    page = curator.post("/upload/plain", data, follow=True).content.decode()
    assert "The album is not there any more." in page
    assert not Photo.objects.exists()


def test_a_photos_page_says_which_faces_are_too_old_to_be_compared(curator: Client) -> None:
    photo, marks = a_photo(album=create_album(a_user("owner"), "Trip")), [[1.0, 2.0]] * 5
    a_face(photo, landmarks=marks)
    a_face(photo, landmarks=marks, **VECTOR)
    a_face(photo, landmarks=marks, is_usable=False)
    a_face(photo, landmarks=marks, is_veiled=True)
    page = text(curator, f"/photos/{photo.pk}/")
    assert "1 unknown face is no longer compared" in page
    assert "1 older face is in no group" in text(curator, "/unknown/")
    curator.post(f"/photos/{photo.pk}/retry")
    assert Photo.objects.get().work == "queued"
    Album.objects.update(is_recognised=False)
    assert "older face" not in text(curator, "/unknown/")


def test_the_sweep_is_not_needed_for_the_day_but_takes_names_back_soon_after(settings: Any) -> None:
    from gallery.tasks import sweep

    person = until(-1)
    face = a_named_face(person, **VECTOR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gallery.jobs.dispatch.send_task", lambda *args, **kwargs: None)
        sweep()
    face.refresh_from_db()
    assert face.person is None
    assert Person.objects.get().lapse_noted == timezone.localdate() - timedelta(days=1)
