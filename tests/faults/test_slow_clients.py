"""Clients that are slow, many or enormous take nothing from the others. Real processes and real sockets."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.slow_clients import SlowClient, ask, head, kept_going, upload
from tests.making_pictures import jpeg
from tests.proxy import start_plain_proxy
from tests.servers import free_port, is_open, wait_for
from tests.site import Site, stop_group

pytestmark = [pytest.mark.slow]

SECONDS = 10  # a page may take so long here, which is far below what a slow client takes
IDLE_SECONDS = 4
AT_ONCE = 32  # bodies of one user
USERS = """
for name in ("viewer", "contributor"):
    User.objects.create(username=name, role=name)
answer = 0
"""


@dataclass
class Served:
    site: Site
    port: int
    viewer: str  # sessions
    contributor: str

    def clients(self, count: int, request: bytes, *, reads: int = 65536) -> list[SlowClient]:
        """Connections that have sent their headers."""
        found = [SlowClient(self.port, request, reads=reads) for _ in range(count)]
        for client in found:
            client.step(2_000)
        return found

    def check_others(self) -> None:
        """Pages and probes answer whoever else comes."""
        for path, session in (
            ("/healthz", ""),
            ("/readyz", ""),
            ("/account/login", ""),
            ("/", self.contributor),
            ("/photos/", self.viewer),
        ):
            assert ask(self.port, path, session) < SECONDS

    def digests(self) -> set[str]:
        return {row[0] for row in self.site.rows("SELECT sha256 FROM gallery_photo")}

    def spooled(self) -> int:
        """Bytes of files that the web server holds open without a name."""
        found = 0
        for pid in _processes_with(str(self.site.folder)):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    name = str(link.readlink())
                    if name.startswith(str(self.site.folder / "tmp")) and name.endswith("(deleted)"):
                        found += link.stat().st_size
                except OSError:  # closed meanwhile
                    continue
        return found


def _processes_with(folder: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"FACESITE_DATA_DIR={folder}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {
        "FACESITE_IDLE_SECONDS": str(IDLE_SECONDS),
        "FACESITE_USER_UPLOADS_AT_ONCE": str(AT_ONCE),
        "FACESITE_UPLOADS_PER_HOUR": "1000",
    }
    site = Site(tmp_path_factory.mktemp("slow"), **settings)
    site.ask(USERS)
    port = free_port()
    web = site.start_web(port)
    try:
        wait_for(lambda: is_open(port), "the web server")
        yield Served(site, port, site.make_session("viewer"), site.make_session("contributor"))
    finally:
        stop_group(web)


@pytest.fixture(params=["direct", "nginx"])
def door(request: pytest.FixtureRequest, served: Served) -> Served:
    """The site by itself, and behind nginx."""
    found: Served = served if request.param == "direct" else request.getfixturevalue("proxied")
    return found


@pytest.fixture(scope="module")
def proxied(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with another_web(served, FACESITE_PROXIES="1", FACESITE_ACCEL="/protected/") as (other, _):
        folder = tmp_path_factory.mktemp("nginx")
        for above in (served.site.folder, *served.site.folder.parents[:3]):  # nginx gives up root's rights
            above.chmod(above.stat().st_mode | 0o011)
        proxy = start_plain_proxy(folder, other.port, served.site.folder)
        yield replace(served, port=proxy.port)
        proxy.stop()


@contextmanager
def another_web(served: Served, **environment: str) -> Iterator[tuple[Served, subprocess.Popen[bytes]]]:
    """A second web server of the site, with settings of its own."""
    port = free_port()
    web = served.site.start_web(port, **environment)
    try:
        wait_for(lambda: is_open(port), "the web server")
        yield replace(served, port=port), web
    finally:
        stop_group(web)


def photo(size: int, shade: int = 90) -> bytes:
    """With so many bytes after the picture's end, where decoders do not look."""
    return jpeg(shade) + os.urandom(size)


# Senders


def test_pages_answer_while_hundreds_send_slowly(door: Served) -> None:
    """200 who are not signed in and 30 who are: the first are told so at once, the others are received."""
    body = photo(200_000)
    strangers = door.clients(200, upload(body))
    uploaders = door.clients(30, upload(body, door.contributor))
    with kept_going(strangers + uploaders):
        door.check_others()
        wait_for(lambda: all(client.status for client in strangers), "an answer to each stranger")
        assert {client.status for client in strangers} == {401}
        door.check_others()
        assert not any(client.is_over or client.status for client in uploaders)


