"""People, references, albums, search, history, index and jobs through the API."""

from __future__ import annotations

import pytest

from gallery.models import Album, Build, Person, Reference, Role, User
from tests.api.calling import Caller, problem
from tests.making import a_named_face, a_person, a_photo, a_reference, a_user
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


@pytest.fixture
def curator(user: User) -> Caller:
    return Caller(user)


def test_a_person_is_added_found_renamed_hidden_and_shown_again(curator: Caller) -> None:
    made = curator.post("/people", {"name": "Đặng Lan", "note": "aunt"})
    assert made.status_code == 201
    person = made.json()
    assert (person["name"], person["references"], person["photos"]) == ("Đặng Lan", 0, 0)
    path = f"/people/{person['id']}"
    assert [one["id"] for one in curator.get("/people?q=dang").json()["items"]] == [person["id"]]
    renamed = curator.call("PATCH", path, {"name": "Lan", "revision": person["revision"]}).json()
    assert (renamed["name"], renamed["note"]) == ("Lan", "aunt")
    stale = curator.call("PATCH", path, {"note": "x", "revision": person["revision"]})
    assert problem(stale) == (409, "edit_conflict")
    hidden = curator.call("DELETE", path).json()
    assert curator.get("/people").json()["items"] == []
    assert curator.get(path).json()["hidden"]
    curator.post(f"/history/{hidden['event']}/undo")
    assert not curator.get(path).json()["hidden"]


def test_two_people_of_one_name_are_told_apart(curator: Caller) -> None:
    a_person("Lan")
    said = {"name": "Lan", "distinction": "4b", "born": "1980"}
    assert problem(curator.post("/people", said)) == (409, "name_taken")
    made = curator.post("/people", {**said, "another": True}).json()
    assert (made["label"], made["name"], made["born"]) == ("Lan (4b)", "Lan", "1980")
    assert [one["label"] for one in curator.get("/people?q=lan").json()["items"]] == ["Lan (1)", "Lan (4b)"]
    changed = curator.call("PATCH", f"/people/{made['id']}", {"distinction": "5b"}).json()
    assert changed["label"] == "Lan (5b)"


def test_a_patch_is_done_as_a_whole_or_not_at_all(curator: Caller) -> None:
    person = a_person("Lan")
    refused = curator.call("PATCH", f"/people/{person.pk}", {"note": "new", "name": "\u200b"})
    assert refused.status_code == 422
    person.refresh_from_db()
    assert (person.name, person.note) == ("Lan", "")


def test_what_is_counted_of_a_person_is_what_one_may_see(curator: Caller, user: User) -> None:
    anna, owner = a_person("Anna"), a_user("Owner")
    hidden = a_photo(album=Album.objects.create(name="x", is_limited=True, created_by=owner))
    for photo in (a_photo(), hidden):
        a_reference(anna, source_face=a_named_face(anna, photo))
    mine, all_of_it = (who.get(f"/people/{anna.pk}").json() for who in (curator, Caller(owner)))
    assert (mine["photos"], mine["references"]) == (1, 1)
    assert (all_of_it["photos"], all_of_it["references"]) == (2, 2)


def test_a_picture_of_a_person_becomes_a_reference_once(curator: Caller) -> None:
    person = a_person()
    path = f"/people/{person.pk}/references"
    sent = curator.send(path)
    assert sent.status_code == 201
    assert sent.json() | {"id": 0} == {"id": 0, "status": "queued", "reason": None, "judgement": "approved"}
    again = curator.send(path)
    assert (again.status_code, again.json()["id"]) == (200, sent.json()["id"])
    named = {"Idempotency-Key": "r"}
    twice = [curator.send(path, jpeg(30), headers=named) for _ in range(2)]
    assert [one.status_code for one in twice] == [201, 201]
    assert Reference.objects.count() == 2
    assert len(curator.get(path).json()["items"]) == 2
    assert problem(curator.send(path, b"nothing"))[0] == 422
    assert problem(curator.send("/people/999/references")) == (404, "not_found")


def test_a_contributors_picture_waits_for_a_curator() -> None:
    sent = Caller(a_user("Bao", Role.CONTRIBUTOR)).send(f"/people/{a_person().pk}/references")
    assert sent.json()["judgement"] == "pending"


def test_albums_are_made_and_listed_with_what_one_sees_of_them(curator: Caller) -> None:
    made = curator.post("/albums", {"name": "Trip", "date": "2026-05-01", "limited": True})
    assert made.status_code == 201
    a_photo(album=Album.objects.get())
    [listed] = curator.get("/albums").json()["items"]
    assert listed == {**made.json(), "photos": 1}
    other = Caller(a_user("Bao", Role.CONTRIBUTOR))
    assert other.get("/albums").json()["items"] == []
    assert problem(other.send("/photos", album=listed["id"])) == (404, "not_found")


def test_a_search_finds_photos_people_and_albums(curator: Caller) -> None:
    anna, album = a_person("Anna"), Album.objects.create(name="Anna's day", search="anna's day")
    photo = a_photo(album=album)
    a_named_face(anna, photo)
    found = curator.get("/search?q=anna").json()
    assert [one["id"] for one in found["photos"]["items"]] == [photo.pk]
    assert [one["id"] for one in found["people"]] == [anna.pk]
    assert [one["id"] for one in found["albums"]] == [album.pk]


def test_what_was_done_is_listed_and_only_curators_undo_others(curator: Caller) -> None:
    bao = Caller(a_user("Bao", Role.CONTRIBUTOR))
    curator.post("/people", {"name": "Lan"})
    [act] = bao.get("/history").json()["items"]
    assert (act["verb"], act["actor"], act["can_undo"]) == ("person.create", "Curator", False)
    assert problem(bao.post(f"/history/{act['id']}/undo")) == (409, "cannot_undo")
    assert curator.post(f"/history/{act['id']}/undo").status_code == 200
    assert not Person.objects.exists()
    assert problem(curator.post(f"/history/{act['id']}/undo")) == (409, "cannot_undo")


def test_curators_see_the_index_and_the_jobs(curator: Caller) -> None:
    build = Build.objects.create(embedder_id="dlib-000000000000", work="done")
    a_photo(work="queued")
    [shown] = curator.get("/builds").json()["items"]
    assert (shown["id"], shown["status"], shown["embedder"]) == (build.pk, "done", "dlib-000000000000")
    jobs = curator.get("/jobs").json()
    assert next(kind["waiting"] for kind in jobs["kinds"] if kind["kind"] == "photo") == 1
    assert not jobs["has_worker"]
