"""Downloads and forms that fail say so on a page, or to the script that asked, with the true cause."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from facesite.refusals import REFUSED, Refused
from facesite.threads import Answer, Threads
from gallery.core.exceptions import ActionRefused
from gallery.models import PersonExport, Photo, Role
from tests.access_table import TABLE
from tests.access_world import World, make_world
from tests.addresses import ALL
from tests.making import a_photo, a_user
from tests.proxy import start_plain_proxy
from tests.servers import free_port

pytestmark = pytest.mark.django_db
EXPORTS = ("annotated", "xmp", "json", "csv")
MEANT_FOR_THE_TRASH = {"photo_restore", "photo_erase", "photo_image", "face_image"}
PAGE = "http://testserver/photos/"  # on which somebody is when they ask for a file


@pytest.fixture
def world(own_data: Path) -> World:
    return make_world()


def ask(client: Client, name: str, world: World, kind: str = "", **more: Any) -> Any:
    """The answer to a download, as a browser asks for it; `kind` is that of an export."""
    args = [kind if kind and word == "export_kind" else world.value(word) for word in TABLE[name].words]
    address, more = reverse(name, args=args), {"HTTP_REFERER": PAGE, **more}
    if TABLE[name].method == "get":
        return client.get(address, {"album": world.value("album")} if name == "sidecars" else {}, **more)
    return client.post(address, {"photo": [world.value("photo")], "kind": kind or "annotated"}, **more)


def asked_for(*names: str) -> list[tuple[str, str]]:
    """The downloads of these names, or all, each with its kinds."""
    kinds = {"photo_export": EXPORTS, "photos_download": EXPORTS[:2]}
    return [(name, kind) for name in names or sorted(DOWNLOADS) for kind in kinds.get(name, ("",))]


def assert_said(answer: Any, status: int, sentence: str) -> None:
    """On a page, never as a file, with the way back to the page before."""
    assert answer.status_code == status
    assert "Content-Disposition" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")
    page = answer.content.decode()
    assert re.search(sentence, page), page
    assert f'href="{PAGE}"' in page


DOWNLOADS = {name for name in TABLE if name in ALL and hasattr(ALL[name].pattern.callback, "gives_file")}


@pytest.fixture
def administrator(client: Client, world: World) -> Client:
    client.force_login(world.users[Role.ADMINISTRATOR])
    client.raise_request_exception = False
    return client


def test_every_address_that_gives_a_file_is_known_as_one(administrator: Client, world: World) -> None:
    given = set()
    for name, rule in TABLE.items():
        if rule.method == "get" and "metrics" not in name:
            args = [world.value(word) for word in rule.words]
            if "attachment" in administrator.get(reverse(name, args=args)).get("Content-Disposition", ""):
                given.add(name)
    assert given | {"photos_download"} == DOWNLOADS
    assert hasattr(ALL["admin:gallery_person_export"].pattern.callback, "gives_file")


def test_no_link_has_the_browser_keep_an_error_page_as_a_file() -> None:
    templates = Path(settings.BASE_DIR, "templates").rglob("*.html")
    assert not [
        path for path in templates if re.search(r"\sdownload(=|>|\s+[a-z]+=|$)", path.read_text(), re.M)
    ]


def test_each_download_says_that_the_photo_was_put_into_the_trash(
    administrator: Client, world: World
) -> None:
    Photo.objects.update(trashed_at=timezone.now())
    for name, kind in asked_for("photo_original", "photo_export"):
        assert_said(ask(administrator, name, world, kind), 404, "“a.jpg” is in the trash")
    assert_said(ask(administrator, "photos_download", world), 409, "These photos are no longer there")


def test_whoever_may_not_see_the_trash_learns_nothing_of_it(client: Client, world: World) -> None:
    Photo.objects.update(trashed_at=timezone.now())
    client.force_login(world.users[Role.VIEWER])
    assert_said(ask(client, "photo_export", world, "json"), 404, "may have been removed")


def test_each_download_says_that_its_object_was_erased(administrator: Client, world: World) -> None:
    for name, kind in asked_for():
        world.values |= dict.fromkeys(("photo", "album", "person", "person_export"), 10**9)
        world.values["receipt"] = "00000000-0000-4000-8000-000000000000"
        said = "no longer there" if name == "photos_download" else "may have been removed"
        assert_said(ask(administrator, name, world, kind), 409 if name == "photos_download" else 404, said)


def test_each_download_says_that_its_file_is_missing(administrator: Client, world: World) -> None:
    for path in (*settings.MEDIA_ROOT.rglob("*.jpg"), *settings.DATA_DIR.rglob("*.zip")):
        path.unlink()
    for name, kind in asked_for("photo_original", "photos_download"):
        status = 409 if name == "photos_download" else 404
        assert_said(
            ask(administrator, name, world, kind), status, "missing on the server.*back.* from|missing"
        )
    for kind in ("annotated", "xmp"):
        assert_said(ask(administrator, "photo_export", world, kind), 404, "missing on the server")
    assert_said(ask(administrator, "person_export_file", world), 404, "Have a new one made")
    PersonExport.objects.update(expires_at=timezone.now())
    assert_said(ask(administrator, "person_export_file", world), 404, "Have a new one made")


def test_each_download_says_that_a_photo_is_damaged(administrator: Client, world: World) -> None:
    Path(settings.MEDIA_ROOT, "a.jpg").write_bytes(b"no picture")
    address = reverse("photo_original", args=(world.value("photo"),))
    assert_said(administrator.get(f"{address}?position=no", HTTP_REFERER=PAGE), 404, "not a photo")
    for kind in ("annotated", "xmp"):
        assert_said(ask(administrator, "photo_export", world, kind), 422, "not a photo")
        assert_said(ask(administrator, "photos_download", world, kind), 409, "a.jpg: .*not a photo")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (OperationalError("database or disk is full"), 507, "The disk is full"),
        (OperationalError("server closed the connection"), 503, "database is busy or away"),
        (ValueError("a mistake"), 500, "noted in the log"),
    ],
)
def test_each_download_says_what_the_server_lacks(
    administrator: Client,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    sentence: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    for place in (
        "web.media.record_download",
        "photos.exports.record_download",
        "web.privacy.write_audit_event",
    ):
        monkeypatch.setattr(f"gallery.{place}", fail)
    for name, kind in asked_for("photo_original", "photo_export", "photos_download", "person_export_file"):
        assert_said(ask(administrator, name, world, kind), status, sentence)


@pytest.mark.parametrize("status", [408, 413, 429, 503])
def test_what_the_gate_refuses_is_said_for_each_download(
    administrator: Client, world: World, status: int
) -> None:
    for name, kind in asked_for():
        refused = {REFUSED: Refused(status, "Wait a little.", 7)}
        answer = ask(administrator, name, world, kind, **refused)
        assert_said(answer, status, "Wait a little.")
        assert answer.headers["Retry-After"] == "7"


def test_whoever_lost_a_role_is_told_so(client: Client, world: World) -> None:
    client.force_login(world.users[Role.VIEWER])
    for name in DOWNLOADS - {"photo_export", "photos_download"}:
        assert_said(ask(client, name, world), 403, "Your role does not allow it")


def test_the_login_leads_back_to_the_page_and_not_to_the_file(client: Client, world: World) -> None:
    for name, kind in asked_for():
        answer = ask(client, name, world, kind)
        assert answer.headers["Location"] == "/account/login?next=/photos/", name


def test_scripts_get_the_sentence_and_programs_json_in_the_readers_language(client: Client) -> None:
    client.force_login(a_user(role=Role.CONTRIBUTOR))
    photo = a_photo("Tết.jpg", trashed_at=timezone.now())
    address = reverse("photo_state", args=(photo.pk,))
    answer = client.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert unquote(answer.headers["X-Sentence"]) == answer.content.decode()
    assert answer.content.decode().startswith("“Tết.jpg” is in the trash")
    answer = client.get(address, headers={"Accept": "application/json", "Accept-Language": "vi"})
    assert "thùng rác" in answer.json()["error"]
    assert answer.headers["X-Sentence"] == quote(answer.json()["error"])


def test_an_act_that_is_refused_says_why_whatever_page_it_was(
    curator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ActionRefused("Somebody is doing so already.")

    monkeypatch.setattr("gallery.web.albums.list_albums", refuse)
    assert_said(curator.get("/albums/", HTTP_REFERER=PAGE), 409, "Somebody is doing so already")


def test_whoever_sends_a_form_after_the_session_has_ended_is_told_that_it_was_not_taken(
    client: Client,
) -> None:
    answer = client.post(reverse("photos_act"), {"do": "trash"}, HTTP_REFERER=PAGE, follow=True)
    assert "What you sent was not taken" in answer.content.decode()


def test_a_stream_that_fails_midway_is_not_ended_as_if_it_were_whole() -> None:
    def begin_and_fail() -> Any:
        yield b"PK"
        raise OSError(5, "Input/output error")

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    stream = iter(StreamingHttpResponse(begin_and_fail()))
    answer = Answer(200, [], stream=stream, language="en")
    with pytest.raises(OSError, match="Input/output"):
        asyncio.run(Threads(lambda *_: [], 1).send_rest(answer, send, receive))
    assert sent == [{"type": "http.response.body", "body": b"PK", "more_body": True}]


def test_the_proxy_says_that_the_site_is_stopped(tmp_path: Path) -> None:
    proxy = start_plain_proxy(tmp_path, free_port(), tmp_path)
    try:
        with pytest.raises(HTTPError) as raised:
            urlopen(f"http://127.0.0.1:{proxy.port}/photos/1/original")
        assert raised.value.code == 502
        page = raised.value.read().decode()
        assert "try again in a moment" in page
        assert "hãy quay lại" in page
    finally:
        proxy.stop()


def test_each_act_of_a_script_on_a_photo_in_the_trash_says_so(administrator: Client, world: World) -> None:
    Photo.objects.update(trashed_at=timezone.now())
    wrong, asked = {}, 0
    for name, rule in TABLE.items():
        if not {"photo", "face"} & {*rule.words} or rule.role is None or name in MEANT_FOR_THE_TRASH:
            continue
        address = reverse(name, args=[world.value(word) for word in rule.words])
        ask_by = administrator.post if rule.method == "post" else administrator.get
        answer = ask_by(address, headers={"HX-Request": "true"})
        said = unquote(answer.headers.get("X-Sentence", ""))
        if answer.status_code != 404 or not said.startswith("“a.jpg” is in the trash"):
            wrong[name] = (answer.status_code, said)
        asked += 1
    assert not wrong
    assert asked > 10