@pytest.mark.long
def test_pages_answer_while_strangers_come_again_and_again(door: Served) -> None:
    """Half a minute, in which each stranger who was refused is followed by another."""
    body = photo(300_000)
    strangers = door.clients(200, upload(body))
    uploaders = door.clients(30, upload(body, door.contributor))
    times, came = list[float](), len(strangers)
    with kept_going(strangers + uploaders):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for path, session in (("/healthz", ""), ("/", door.contributor), ("/photos/", door.viewer)):
                times.append(ask(door.port, path, session))
            for client in [client for client in strangers if client.status]:
                client.begin_again()
                came += 1
        assert not any(client.is_over or client.status for client in uploaders)
    assert came > 400
    assert max(times) < SECONDS


def test_a_slow_upload_arrives_whole(door: Served) -> None:
    body = photo(3_000)
    padded = photo(90_000, 91)  # more than a form may have
    clients = [
        SlowClient(door.port, upload(each, door.contributor), dribble=1_500) for each in (body, padded)
    ]
    with kept_going(clients):
        wait_for(lambda: all(b"added" in client.heard for client in clients), "both photos", 90)
    assert {hashlib.sha256(each).hexdigest() for each in (body, padded)} <= door.digests()


def test_a_body_without_a_length_is_received_too(served: Served) -> None:
    body = photo(100_000, 92)
    request = upload(body, served.contributor, Transfer_Encoding="chunked")
    start, _, sent = request.partition(b"\r\n\r\n")
    start = b"\r\n".join(line for line in start.split(b"\r\n") if not line.startswith(b"Content-Length"))
    chunks = [sent[at : at + 5_000] for at in range(0, len(sent), 5_000)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    client = SlowClient(served.port, start + b"\r\n\r\n" + framed)
    client.go_on(lambda: b"added" in client.heard, "the photo")
    client.close()
    assert hashlib.sha256(body).hexdigest() in served.digests()


def test_who_may_not_upload_hears_so_before_a_byte_is_kept(door: Served) -> None:
    for session, status in (("", 401), ("f" * 32, 401), (door.viewer, 403)):
        client = SlowClient(door.port, upload(photo(5_000_000), session))
        assert client.hear_status() == status
        assert door.spooled() == 0
        client.close()


def test_a_browsers_form_leads_to_the_login(served: Served) -> None:
    request = upload(
        photo(100_000), path="/upload/plain", Accept="text/html", Referer="http://localhost/upload/"
    )
    client = SlowClient(served.port, request)
    assert client.hear_status() == 302
    assert b"location: /account/login?next=/" in client.heard.lower()
    client.close()


@pytest.mark.parametrize("path", ["/language", "/account/", "/account/login"])
def test_only_addresses_that_take_files_take_large_bodies(served: Served, path: str) -> None:
    client = SlowClient(served.port, upload(photo(6_000_000), served.contributor, path=path))
    assert client.hear_status() == 413
    client.close()


def test_who_stops_sending_is_told_so_and_nothing_stays(served: Served) -> None:
    request = upload(photo(1_000_000), served.contributor)
    client = SlowClient(served.port, request[:600_000])
    client.go_on(lambda: served.spooled(), "some of it on the disk")
    client.go_on(lambda: client.status, "the end of patience", 30)
    assert client.status == 408
    client.go_on(lambda: b"Nothing came for too long." in client.heard, "the reason")
    wait_for(lambda: not served.spooled(), "the file's end")
    client.close()


def test_one_user_sends_only_so_much_at_once(served: Served) -> None:
    clients = served.clients(AT_ONCE, upload(photo(200_000), served.contributor))
    with kept_going(clients):
        late = SlowClient(served.port, upload(photo(200_000), served.contributor))

        def is_refused() -> bool:
            late.step(1_000_000)
            return late.status == 429

        wait_for(is_refused, "an answer")
        assert b"retry-after: 10" in late.heard.lower()
        assert b"You are sending as much at once as one may." in late.heard
        assert not any(client.status for client in clients)
        late.close()


def test_what_a_killed_server_was_receiving_is_gone_with_it(served: Served) -> None:
    with another_web(served) as (other, web):
        client = SlowClient(other.port, upload(photo(2_000_000), served.contributor)[:1_000_000])
        client.go_on(served.spooled, "some of it on the disk")
        stop_group(web, signal.SIGKILL)
    assert served.spooled() == 0
    assert [path for path in (served.site.folder / "tmp").iterdir() if path.is_file()] == []
    client.close()


def test_past_the_hours_limit_no_byte_is_taken_and_one_hears_when_to_go_on(served: Served) -> None:
    first = SlowClient(served.port, upload(photo(100_000, 50), served.contributor))
    first.go_on(lambda: b"added" in first.heard, "the first photo")
    with another_web(served, FACESITE_UPLOADS_PER_HOUR="1") as (other, _):
        request = upload(photo(100_000, 60), served.contributor, Expect="100-continue")
        second = SlowClient(other.port, request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        assert second.hear_status() == 429
        wait = int(second.heard.lower().partition(b"retry-after: ")[2].split(b"\r\n")[0])
        assert 60 <= wait <= 3_600


# Readers


@pytest.fixture(scope="module")
def large_photo(served: Served) -> int:
    """The id of one whose file no socket's buffers hold."""
    client = SlowClient(served.port, upload(photo(20_000_000, 93), served.contributor))
    client.go_on(lambda: b"added" in client.heard, "the photo")
    client.close()
    pk: int = served.site.rows("SELECT MAX(id) FROM gallery_photo")[0][0]
    return pk


def test_pages_answer_while_originals_are_not_read(door: Served, large_photo: int) -> None:
    path = f"/photos/{large_photo}/original?position=yes"
    readers = door.clients(20, head("GET", path, session=door.contributor), reads=0)
    try:
        for reader in readers:
            reader.step(10_000)
        door.check_others()
        door.check_others()
    finally:
        for reader in readers:
            reader.close()


def test_a_reader_who_stops_reading_is_left(served: Served, large_photo: int) -> None:
    path = f"/photos/{large_photo}/original?position=yes"
    reader = SlowClient(served.port, head("GET", path, session=served.contributor), reads=0)
    reader.step(10_000)
    reader.unsent = b"GET "  # which tells a connection that is there from one that is not
    reader.go_on(lambda: _is_reset(reader), "the end of the connection", 40)
    reader.close()


def _is_reset(client: SlowClient) -> bool:
    try:
        client.socket.send(b"x")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def test_zips_that_are_not_read_are_few_for_one_user_and_hold_no_page(served: Served, tmp_path: Path) -> None:
    picture = tmp_path / "noise.jpg"
    Image.frombytes("RGB", (3000, 2000), os.urandom(18_000_000)).save(picture, quality=95)
    client = SlowClient(served.port, upload(picture.read_bytes(), served.contributor))
    client.go_on(lambda: b"added" in client.heard, "the photo")
    pk = served.site.rows("SELECT MAX(id) FROM gallery_photo")[0][0]
    body = f"kind=xmp&photo={pk}".encode()
    kind = "application/x-www-form-urlencoded"
    asked = head("POST", "/photos/download", len(body), served.contributor, kind) + body
    readers = served.clients(9, asked, reads=100)
    with kept_going(readers):
        wait_for(lambda: all(reader.status for reader in readers), "an answer to each")
        assert sorted(reader.status for reader in readers) == [200] * 8 + [429]
        served.check_others()
    wait_for(lambda: _may_load(served, asked), "the end of those who went away")


def _may_load(served: Served, asked: bytes) -> bool:
    client = SlowClient(served.port, asked)
    status = client.hear_status()
    client.close()
    return status == 200


# Half-open and enormous


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 30_000])
def test_connections_without_a_request_are_closed_and_disturb_nobody(served: Served, start: bytes) -> None:
    clients = served.clients(300, start)
    with kept_going(clients):
        served.check_others()
        wait_for(lambda: all(client.is_over for client in clients), "the end of all of them", 30)


