"""The site below a path of a host, behind a proxy that keeps or strips it, over a Unix socket and over IPv6."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.faults.client import form
from tests.making_pictures import jpeg
from tests.proxy import nginx_program
from tests.servers import Process, free_port, wait_for
from tests.site import Site, stop_group

pytestmark = pytest.mark.slow

PASSWORD = "a good long password"
BASE = "/faces"
ADDRESS_ATTRIBUTES = {"href", "src", "action", "formaction", "hx-get", "hx-post", "poster"}
NOT_FOLLOWED = re.compile(r"/(logout|original|download|export|svg|healthz|readyz)\b|jsi18n|\.js$|\.css$")
PAGES = 60


class Links(HTMLParser):
    """Addresses on a page, with every attribute that holds one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, set[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            is_address = name in ADDRESS_ATTRIBUTES or name.startswith("data-")
            if is_address and value and re.match(r"/[a-z]", value):
                self.found.setdefault(f"{tag} {name}", set()).add(value)


class Visitor:
    """A browser without scripts."""

    def __init__(self, origin: str) -> None:
        self.origin, self.cookies = origin, CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> tuple[str, str]:
        """The path one ends at, and the text."""
        with self.opener.open(self.origin + path, timeout=60) as answer:
            return urlsplit(answer.url).path, answer.read().decode(errors="replace")

    def post(self, path: str, body: bytes, kind: str) -> tuple[str, str]:
        token = next(str(cookie.value) for cookie in self.cookies if cookie.name == "csrftoken")
        headers = {"X-CSRFToken": token, "Content-Type": kind, "Accept": "application/json"}
        request = Request(self.origin + path, body, headers)  # noqa: S310  # of this test's own server
        with self.opener.open(request, timeout=60) as answer:
            return urlsplit(answer.url).path, answer.read().decode(errors="replace")


def start_proxy(folder: Path, upstream: str, location: str) -> Process:
    port = free_port()
    configuration = folder / "nginx.conf"
    server = f"server {{ listen 127.0.0.1:{port}; client_max_body_size 100m; {location} }}"
    configuration.write_text(
        f"{'user root;' if os.geteuid() == 0 else ''} pid {folder}/nginx.pid; events {{}}"
        f" http {{ access_log off; upstream site {{ server {upstream}; }} {server} }}"
    )
    options = ["-g", "daemon off;", "-c", str(configuration), "-e", str(folder / "error.log")]
    return Process([nginx_program(), *options], port)


HEADERS = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;"
KEPT = f"location {BASE} {{ proxy_pass http://site; {HEADERS} }}"
STRIPPED = f"location {BASE}/ {{ proxy_pass http://site/; {HEADERS} }}"


@pytest.fixture(scope="module", params=["the path kept, a Unix socket", "the path stripped, IPv6"])
def visitor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    nginx_program()
    folder = tmp_path_factory.mktemp("hosted")
    site = Site(folder / "data", FACESITE_BASE_PATH="faces/", FACESITE_PROXIES="1")
    site.ask(
        f"User.objects.create_superuser('boss', password={PASSWORD!r}, role='administrator'); answer = 0"
    )
    port, place = free_port(), folder / "site.socket"
    is_kept = request.param.startswith("the path kept")
    web = site.start_web(port, "--unix", str(place)) if is_kept else site.start_web(port, "--host", "::1")
    family, address = (socket.AF_UNIX, str(place)) if is_kept else (socket.AF_INET6, ("::1", port))

    def answers() -> bool:
        with socket.socket(family) as tried:
            return tried.connect_ex(address) == 0

    wait_for(answers, "the web server")
    proxy = start_proxy(
        folder, f"unix:{place}" if is_kept else f"[::1]:{port}", KEPT if is_kept else STRIPPED
    )
    try:
        yield Visitor(f"http://127.0.0.1:{proxy.port}")
    finally:
        proxy.stop()
        stop_group(web)


def test_every_address_below_a_path_stays_below_it_and_answers(visitor: Visitor) -> None:
    assert visitor.get(f"{BASE}/healthz")[1] == "ok\n"
    path, _ = visitor.get(f"{BASE}/people/")
    assert path == f"{BASE}/account/login"
    given = urlencode({"username": "boss", "password": PASSWORD, "next": f"{BASE}/people/"})
    path, _ = visitor.post(path, given.encode(), "application/x-www-form-urlencoded")
    assert path == f"{BASE}/people/"
    assert {cookie.path for cookie in visitor.cookies} == {f"{BASE}/"}
    body, kind = form(jpeg(7, (320, 240)), "group.jpg")
    assert '"added"' in visitor.post(f"{BASE}/upload/file", body, kind)[1]

    waiting, seen = [f"{BASE}/", f"{BASE}/photos/"], set()
    while waiting and len(seen) < PAGES:
        page = waiting.pop(0)
        path, text = visitor.get(page)
        assert path.startswith(f"{BASE}/"), page
        for where, addresses in Links(text).found.items():
            outside = {address for address in addresses if not f"{address}/".startswith(f"{BASE}/")}
            assert not outside, f"{page}: {where} {outside}"
            seen_before = seen | set(waiting)
            if where == "a href":
                waiting += sorted({a for a in addresses if not NOT_FOLLOWED.search(a)} - seen_before)
            elif where in ("link href", "script src", "img src"):
                for address in addresses - seen:
                    visitor.get(address)
                    seen.add(address)
        seen.add(page)
    assert len(seen) >= PAGES


def test_what_is_not_there_leads_to_the_first_page_below_the_path(visitor: Visitor) -> None:
    with pytest.raises(HTTPError) as answer:
        visitor.get(f"{BASE}/nowhere")
    assert f'href="{BASE}/"' in answer.value.read().decode()
