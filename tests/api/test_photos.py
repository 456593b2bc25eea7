"""Photos and faces through the API: sent once, seen as on pages, decided on, trashed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from gallery.faces.decisions import confirm_face
from gallery.models import Album, Decision, Face, IdempotencyKey, Photo, Role, Status, User
from tests.api.calling import Caller, problem
from tests.making import a_face, a_named_face, a_person, a_photo, a_user, an_unsure_face
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


@pytest.fixture
def mai(db: None) -> Caller:
    """A contributor's program."""
    return Caller(a_user("Mai", Role.CONTRIBUTOR))


def test_a_photo_is_sent_into_an_album_and_the_same_file_again_is_told(mai: Caller) -> None:
    album = Album.objects.create(name="Trip")
    first = mai.send("/photos", album=album.pk)
    assert first.status_code == 201
    sent = first.json()
    assert sent["status"] == "queued"
    assert sent["albums"] == [album.pk]
    assert not sent["duplicate"]
    again = mai.send("/photos")
    assert again.status_code == 200
    assert again.json() == {**sent, "duplicate": True}
    assert mai.get(f"/photos/{sent['id']}").json()["faces"] == []


def test_what_may_have_been_lost_is_sent_again_by_its_name_and_taken_once(mai: Caller) -> None:
    named = {"Idempotency-Key": "one"}
    first, again = (mai.send("/photos", headers=named) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert problem(mai.send("/photos", jpeg(40), headers=named)) == (422, "idempotency_key_reused")
    assert Photo.objects.count() == 1
    IdempotencyKey.objects.update(status=None)
    waiting = mai.send("/photos", headers=named)
    assert problem(waiting) == (409, "still_going_on")
    assert waiting["Retry-After"]


def test_an_upload_that_failed_may_be_sent_again_by_the_same_name(mai: Caller, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise OSError("gone")

    mai.client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("gallery.api.photos.add_photo", fail)
        assert mai.send("/photos", headers={"Idempotency-Key": "one"}).status_code == 500
    assert mai.send("/photos", headers={"Idempotency-Key": "one"}).status_code == 201


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty"), (b"not a picture", "looks_like"), (jpeg()[:400], "cut_off")],
    ids=["empty", "text", "cut off"],
)
def test_a_file_that_is_no_photo_is_refused_with_its_reason(mai: Caller, content: bytes, code: str) -> None:
    assert problem(mai.send("/photos", content)) == (422, code)
    assert not Photo.objects.exists()


def test_a_file_beyond_the_limit_and_a_request_without_one_are_refused(mai: Caller, settings: Any) -> None:
    settings.UPLOAD_MAX_MB = 0
    assert problem(mai.send("/photos"))[0] == 413
    answer = mai.post("/photos", {"file": "x"})
    assert problem(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "file"
    settings.UPLOAD_MAX_MB, settings.UPLOADS_PER_HOUR = 64, 0
    full = mai.send("/photos")
    assert problem(full) == (429, "upload_quota")
    assert int(full["Retry-After"]) > 0


def test_a_file_that_lies_in_the_trash_is_said_to(mai: Caller) -> None:
    sent = mai.send("/photos").json()
    act = mai.call("DELETE", f"/photos/{sent['id']}").json()
    assert problem(mai.get(f"/photos/{sent['id']}")) == (404, "not_found")
    assert problem(mai.send("/photos"))[0] == 409
    assert mai.post(f"/history/{act['event']}/undo").status_code == 200
    assert mai.get(f"/photos/{sent['id']}").status_code == 200


def test_a_photo_says_who_is_on_it_as_its_page_does(mai: Caller) -> None:
    photo, anna, ben = a_photo(width=800, height=600), a_person("Anna"), a_person("Ben")
    known = a_named_face(anna, photo, left=10.4)
    unsure = an_unsure_face(ben, anna, photo=photo, left=100)
    said = a_face(photo, left=200, decision=Decision.IGNORED)
    found = mai.get(f"/photos/{photo.pk}").json()
    assert [face["id"] for face in found["faces"]] == [known.pk, unsure.pk, said.pk]
    first, second, third = found["faces"]
    assert first["person"] == {"id": anna.pk, "name": "Anna", "label": "Anna"}
    assert (first["state"], first["similarity"], first["decision"]) == ("known", 0.96, None)
    assert first["box"] == [10, 20, 40, 50]
    assert (second["state"], second["person"]) == ("unsure", None)
    assert [one["name"] for one in second["candidates"]] == ["Ben", "Anna"]
    assert (third["state"], third["decision"]) == ("unknown", "ignored")


def test_a_photo_that_failed_says_why_in_the_asked_language(mai: Caller) -> None:
    photo = a_photo(work=Status.FAILED, failure_code="photo_file_gone")
    assert "gone" in mai.get(f"/photos/{photo.pk}").json()["reason"]
    said = mai.get(f"/photos/{photo.pk}", **{"Accept-Language": "vi"})
    assert "không" in said.json()["reason"]
    missing = mai.get("/photos/999999", **{"Accept-Language": "vi"})
    assert "bạn" in missing.json()["detail"]


def test_lists_go_on_by_cursor_and_are_narrowed_by_album_and_person(
    mai: Caller, django_assert_max_num_queries: Any
) -> None:
    album, anna = Album.objects.create(name="Trip"), a_person("Anna")
    photos = [a_photo(album=album if number % 2 else None) for number in range(60)]
    a_named_face(anna, photos[3])
    with django_assert_max_num_queries(12):
        first = mai.get("/photos").json()
    rest = mai.get(f"/photos?cursor={first['next']}").json()
    listed = [one["id"] for one in first["items"] + rest["items"]]
    assert listed == [photo.pk for photo in reversed(photos)]
    assert rest["next"] is None
    assert len(mai.get(f"/photos?album={album.pk}").json()["items"]) == 30
    assert [one["id"] for one in mai.get(f"/photos?person={anna.pk}").json()["items"]] == [photos[3].pk]
    assert mai.get(f"/photos?album={album.pk}&person={anna.pk}").json()["items"]
    assert problem(mai.get("/photos?album=999"))[0] == 404
    assert problem(mai.get("/photos?person=no")) == (422, "invalid")


def test_lists_are_ordered_by_the_moment_taken_or_by_upload(mai: Caller) -> None:
    days = [None, *(datetime(2024, 5, 1, tzinfo=UTC) + timedelta(days=number % 7) for number in range(58))]
    photos = [a_photo("trip.jpg", taken_at=day) for day in days]
    latest = sorted(photos, key=lambda photo: (photo.taken_at or photo.added_at, photo.pk), reverse=True)
    for order, expected in {"-taken": latest, "taken": latest[::-1], "added": photos[::-1]}.items():
        for listed in (f"/photos?order={order}", f"/search?q=trip&order={order}"):
            first = mai.get(listed).json()
            first = first.get("photos", first)
            rest = mai.get(f"{listed}&cursor={quote(first['next'])}").json()
            found = first["items"] + rest.get("photos", rest)["items"]
            assert [one["id"] for one in found] == [photo.pk for photo in expected], listed
    assert problem(mai.get("/photos?order=hand")) == (422, "invalid")


# Pictures


@pytest.fixture
def shown(mai: Caller, own_data: Path) -> Photo:
    Image.new("RGB", (800, 600), "gray").save(own_data / "media" / "a.jpg")
    return a_photo("a.jpg", file="a.jpg")


def test_pictures_are_sent_once_and_then_only_asked_about(mai: Caller, shown: Photo) -> None:
    face = a_face(shown, left=100, top=100, width=80, height=80)
    for path, kind in (
        (f"/photos/{shown.pk}/picture?width=300", "WEBP"),
        (f"/photos/{shown.pk}/original", "JPEG"),
        (f"/photos/{shown.pk}/original?position=true", "JPEG"),
        (f"/faces/{face.pk}/crop", "JPEG"),
    ):
        answer = mai.get(path)
        assert Image.open(BytesIO(b"".join(answer))).format == kind, path
        again = mai.get(path, **{"If-None-Match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert mai.get(path, **{"If-None-Match": '"other"'}).status_code == 200
    whole = b"".join(mai.get(f"/photos/{shown.pk}/original?position=true"))
    assert hashlib.sha256(whole).digest() == hashlib.sha256(Path(shown.file.path).read_bytes()).digest()


# Decisions


def test_a_decision_names_a_face_and_whoever_comes_second_learns_of_it(mai: Caller, user: User) -> None:
    anna, ben = a_person("Anna"), a_person("Ben")
    face = an_unsure_face(anna)
    path, seen = f"/faces/{face.pk}/decision", {"revision": face.revision}
    named = mai.post(path, {"decision": "confirm", "person": anna.pk, **seen}).json()
    assert (named["person"]["name"], named["decision"], named["state"]) == ("Anna", "confirmed", "known")
    confirm_face(user, face, ben)
    second = mai.post(path, {"decision": "confirm", "person": anna.pk, "revision": named["revision"]})
    assert problem(second) == (409, "edit_conflict")
    assert "Curator" in second.json()["detail"]
    face.refresh_from_db()
    assert face.person == ben


@pytest.mark.parametrize(
    ("decision", "stored"),
    [("unknown", "rejected"), ("not_a_face", "not_a_face"), ("ignore", "ignored"), ("clear", None)],
)
def test_a_face_is_left_without_a_name(mai: Caller, decision: str, stored: str | None) -> None:
    face = a_named_face(a_person(), decision=Decision.CONFIRMED)
    said = mai.post(f"/faces/{face.pk}/decision", {"decision": decision}).json()
    assert (said["decision"], said["person"]) == (stored, None)
    assert said["event"]


def test_a_name_that_is_wrong_does_not_come_back(mai: Caller) -> None:
    anna = a_person()
    face = a_named_face(anna)
    said = mai.post(f"/faces/{face.pk}/decision", {"decision": "reject", "person": anna.pk}).json()
    assert (said["person"], said["candidates"]) == (None, [])
    assert Face.objects.get().rejections.filter(person=anna).exists()


def test_a_decision_without_its_person_or_for_somebody_unknown_is_refused(mai: Caller) -> None:
    face = a_face()
    path = f"/faces/{face.pk}/decision"
    assert problem(mai.post(path, {"decision": "confirm"})) == (422, "invalid")
    assert problem(mai.post(path, {"decision": "confirm", "person": 999})) == (404, "not_found")
    assert problem(mai.post(path, {"decision": "who"})) == (422, "invalid")