def test_a_connection_that_is_kept_open_may_ask_again_and_is_closed_after_a_while(served: Served) -> None:
    client = SlowClient(served.port, head("GET", "/healthz"))
    client.go_on(lambda: client.heard.endswith(b"ok\n\r\n0\r\n\r\n"), "the whole answer")
    client.heard.clear()
    client.unsent = head("GET", "/account/login")
    client.go_on(lambda: b"</html>" in client.heard, "the page")
    client.go_on(lambda: client.is_over, "the end", 40)
    client.close()


@pytest.mark.parametrize("name", ["X_Long", "Cookie", "Referer"])
def test_enormous_headers_are_refused_without_reading_them_all(served: Served, name: str) -> None:
    client = SlowClient(served.port, head("GET", "/account/login", **{name: "a=" + "b" * 20_000_000}))
    client.go_on(lambda: client.is_over or client.status, "the end")
    assert client.status in (0, 400, 431)
    assert len(client.unsent) > 10_000_000
    client.close()
    served.check_others()


def test_a_form_with_too_many_fields_is_refused(served: Served) -> None:
    body = b"&".join(b"a%d=" % number for number in range(6_000))
    kind = "application/x-www-form-urlencoded"
    request = head("POST", "/account/login", len(body), kind=kind, Accept="text/html") + body
    client = SlowClient(served.port, request.replace(b"X-CSRFToken", b"X-Other"))
    assert client.hear_status() == 400
    client.close()


def test_a_header_with_an_underscore_does_not_pass_for_one_of_a_proxy(served: Served) -> None:
    more = b"Host: localhost\r\nX_Forwarded_Host: x\r\nCONTENT_LENGTH: 5"
    request = head("GET", "/account/login").replace(b"Host: localhost", more)
    client = SlowClient(served.port, request)
    assert client.hear_status() == 200
    client.close()
