"""Clients that send or read as slowly as they can, many at once, from one thread."""

from __future__ import annotations

import select
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.faults.client import CSRF, form

DRIBBLE = 200  # bytes at once
PAUSE_SECONDS = 0.1  # between two times: 2 kB/s


@dataclass
class SlowClient:
    """A connection, what it has still to send, and what has come back."""

    port: int
    unsent: bytes
    heard: bytearray = field(default_factory=bytearray)
    is_over: bool = False
    reads: int = 65536  # bytes at once
    dribble: int = DRIBBLE

    def __post_init__(self) -> None:
        self.request = self.unsent
        self.connect()

    def begin_again(self) -> None:
        """Over a new connection."""
        self.close()
        self.connect()
        self.unsent, self.is_over = self.request, False
        self.heard.clear()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        if self.reads < 4096:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setblocking(False)

    @property
    def status(self) -> int:
        """Of the answer; 0 while there is none."""
        return int(self.heard.split(b" ", 2)[1]) if self.heard.startswith(b"HTTP/1.1 ") else 0

    def step(self, size: int = 0) -> None:
        if self.is_over:
            return
        try:
            if self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent[: size or self.dribble]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.is_over = True
        if self.reads:
            self._read()

    def _read(self) -> None:
        try:
            part = self.socket.recv(self.reads)
            self.heard += part
            self.is_over = not part
        except BlockingIOError:
            pass
        except OSError:
            self.is_over = True

    def go_on(self, is_done: Callable[[], object], what: str, seconds: float = 30) -> None:
        """Send and read as fast as it goes, until then."""
        deadline = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
            if self.is_over:
                time.sleep(PAUSE_SECONDS)
            else:
                select.select([self.socket], [self.socket] if self.unsent else [], [], PAUSE_SECONDS)
            self.step(1_000_000)

    def hear_status(self) -> int:
        """Of the answer, once it has begun to come."""
        self.go_on(lambda: self.status, "an answer")
        return self.status

    def close(self) -> None:
        self.socket.close()


def head(
    method: str, path: str, length: int | None = None, session: str = "", kind: str = "", **more: str
) -> bytes:
    """The first line and the headers of a request, whose body may follow."""
    headers = {"Host": "localhost", "Accept": "application/json", "X-CSRFToken": CSRF}
    headers["Cookie"] = f"csrftoken={CSRF}" + (f"; sessionid={session}" if session else "")
    if length is not None:
        headers["Content-Length"] = str(length)
    if kind:
        headers["Content-Type"] = kind
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def upload(content: bytes, session: str = "", path: str = "/upload/file", **more: str) -> bytes:
    """The whole request that sends a photo."""
    body, kind = form(content, "slow.jpg")
    return head("POST", path, len(body), session, kind, **more) + body


@contextmanager
def kept_going(clients: list[SlowClient]) -> Iterator[None]:
    """Each sends and reads a little, again and again."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(PAUSE_SECONDS):
            for client in clients:
                client.step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        for client in clients:
            client.close()


def ask(port: int, path: str, session: str = "") -> float:
    """How long a page took that was answered well."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Cookie": f"sessionid={session}"}
    )
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 -- our own server
        assert answer.status == 200
        answer.read()
    return time.monotonic() - began
