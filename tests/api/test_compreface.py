"""Programs made for CompreFace work with its addresses, header, answers and errors, and its scale of similarities."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gallery.core.lookups import SOCKET_NAME
from gallery.index.builds import request_build, run_build
from gallery.models import Album, Person, Reference, Role, User
from gallery.people import compreface
from gallery.people.services import create_person
from gallery.people.subjects import find_subject
from tests.api.calling import Caller
from tests.api.test_lookups import ask
from tests.engines import FakeEngine, somebody
from tests.gallery_world import know, world
from tests.making import a_face, a_person, a_photo, a_reference, a_user, a_vector
from tests.making_pictures import jpeg
from tests.servers import wait_for
from tests.site import Site

__all__ = ["world"]
ROOT = "/compreface/api/v1/recognition"
RECOGNISE = {
    "limit": 0,
    "prediction_count": 1,
    "least_detection": 0.5,
    "has_landmarks": False,
    "has_status": False,
}


class Client(Caller):
    def at(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.client.generic(
            method, ROOT + path, json.dumps(body) if body is not None else "", content_type="application/json"
        )
        return answer.status_code, answer.json()


@pytest.fixture
def client(user: User, sent: list[Any]) -> Client:
    return Client(user)


@pytest.mark.django_db
def test_subjects_are_added_listed_renamed_merged_and_removed(client: Client) -> None:
    assert client.at("POST", "/subjects", {"subject": "Anna"}) == (201, {"subject": "Anna"})
    status, said = client.at("POST", "/subjects", {"subject": "Anna"})
    assert (status, said["code"]) == (400, 43)
    client.at("POST", "/subjects", {"subject": "Ben"})
    assert client.at("GET", "/subjects") == client.at("GET", "/subjects/")
    assert client.at("GET", "/subjects")[1] == {"subjects": ["Anna", "Ben"]}
    assert client.at("PUT", "/subjects/Ben", {"subject": "Bo"}) == (200, {"updated": True})
    anna, bo = Person.objects.get(name="Anna"), Person.objects.get(name="Bo")
    a_reference(bo)
    assert client.at("PUT", "/subjects/Bo", {"subject": "Anna"}) == (200, {"updated": True})
    assert Reference.objects.get().person == anna
    assert client.at("DELETE", "/subjects/Anna") == (200, {"subject": "Anna"})
    assert client.at("GET", "/subjects")[1] == {"subjects": []}
    assert not Reference.objects.approved().exists(), "whoever was removed would still be recognised"
    assert client.at("DELETE", "/subjects/Anna")[1]["code"] == 42
    assert client.at("POST", "/subjects", {"subject": "Anna"}) == (201, {"subject": "Anna"})
    assert client.at("DELETE", "/subjects") == (200, {"deleted": 1})


@pytest.mark.django_db
def test_examples_are_listed_by_pages_and_removed(client: Client) -> None:
    anna, ben = a_person("Anna"), a_person("Ben")
    own = [a_reference(anna) for _ in range(3)]
    other = a_reference(ben)
    owner = a_user("Owner", Role.CONTRIBUTOR)
    album = Album.objects.create(name="x", is_limited=True, created_by=owner)
    hidden = a_reference(ben, source_face=a_face(a_photo(album=album)))
    _status, said = client.at("GET", "/faces?page=1&size=2&subject=Anna")
    assert said["faces"] == [{"image_id": str(own[2].pk), "subject": "Anna"}]
    assert {name: said[name] for name in said if name != "faces"} == {
        "page_number": 1, "page_size": 2, "total_pages": 2, "total_elements": 3,
    }  # fmt: skip
    assert client.at("GET", "/faces")[1]["total_elements"] == 4
    one = {"image_id": str(own[0].pk), "subject": "Anna"}
    assert client.at("DELETE", f"/faces/{own[0].pk}") == (200, one)
    status, said = client.at("DELETE", f"/faces/{hidden.pk}")
    assert (status, said["code"]) == (404, 44)
    assert client.at("POST", "/faces/delete", [str(other.pk)])[1][0]["subject"] == "Ben"
    assert client.at("DELETE", "/faces?subject=Anna") == (200, {"deleted": 2})


@pytest.mark.django_db
@pytest.mark.usefixtures("own_data")
def test_what_is_wrong_is_told_by_compreface_s_numbers(client: Client) -> None:
    for method, path, body, number in (
        ("POST", "/recognize", {"file": "no base64"}, 34),
        ("POST", "/recognize?limit=-1", {}, 26),
        ("POST", "/faces?subject=", {}, 26),
        ("GET", "/faces?subject=Nobody", None, 42),
        ("POST", "/subjects", {}, 26),
    ):
        status, said = client.at(method, path, body)
        assert (status // 100, said["code"]) == (4, number), path
        assert said["message"]


def test_similarities_rise_all_the_way_and_are_nine_tenths_at_the_bound() -> None:
    cosines = [number / 100 for number in range(-100, 101)]
    mapped = [compreface.rescale_similarity(cosine, 0.45) for cosine in cosines]
    assert mapped == sorted(mapped)
    assert compreface.rescale_similarity(0.45, 0.45) == pytest.approx(0.9)
    assert compreface.rescale_similarity(0.4499, 0.45) < 0.9
    assert (mapped[0], mapped[-1]) == (0, pytest.approx(1))


@pytest.mark.django_db(transaction=True)
def test_the_known_have_nine_tenths_and_more_and_strangers_and_doubtful_ones_less(world: FakeEngine) -> None:
    anna, user = a_person("Anna"), a_user()
    for _ in range(3):
        know(anna, a_vector(1))
    know(a_person("Ben"), a_vector(2))
    run_build(request_build("test", delay=0).pk)
    world.faces = [somebody(100, 1), *(somebody(100 + 100 * seed, seed) for seed in range(3, 7))]
    said = json.loads(ask("compreface.recognise", [jpeg()], user, **RECOGNISE).content)
    known, *strangers = sorted(said["result"], key=lambda one: one["box"]["x_min"])
    assert known["subjects"] == [{"subject": "Anna", "similarity": pytest.approx(1, abs=1e-3)}]
    assert known["box"] == {"probability": 0.99, "x_min": 100, "y_min": 100, "x_max": 180, "y_max": 200}
    assert all(len(one["subjects"]) == 1 for one in strangers)
    assert max(one["subjects"][0]["similarity"] for one in strangers) < 0.9
    two = {**RECOGNISE, "prediction_count": 2, "limit": 1, "has_landmarks": True, "has_status": True}
    said = json.loads(ask("compreface.recognise", [jpeg()], user, **two).content)
    [face] = said["result"]
    assert len(face["subjects"]) == 2
    assert len(face["landmarks"]) == 5
    assert face["execution_time"]
    assert said["plugins_versions"]
    world.faces = []
    answer = ask("compreface.recognise", [jpeg()], user, **RECOGNISE)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, 28)


@pytest.mark.django_db
def test_two_people_of_one_name_are_two_subjects(client: Client) -> None:
    first = create_person(client.user, "Anna")
    second = create_person(client.user, "Anna", is_another=True)
    [one, other] = client.at("GET", "/subjects")[1]["subjects"]
    assert one != other
    assert find_subject(one) == first
    assert find_subject(other) == second
    assert client.at("DELETE", f"/subjects/{other}") == (200, {"subject": other})
    assert not Person.objects.get(pk=first.pk).is_hidden
    status, said = client.at("GET", "/faces?subject=Anna")
    assert (status, said["message"].count("Anna") > 1) == (400, True)


@dataclass(frozen=True)
class Running:
    """A site with its worker, and a curator's key."""

    site: Site
    origin: str
    port: str
    key: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    site = Site(tmp_path_factory.mktemp("compreface") / "site", FACESITE_IDENTIFY="yes")
    site.ask("User.objects.create(username='mai', role='curator')\nanswer = 0")
    [made] = site.json("create_api_key", "mai", "--scopes", "read,curate")
    with site.web() as address, site.worker():
        wait_for(lambda: (site.folder / SOCKET_NAME).exists(), "the worker to listen", 60)
        origin, _colon, port = address.rpartition(":")
        yield Running(site, origin, port, made["key"])


