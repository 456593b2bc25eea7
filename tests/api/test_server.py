"""The API on a real web server: what the documentation shows, and bodies that are refused before they come."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.slow_clients import SlowClient, head
from tests.making_pictures import jpeg
from tests.site import ROOT, Site

pytestmark = pytest.mark.slow


@dataclass
class Served:
    site: Site
    address: str

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def make_key(self, user: str, scopes: str) -> str:
        [made] = self.site.json("create_api_key", user, "--scopes", scopes)
        key: str = made["key"]
        return key


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = Site(tmp_path_factory.mktemp("api"), FACESITE_UPLOAD_REQUEST_MAX_MB="1")
    site.ask(
        "for name in ('viewer', 'curator'):\n    User.objects.create(username=name, role=name)\nanswer = 0"
    )
    with site.web() as address:
        yield Served(site, address)


def test_the_calls_of_the_documentation_work_as_they_stand(served: Served, tmp_path: Path) -> None:
    [script] = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    assert script.count("curl ") == 5
    (tmp_path / "anna.jpg").write_bytes(jpeg(1))
    (tmp_path / "party.jpg").write_bytes(jpeg(2))
    names = {"FACESITE": served.address, "KEY": served.make_key("curator", "read,upload,decide,curate")}
    done = subprocess.run(
        ["bash", "-e", "-c", script.replace("\ncurl", "\necho; curl")],
        cwd=tmp_path,
        env={**served.site.environment, **names},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    person, reference, sent, photo, found = (json.loads(line) for line in done.stdout.split("\n") if line)
    assert (person["id"], person["name"], reference["status"]) == (1, "Anna Berg", "queued")
    assert (sent["duplicate"], photo["id"], photo["status"]) == (False, 1, "queued")
    assert [one["name"] for one in found["people"]] == ["Anna Berg"]


KIND = "multipart/form-data; boundary=x"
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'


def begin_upload(served: Served, key: str, length: int, body: bytes = START) -> SlowClient:
    """A connection that has said so much about an upload, and sends so much of it."""
    start = head("POST", "/api/v1/photos", length, kind=KIND, Authorization=f"Bearer {key}")
    return SlowClient(served.port, start + body)


def hear_problem(client: SlowClient) -> tuple[int, str]:
    client.go_on(lambda: b"}" in client.heard, "an answer")
    client.close()
    assert b"application/problem+json" in client.heard
    said = json.loads(client.heard[client.heard.index(b"{") : client.heard.index(b"}") + 1])
    return said["status"], said["code"]


@pytest.mark.parametrize(
    ("user", "scopes", "expected"),
    [
        ("", "", (401, "key_needed")),
        ("curator", "read", (403, "scope_missing")),
        ("viewer", "upload", (403, "role_too_low")),
    ],
)
def test_whoever_may_not_send_is_told_so_before_a_body_has_come(
    served: Served, user: str, scopes: str, expected: tuple[int, str]
) -> None:
    key = served.make_key(user, scopes) if user else "fs_wrong"
    assert hear_problem(begin_upload(served, key, 300_000)) == expected


def test_more_than_a_request_may_have_is_refused_before_it_has_come(served: Served) -> None:
    key = served.make_key("curator", "upload")
    assert hear_problem(begin_upload(served, key, 2_000_000)) == (413, "too_large")


def test_a_large_file_comes_in_whole_and_one_that_is_cut_off_leaves_nothing(served: Served) -> None:
    key = served.make_key("curator", "upload")
    body = START + jpeg(3) + bytes(200_000) + b"\r\n--x--\r\n"
    cut = begin_upload(served, key, len(body), body[:100_000])
    cut.go_on(lambda: not cut.unsent, "half of the file to be sent")
    cut.close()
    [(before,)] = served.site.rows("SELECT count(*) FROM gallery_photo")
    whole = begin_upload(served, key, len(body), body)
    assert whole.hear_status() == 201
    whole.close()
    assert served.site.rows("SELECT count(*) FROM gallery_photo") == [(before + 1,)]
