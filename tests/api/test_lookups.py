"""Pictures that are looked at and not kept: answered by a worker of its own, from what the asker may see."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from django.http import HttpResponse

from gallery.api.schemas import ComparedOut, IdentifiedOut
from gallery.core.lookups import SOCKET_NAME, get_lookup
from gallery.faces.lookup_server import answer_question
from gallery.index import engine
from gallery.index.builds import request_build, run_build
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.models import Album, Event, Photo, Reference, Role, SiteSetting, User
from tests.api.calling import Caller, problem
from tests.engines import FakeEngine, somebody
from tests.gallery_world import know, world
from tests.making import EMBEDDER, a_face, a_person, a_photo, a_user, a_vector
from tests.making_pictures import jpeg
from tests.servers import wait_for
from tests.site import Site

__all__ = ["world"]


@pytest.mark.django_db
@pytest.mark.usefixtures("own_data")
def test_a_call_that_no_worker_answers_says_so_and_leaves_nothing(settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = settings.DATA_DIR
    who = Caller(a_user("Vy", Role.VIEWER))
    before = sorted(settings.DATA_DIR.rglob("*"))
    answer = who.send("/identify", jpeg())
    assert problem(answer) == (503, "no_worker")
    assert answer["Retry-After"]
    lookup = get_lookup(answer)
    assert lookup
    assert (lookup.act, lookup.user, lookup.pictures[0].tell()) == ("identify", who.user.pk, len(jpeg()))
    assert sorted(settings.DATA_DIR.rglob("*")) == before
    assert not Photo.objects.exists()
    [event] = Event.objects.filter(verb="looked_up")
    assert event.summary == {}
    settings.IDENTIFY = False
    assert problem(who.send("/identify")) == (403, "switched_off")


def identify(user: Any, picture: bytes = b"") -> Any:
    answer = ask("identify", [picture or jpeg()], user)
    return answer.status_code, json.loads(answer.content)


def ask(act: str, pictures: list[bytes], user: User, language: str = "en", **options: Any) -> HttpResponse:
    question = {"act": act, "user": user.pk, "language": language, "options": options}
    return answer_question(question, pictures)


@pytest.mark.django_db(transaction=True)
def test_answers_rest_on_references_that_the_asker_may_see(world: FakeEngine) -> None:
    anna, owner, other = a_person(), a_user("Owner"), a_user("Other")
    album = Album.objects.create(name="x", is_limited=True, created_by=owner)
    hidden = know(anna, a_vector(1))
    Reference.objects.filter(pk=hidden.pk).update(source_face=a_face(a_photo(album=album)))
    run_build(request_build("test", delay=0).pk)
    world.faces = [somebody(100, 1)]
    _status, mine = identify(owner)
    IdentifiedOut.model_validate(mine)
    assert mine["faces"][0]["person"] == {"id": anna.pk, "name": "Anna", "label": "Anna"}
    _status, others = identify(other)
    [face] = others["faces"]
    assert (face["state"], face["person"], face["similarity"], face["candidates"]) == (
        "unknown",
        None,
        None,
        [],
    )


@pytest.mark.django_db(transaction=True)
def test_no_face_a_hundred_and_an_empty_gallery_are_no_errors(world: FakeEngine) -> None:
    user = a_user()
    assert identify(user) == (200, {"width": 800, "height": 600, "faces": []})
    world.faces = [somebody(8 * number, number) for number in range(100)]
    status, found = identify(user)
    assert (status, len(found["faces"])) == (200, 100)
    assert {(face["state"], face["person"], len(face["candidates"])) for face in found["faces"]} == {
        ("unknown", None, 0)
    }
    SiteSetting.objects.create(key=SERVING_RECIPE_KEY, value={"id": EMBEDDER, "name": "test", "options": {}})
    world.faces = [somebody(100, 1)]
    answer = ask("search_with_picture", [jpeg()], user)
    assert json.loads(answer.content) == {"faces": [], "next": None}


@pytest.mark.django_db(transaction=True)
def test_two_pictures_are_compared_by_their_main_faces(world: FakeEngine) -> None:
    user = a_user()
    world.faces = [somebody(100, 1)]
    answer = ask("compare", [jpeg(), jpeg()], user)
    said = json.loads(answer.content)
    ComparedOut.model_validate(said)
    assert (answer.status_code, said["same"], said["similarity"]) == (200, True, 1.0)
    assert said["meaning"]
    world.faces = []
    assert problem(ask("compare", [jpeg(), jpeg()], user)) == (422, "no_face")


@pytest.mark.django_db
@pytest.mark.usefixtures("fake")
def test_a_picture_that_cannot_be_read_is_told_in_the_asked_language(monkeypatch: Any) -> None:
    monkeypatch.setattr(engine, "get_detector", lambda: None)
    answer = ask("identify", [b"not a picture"], a_user(), "vi")
    assert problem(answer) == (422, "looks_like")
    assert "ảnh" in json.loads(answer.content)["detail"].lower()


@pytest.mark.slow
def test_a_picture_is_named_as_by_the_command_and_nothing_of_it_is_left(
    tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    people, photos = demo
    photo = next(path for path in sorted(photos.rglob("*")) if path.is_file())
    site = Site(tmp_path / "site", FACESITE_IDENTIFY="yes")
    site.ask("User.objects.create(username='vy', role='viewer')\nanswer = 0")
    site.manage("import_people", str(people))
    site.manage("build_index")
    [tagged] = site.json("tag", str(photo))
    [key] = site.json("create_api_key", "vy")
    bearer = {"Authorization": f"Bearer {key['key']}"}

    def send(address: str) -> requests.Response:
        with photo.open("rb") as file:
            return requests.post(
                f"{address}/api/v1/identify", headers=bearer, files={"file": file}, timeout=90
            )

    with site.web() as address:
        assert send(address).status_code == 503
        with site.worker():
            wait_for(lambda: (site.folder / SOCKET_NAME).exists(), "the worker to listen", 60)
            files = sorted(path for path in site.folder.rglob("*") if "broker" not in path.parts)
            with ThreadPoolExecutor(5) as callers:
                answers = list(callers.map(send, [address] * 5))
            assert [answer.status_code for answer in answers] == [200] * 5
            for answer in answers:
                assert as_said(answer.json()["faces"]) == as_said(tagged["faces"])
            left = sorted(path for path in site.folder.rglob("*") if "broker" not in path.parts)
            assert [path for path in left if path not in files and "tmp" in path.parts] == []
        assert send(address).status_code == 503
    assert site.rows("SELECT count(*) FROM gallery_photo") == [(0,)]


def as_said(faces: list[dict[str, Any]]) -> list[Any]:
    """Place, name and similarity of each, as the command and the call have them."""
    return [
        (
            face["box"],
            face["name"] if "name" in face else (face["person"] or {}).get("name"),
            face["similarity"],
        )
        for face in faces
    ]
