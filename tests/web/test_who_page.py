"""The page "Who is this?": a picture is looked at, its people are shown, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import json
import re
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import encode_multipart
from PIL import Image

from facesite import gate as gates
from facesite.gate import Gate
from facesite.wsgi import application
from gallery.core.lookups import FOUND, Found, Lookup, get_lookup
from gallery.faces.lookup_server import answer_question
from gallery.history.switches import FACE_LOOKUPS, turn_site_switch
from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.models import Album, Event, Photo, Reference, Role, User
from tests.api.calling import Caller
from tests.engines import FakeEngine, somebody
from tests.gallery_world import know, world
from tests.making import a_face, a_person, a_photo, a_user, a_vector
from tests.making_pictures import jpeg
from tests.pages import folded
from tests.web.test_gate import ask

__all__ = ["world"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folders(own_data: Any, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = own_data


def signed_in(user: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(user)
    return client


def show(client: Client, picture: bytes) -> Any:
    """The page with what the worker says of the picture: what the gate does, without it."""
    waits = client.post("/who/", {"file": SimpleUploadedFile("a.jpg", picture)})
    lookup = get_lookup(waits)
    return client.get("/who/", **{FOUND: answer(lookup)}) if lookup else waits


def answer(lookup: Lookup) -> Found:
    question = {"act": lookup.act, "user": lookup.user, "language": lookup.language, "options": {}}
    for picture in lookup.pictures:
        picture.seek(0)
    said = answer_question(question, [picture.read() for picture in lookup.pictures])
    return Found(said.status_code, said["Content-Type"].encode(), said.content)


def test_faces_are_shown_with_their_people_and_the_reference_they_are_like(world: FakeEngine) -> None:
    anna = a_person()
    reference = know(anna, a_vector(1))
    run_build(request_build("test", delay=0).pk)
    world.faces = [somebody(100, 1), somebody(300, 5)]
    client = signed_in(a_user("Vy", Role.VIEWER))
    response = show(client, jpeg())
    page = folded(response)
    assert response["Cache-Control"] == "private, no-store"
    assert "2 faces, 1 recognised" in page
    assert f"/pictures/crop/{reference.pk}/" in page
    assert "Reference of Anna" in page
    assert f'href="/people/{anna.pk}/"' in page
    assert "similarity 1.000" in page
    assert page.count("Nobody close enough") == 1
    assert page.count("data:image/webp;base64,") == 1
    assert not Photo.objects.exists()
    [event] = Event.objects.filter(verb="looked_up")
    assert event.summary == {}


def test_neither_name_nor_reference_comes_from_an_album_for_others(world: FakeEngine) -> None:
    anna, owner, other = a_person(), a_user("Owner"), a_user("Other")
    album = Album.objects.create(name="x", is_limited=True, created_by=owner)
    hidden = know(anna, a_vector(1))
    Reference.objects.filter(pk=hidden.pk).update(source_face=a_face(a_photo(album=album)))
    run_build(request_build("test", delay=0).pk)
    world.faces = [somebody(100, 1)]
    assert "Reference of Anna" in folded(show(signed_in(owner), jpeg()))
    page = folded(show(signed_in(other), jpeg()))
    assert "Anna" not in page
    assert "/pictures/crop/" not in page
    assert "The gallery knows nobody yet" in page


def test_no_face_is_no_error_and_a_hundred_are_all_shown(world: FakeEngine) -> None:
    client = signed_in(a_user("Vy", Role.VIEWER), **{"Accept-Language": "vi"})
    page = folded(show(client, jpeg()))
    assert "Không tìm thấy khuôn mặt nào trong ảnh này" in page
    world.faces = [somebody(8 * number, number) for number in range(100)]
    page = folded(show(client, jpeg()))
    assert len(re.findall('<li id="face-', page)) == 100


@pytest.mark.usefixtures("fake")
def test_page_and_api_say_the_same_of_what_cannot_be_looked_at(monkeypatch: Any, settings: Any) -> None:
    monkeypatch.setattr(engine, "get_detector", lambda: None)
    settings.UPLOAD_MAX_MEGAPIXELS = 1
    user = a_user("Vy", Role.VIEWER)
    for content in (b"no picture", jpeg()[:-400], b"", jpeg(size=(1_200, 1_000)), make_bomb()):
        status, said = ask_api(user, content)
        assert status in (413, 422)
        plain = show(signed_in(user), content)
        assert (plain.status_code, said in unescape(folded(plain))) == (status, True)
        by_script = show(signed_in(user, **{"HX-Request": "true"}), content)
        assert by_script.status_code == 200, "a script shows what was answered, whatever that is"
        assert said in unescape(folded(by_script))


def ask_api(user: User, content: bytes) -> tuple[int, str]:
    waits = Caller(user).send("/identify", content)
    lookup = get_lookup(waits)
    said = json.loads(answer(lookup).content if lookup else waits.content)
    return said["status"], said["detail"]


def make_bomb() -> bytes:
    """A PNG of some kilobytes that would fill gigabytes."""
    file = BytesIO()
    Image.new("1", (60_000, 60_000)).save(file, "PNG")
    return file.getvalue()


def test_without_a_worker_the_page_says_so_and_nothing_is_left() -> None:
    before = sorted(settings.DATA_DIR.rglob("*"))
    client = signed_in(a_user("Vy", Role.VIEWER))
    response = client.post("/who/", {"file": SimpleUploadedFile("a.jpg", jpeg())})
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert "No worker looks at pictures at the moment." in response.content.decode()
    assert sorted(settings.DATA_DIR.rglob("*")) == before
    assert client.post("/who/").status_code == 422


def test_a_user_asks_so_many_times_a_minute_and_others_go_on(settings: Any) -> None:
    cache.clear()
    settings.API_CALLS_PER_MINUTE = 2
    client, other = (signed_in(a_user(name, Role.VIEWER)) for name in ("Vy", "Other"))

    def send(who: Client) -> Any:
        return who.post("/who/", {"file": SimpleUploadedFile("a.jpg", jpeg())})

    assert [get_lookup(send(client)) is not None for _ in range(3)] == [True, True, False]
    refused = send(client)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60
    assert "You have asked as often as one minute allows." in refused.content.decode()
    assert get_lookup(send(other)) is not None


def test_where_it_is_switched_off_nothing_leads_to_the_page() -> None:
    owner = a_user("Owner", Role.ADMINISTRATOR)
    client = signed_in(owner)
    assert 'href="/who/"' in client.get("/people/").content.decode()
    turn_site_switch(owner, FACE_LOOKUPS, False)
    assert 'href="/who/"' not in client.get("/people/").content.decode()
    response = client.post("/who/", {"file": SimpleUploadedFile("a.jpg", jpeg())})
    assert response.status_code == 403
    assert get_lookup(response) is None


def test_the_gate_takes_a_viewers_picture_and_asks_for_the_page_with_what_was_found(
    monkeypatch: Any,
) -> None:
    found = {"width": 64, "height": 48, "picture": "", "has_gallery": True, "embedder": "", "faces": []}
    asked: list[Lookup] = []

    async def ask_worker(lookup: Lookup) -> Found:
        asked.append(lookup)
        await asyncio.sleep(0)
        return Found(200, b"application/json", json.dumps(found).encode())

    monkeypatch.setattr(gates, "ask_worker", ask_worker)
    client = signed_in(a_user("Vy", Role.VIEWER))
    token = re.findall(r'csrfmiddlewaretoken" value="(\w+)"', client.get("/who/").content.decode())[0]
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()).encode()
    picture = SimpleUploadedFile("a.jpg", jpeg() + bytes(100_000))
    body = encode_multipart("x", {"csrfmiddlewaretoken": token, "file": picture})
    headers = [
        (b"host", b"localhost"),
        (b"cookie", cookies),
        (b"content-type", b"multipart/form-data; boundary=x"),
        (b"content-length", str(len(body)).encode()),
    ]
    refused, _body = ask(Gate(application), "POST", "/upload/file", body, headers=headers)[:2]
    assert refused["status"] == 403
    shown, page = ask(Gate(application), "POST", "/who/", body, headers=headers)
    assert shown["status"] == 200
    assert b"No face was found on this picture." in page["body"]
    assert [lookup.act for lookup in asked] == ["describe"]