@pytest.fixture
def javascript_sdk(tmp_path: Path) -> Path:
    """A folder with CompreFace's SDK for JavaScript."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("NOT TESTED: CompreFace's SDK for JavaScript needs node and npm")
    command = [
        npm,
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "@exadel/compreface-js-sdk@1.0.0",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: npm did not get CompreFace's SDK for JavaScript: {done.stderr[-300:]}")
    return tmp_path


@pytest.mark.slow
def test_its_sdk_for_javascript_runs_against_the_site(
    running: Running, javascript_sdk: Path, demo: tuple[Path, Path]
) -> None:
    script = Path(__file__).with_name("compreface_sdk.mjs")
    shutil.copy(script, javascript_sdk)
    shutil.copy(demo[0] / "Joe Biden" / "portrait-2013.jpg", javascript_sdk / "one.jpg")
    done = subprocess.run(
        ["node", script.name, running.origin, running.port, running.key],
        cwd=javascript_sdk,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    example = {"image_id": said["added"]["image_id"], "subject": "JS"}
    assert (said["made"], said["added"]["subject"]) == ({"subject": "Java Script"}, "Java Script")
    assert said["recognized"] == "Java Script"
    assert said["verified"]["result"][0]["similarity"] > 0.99
    assert (said["renamed"], said["listed"], said["subjects"]) == ({"updated": True}, [example], ["JS"])
    assert (said["deleted"], said["gone"], said["refused"]) == (example, {"subject": "JS"}, 42)


@pytest.mark.slow
def test_its_sdk_runs_against_the_site(
    running: Running, demo: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The SDK wants that very version of requests-toolbelt which imports what urllib3 has no more, for an engine that
    # is not here.
    monkeypatch.setitem(sys.modules, "urllib3.contrib.appengine", ModuleType("appengine"))
    from compreface import CompreFace

    people = sorted(path for path in demo[0].iterdir() if path.is_dir())
    options = {"det_prob_threshold": 0.8, "prediction_count": 1}
    service = CompreFace(running.origin, f"{running.port}/compreface", options).init_face_recognition(
        running.key
    )
    faces = service.get_face_collection()
    subjects = service.get_subjects()
    assert subjects.add("Somebody else") == {"subject": "Somebody else"}
    added: dict[str, dict[str, str]] = {}
    for folder in people:
        for path in sorted(folder.iterdir()):
            added[folder.name] = faces.add(str(path), folder.name)
            assert added[folder.name]["subject"] == folder.name
    assert set(subjects.list()["subjects"]) == {"Somebody else", *added}
    done = "SELECT count(*) FROM gallery_reference WHERE work <> 'done'"
    wait_for(lambda: running.site.rows(done) == [(0,)], "the references", 60)
    for folder in people:
        seen = service.recognize(str(sorted(folder.iterdir())[0]))
        [found] = seen["result"][0]["subjects"]
        assert (found["subject"], found["similarity"] >= 0.9) == (folder.name, True)
        alike = faces.verify(str(sorted(folder.iterdir())[-1]), added[folder.name]["image_id"])
        assert alike["result"][0]["similarity"] > 0.99
    assert faces.list()["total_elements"] >= len(people)
    assert subjects.update("Somebody else", "Nobody") == {"updated": True}
    first = people[0].name
    assert faces.delete(added[first]["image_id"]) == added[first]
    assert subjects.delete(first) == {"subject": first}
