"""What people with an account could try: floods, forged ids, looking into albums for others, stored scripts."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import NoReverseMatch, reverse
from PIL import Image

from gallery.models import (
    Album,
    AlbumPhoto,
    Build,
    Candidate,
    Face,
    NameChange,
    Person,
    Photo,
    Reference,
    Role,
    Status,
    User,
)
from gallery.people.services import preview_merge
from tests.access_table import TABLE
from tests.access_world import World, make_world
from tests.making import a_face, a_user
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]
SCRIPT = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture
def world(own_data: Path) -> World:
    return make_world()


def browser(who: User) -> Client:
    client = Client()
    client.force_login(who)
    return client


def upload(client: Client, content: bytes, name: str = "a.jpg", **form: Any) -> list[dict[str, str]]:
    response = client.post("/upload/file", {"photos": SimpleUploadedFile(name, content), **form})
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined] -- it streams
    return [json.loads(line) for line in text.splitlines()]


# Floods


def test_a_flood_of_photos_is_stopped_for_its_user_only(settings: Any) -> None:
    settings.UPLOADS_PER_HOUR = 3
    flood = browser(a_user("co", Role.CONTRIBUTOR))
    kinds = [upload(flood, jpeg(shade))[0]["kind"] for shade in range(10, 60, 10)]
    assert kinds == ["added"] * 3 + ["refused"] * 2
    assert "hour" in upload(flood, jpeg(70))[0]["sentence"]
    assert upload(browser(a_user("vy", Role.CONTRIBUTOR)), jpeg(80))[0]["kind"] == "added"


def test_files_that_are_no_photos_count_as_well(settings: Any) -> None:
    settings.UPLOADS_PER_HOUR = 3
    flood = browser(a_user("co", Role.CONTRIBUTOR))
    for _ in range(3):
        upload(flood, b"not a photo at all")
    assert "hour" in upload(flood, jpeg())[0]["sentence"]


def test_bytes_count_too_and_nothing_of_what_is_refused_stays(settings: Any, own_data: Path) -> None:
    settings.UPLOAD_GB_PER_HOUR = 0
    assert upload(browser(a_user("co", Role.CONTRIBUTOR)), jpeg())[0]["kind"] == "refused"
    assert not [path for path in (own_data / "media").rglob("*") if path.is_file()]


def test_a_picture_of_a_person_is_checked_like_a_photo_and_counted(settings: Any, world: World) -> None:
    settings.UPLOADS_PER_HOUR = 2
    client = browser(world.users["contributor"])
    address = f"/people/{world.values['person']}/pictures"
    before = Reference.objects.count()
    client.post(address, {"pictures": SimpleUploadedFile("a.html", b"<html>not a picture")})
    assert Reference.objects.count() == before
    for shade in (10, 20):
        client.post(address, {"pictures": SimpleUploadedFile("a.html", jpeg(shade))})
    made = Reference.objects.order_by("-pk")[0]
    assert Reference.objects.count() == before + 1
    assert made.image.name.endswith(".jpg")


@pytest.mark.parametrize("who", [None, Role.VIEWER])
def test_who_may_not_upload_writes_no_byte_to_the_disk(
    monkeypatch: pytest.MonkeyPatch, who: Role | None
) -> None:
    made: list[object] = []
    monkeypatch.setattr("django.core.files.uploadhandler.TemporaryUploadedFile", lambda *a: made.append(a))
    monkeypatch.setattr("django.core.files.uploadhandler.InMemoryUploadedFile", lambda *a: made.append(a))
    client = Client(enforce_csrf_checks=True)
    client.get(
        "/account/login"
    )  # with the cookie of its form, whose counterpart is then looked for in the body
    if who:
        client.force_login(a_user("vy", who))
    for address in ("/account/login", "/upload/file", "/upload/plain", "/language", "/healthz"):
        client.post(address, {"photos": SimpleUploadedFile("a.jpg", b"x" * 3_000_000)})
    assert made == []


@pytest.mark.parametrize("who", [None, Role.VIEWER])
def test_who_may_not_send_a_form_is_told_so_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, who: Role | None
) -> None:
    """Even the token that guards forms stands in the body."""

    def refuse(*_: object) -> None:
        raise AssertionError("the body was read")

    monkeypatch.setattr("django.http.request.HttpRequest.parse_file_upload", refuse)
    client = Client(enforce_csrf_checks=True)
    client.get("/account/login")
    if who:
        client.force_login(a_user("vy", who))
    for address in ("/upload/file", "/upload/plain", "/upload/album"):
        answer = client.post(address, {"photos": SimpleUploadedFile("a.jpg", jpeg())})
        assert answer.status_code == (403 if who else 302)


def test_a_program_that_is_not_signed_in_is_told_so_by_a_status() -> None:
    answer = Client().post("/upload/file", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (401, {"error": "Sign in first."})


def test_past_the_hours_limit_a_program_hears_how_long_to_wait(settings: Any) -> None:
    settings.UPLOADS_PER_HOUR = 1
    client = browser(a_user("co", Role.CONTRIBUTOR))
    first, second = (upload(client, jpeg(shade))[0] for shade in (10, 20))
    assert "wait" not in first
    assert 3_500 < int(second["wait"]) <= 3_600


def test_a_request_larger_than_the_limit_is_refused_before_it_is_read(settings: Any) -> None:
    settings.UPLOAD_REQUEST_MAX_MB = 1
    client = browser(a_user("co", Role.CONTRIBUTOR))
    answer = client.post("/upload/file", {"photos": SimpleUploadedFile("a.zip", b"x" * 1_100_000)})
    assert answer.status_code in {400, 413}


# Looking into albums for others


def test_uploading_a_photo_that_is_in_an_album_for_others_tells_nothing(settings: Any) -> None:
    owner, stranger = a_user("ow", Role.CONTRIBUTOR), a_user("st", Role.CONTRIBUTOR)
    album = Album.objects.create(name="Secret", is_limited=True, created_by=owner)
    upload(browser(owner), jpeg(), album=album.pk)
    first = upload(browser(stranger), jpeg())[0]
    fresh = upload(browser(stranger), jpeg(200))[0]
    assert (first["kind"], first["sentence"]) == (fresh["kind"], fresh["sentence"]) == ("added", "")
    assert upload(browser(stranger), jpeg())[0]["kind"] == "duplicate"  # of what is now the stranger's own
    assert upload(browser(owner), jpeg())[0]["kind"] == "duplicate"
    files = [photo.file for photo in Photo.objects.filter(uploaded_by__in=(owner, stranger))]
    assert len(set(files)) == 3


def test_nothing_can_be_put_into_an_album_for_others(world: World) -> None:
    client = browser(world.users["contributor"])
    upload(client, jpeg(), album=world.values["hidden_album"])
    sent = Photo.objects.filter(name="a.jpg").exclude(pk=world.values["photo"])
    assert not sent.filter(albums=world.values["hidden_album"]).exists()
    client.post(f"/photos/{world.values['photo']}/album", {"album": world.values["hidden_album"]})
    client.post("/photos/act", {"photo": world.values["photo"], "do": "album", "album": "hidden_trip"})
    rows = AlbumPhoto.objects.filter(photo=world.values["photo"])
    seen = Album.objects.visible_to(world.users["contributor"])
    assert rows.exclude(album__in=seen).count() == 1  # where the world has put it


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CONTRIBUTOR, Role.CURATOR])
def test_no_page_says_a_word_of_an_album_for_others(world: World, role: Role) -> None:
    """The hidden album, its file names, its faces' and crops' addresses, on every page that lists things."""
    Album.objects.filter(pk=world.values["hidden_album"]).update(name="Zanzibar", search="zanzibar")
    Photo.objects.filter(pk=world.values["hidden_photo"]).update(
        name="Zanzibar.jpg", search="zanzibar.jpg", work=Status.DONE
    )
    face, hidden = (Face.objects.get(pk=world.values[word]) for word in ("face", "hidden_face"))
    crop = Reference.objects.get(pk=world.values["hidden_reference"])
    Face.objects.filter(pk=face.pk).update(state="unsure", person=None, reference=crop)
    Candidate.objects.create(face=face, person=crop.person, reference=crop, similarity=0.9, rank=0)
    Person.objects.update(cover=crop)
    more = _everything_about(hidden, face, crop)
    client = browser(world.users[role.value])
    secrets = [
        *(f"/pictures/face/{other.pk}/" for other in more),
        "Zanzibar",
        f"/pictures/face/{hidden.pk}/",
        f"/pictures/crop/{crop.pk}/",
        f"/pictures/photo/{world.values['hidden_photo']}/",
        f"/photos/{world.values['hidden_photo']}/",
        f"/albums/{world.values['hidden_album']}/",
    ]
    for name, page in pages(client, world, role):
        for secret in secrets:
            assert secret not in page, f"{name} shows {role} {secret}"


def _everything_about(hidden: Face, face: Face, crop: Reference) -> list[Face]:
    """Faces of the hidden photo in the review queue and among unknown groups, and what builds and checks found."""
    photo, person = hidden.photo, crop.person
    unsure = a_face(photo, left=200, top=10, width=50, height=50, state="unsure")
    Candidate.objects.create(face=unsure, person=person, reference=crop, similarity=0.8, rank=0)
    alone = a_face(photo, left=300, top=10, width=50, height=50, cluster=7)
    alike = [
        a_face(where, left=400, top=10 + 60 * n, width=50, height=50, cluster=8)
        for n, where in enumerate((photo, photo, face.photo, face.photo))
    ]
    build = Build.objects.get()
    NameChange.objects.create(
        build=build, photo=photo, face=hidden, new_person=person, old_state="unknown", new_state="known"
    )
    return [unsure, alone, *alike[:2]]


def pages(client: Client, world: World, role: Role) -> list[tuple[str, str]]:
    """Every page of the table that this role may get, with the open objects of the world."""
    found = []
    for name, rule in TABLE.items():
        if rule.role is None or rule.method != "get" or role.rank < rule.role.rank:
            continue
        try:
            address = reverse(name, args=[world.value(word) for word in rule.words])
        except NoReverseMatch:  # pragma: no cover -- test_access says so more clearly
            continue
        for query in ("", "?q=zanz&name=zanz&text=zanz", "?show=unnamed"):
            for headers in ({}, {"HX-Request": "true"}):
                response = client.get(address + query, headers=headers)
                if response.get("Content-Type", "").startswith(("text/", "application/json")):
                    found.append((f"{name}{query}", _text(response)))
    return found


def _text(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return bytes(content).decode("utf-8", "replace").replace("zanz&", "")


def test_a_photo_that_is_seen_tells_nothing_of_its_hidden_album(world: World) -> None:
    """Not by any way to ask for the photos of an album."""
    hidden = world.values["hidden_album"]
    Album.objects.filter(pk=hidden).update(search="zanzibar", date=date(1999, 5, 4))
    Face.objects.filter(pk=world.values["face"]).update(state="unsure", person=None)
    Candidate.objects.create(
        face_id=world.values["face"], person_id=world.values["person"], similarity=0.9, rank=0
    )
    curator, administrator = (browser(world.users[role]) for role in ("curator", "administrator"))
    photo = f"/photos/{world.values['photo']}/"
    for address in ("/search/?q=zanzibar", "/search/?q=1999", "/search/?q=1999-05-04"):
        assert photo not in curator.get(address).content.decode()
        assert photo in administrator.get(address).content.decode()
    page = curator.get(f"{photo}?in=album:{hidden}")
    assert page.context["on"].address == f"/albums/{world.values['album']}/"
    of_hidden, of_none = (curator.get(f"/review/?album={pk}").content.decode() for pk in (hidden, 10**9))
    assert re.findall(r"/faces/\d+", of_hidden) == re.findall(r"/faces/\d+", of_none)
    curator.post("/photos/act", {"photo": world.values["photo"], "do": "out", "from": hidden})
    assert AlbumPhoto.objects.filter(album=hidden, photo=world.values["photo"]).exists()


def test_counts_leave_out_what_is_in_albums_for_others(world: World) -> None:
    person = Person.objects.get(pk=world.values["person"])
    Face.objects.update(person=person, state="known")
    curator = browser(world.users["curator"]).get(f"/people/{person.pk}/").content.decode()
    administrator = browser(world.users["administrator"]).get(f"/people/{person.pk}/").content.decode()
    assert re.search(r"\b1 photo\b", curator)
    assert re.search(r"\b2 photos\b", administrator)


def test_the_preview_of_a_merge_counts_only_what_its_curator_may_see(world: World) -> None:
    person = Person.objects.get(pk=world.values["person"])
    Face.objects.update(person=person, state="known")
    counts = [preview_merge(person, world.users[role]).faces for role in ("curator", "administrator")]
    assert counts == [1, 2]


# Forged ids


@pytest.mark.parametrize(
    "forged", ["0", "999999", "9" * 18, "9" * 30, "-1", "1e3", "%00", "1 or 1=1", "../1"]
)
@pytest.mark.parametrize("address", ["/photos/{}/", "/faces/{}/", "/people/{}/", "/albums/{}/", "/?face={}"])
def test_ids_that_are_made_up_find_nothing_and_break_nothing(db: None, address: str, forged: str) -> None:
    client = browser(a_user("ad", Role.ADMINISTRATOR))
    status = client.get(address.format(forged)).status_code
    assert status == 404 or (status == 200 and "?" in address)


KEYS = (
    "after",
    "at",
    "year",
    "face",
    "ids",
    "from",
    "with",
    "without",
    "album",
    "show",
    "page",
    "actor",
    "person",
)


@pytest.mark.parametrize("keys", [KEYS, *(pytest.param((key,), marks=pytest.mark.long) for key in KEYS)])
@pytest.mark.parametrize("value", ["9" * 30, "-5", "abc", "%00", "1,2,x", "٣"])
def test_queries_that_are_made_up_break_nothing(world: World, keys: tuple[str, ...], value: str) -> None:
    query = "&".join(f"{key}={value}" for key in keys)
    client = browser(world.users["curator"])
    lists = ["/", *(f"/{name}/" for name in ("photos", "people", "albums", "trash", "search", "upload", "history",
                                             "review", "unknown", "builds"))]  # fmt: skip
    for page in [*lists, "/photos/progress", *(f"/{kind}/{world.values[word]}/" for kind, word in
                 (("people", "person"), ("photos", "photo"), ("albums", "album"), ("builds", "build")))]:  # fmt: skip
        assert client.get(f"{page}?{query}").status_code in {200, 302, 400, 404}, page


# Stored scripts


def test_scripts_in_names_notes_and_file_names_are_shown_as_text(world: World) -> None:
    for person in Person.objects.all():
        person.set_name(f"{SCRIPT}{person.pk}")
        person.note = person.consent_note = SCRIPT
        person.save()
    Album.objects.update(name=SCRIPT, note=SCRIPT)
    Photo.objects.update(name=SCRIPT, failure=SCRIPT, work=Status.FAILED)
    Face.objects.update(state="known")
    User.objects.filter(pk=world.users["administrator"].pk).update(first_name=SCRIPT, username=SCRIPT[:100])
    world.users["administrator"].refresh_from_db()
    client = browser(world.users["administrator"])
    for name, page in pages(client, world, Role.ADMINISTRATOR):
        if "<html" in page or "<li" in page or "<div" in page:
            assert "<script>alert" not in page, name
            assert "<img src=x" not in page, name


def test_a_script_in_a_file_name_and_in_exif_arrives_as_text() -> None:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x8298] = (
        "<b onclick=alert(1)>{{ 7|add:1 }}"  # description, artist, ...
    )
    client = browser(a_user("co", Role.CONTRIBUTOR))
    told = upload(client, jpeg(exif=exif), name='<img src=x onerror=alert(2)>".jpg')[0]
    assert "<img src=x" not in told["html"]
    photo = Photo.objects.filter(uploaded_by__username="co").get()
    page = client.get(f"/photos/{photo.pk}/").content.decode()
    assert "<img src=x" not in page
    assert "alert(1)" not in page


def test_a_photo_is_served_as_what_it_is_whatever_it_is_called() -> None:
    client = browser(a_user("co", Role.CONTRIBUTOR))
    polyglot = jpeg() + b"<html><script>alert(1)</script></html>"
    assert upload(client, polyglot, name="both.jpg")[0]["kind"] == "refused"
    upload(client, jpeg(), name="page.html")
    photo = Photo.objects.get(name="page.html")
    answer = client.get(f"/photos/{photo.pk}/original")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")
