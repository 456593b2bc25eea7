"""The web server: `python -m facesite.server`. uvicorn, with what it leaves out against slow and hostile clients."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import resource
import socket
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import h11
import uvicorn
from django.core.exceptions import ImproperlyConfigured
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from facesite.processes import die_with_parent

HEADER_BYTES = 32_768  # the first line and all headers of a request
HEADER_SECONDS = 15  # for them to arrive, from the connection's first moment on
KEEP_ALIVE_SECONDS = 15  # between two requests
GRACE_SECONDS = 15  # for requests under way when the server stops
HUNG_SECONDS = 60  # a process that does not even say that it lives is started again
OPEN_FILES = 65_536
CONNECTIONS_OF_ONE = 1_000  # address, where no proxy stands in front; of one process

connections: Counter[str] = Counter()


class Protocol(H11Protocol):
    """uvicorn's, which would wait for headers for ever, and for a reader who does not read."""

    deadline: asyncio.TimerHandle | None = None
    stalled: asyncio.TimerHandle | None = None

    # uvicorn, too, narrows asyncio's transport to the one that can be written to
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        from django.conf import settings

        from gallery.core.throttling import get_client_network

        super().connection_made(transport)
        self.idle_seconds = settings.IDLE_SECONDS
        self.address = get_client_network(self.client[0]) if self.client and not settings.PROXIES else ""
        connections[self.address] += 1
        if self.address and connections[self.address] > CONNECTIONS_OF_ONE:
            transport.abort()
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect_headers()

    def _expect_headers(self) -> None:
        """Start the deadline when they begin to be awaited, and end it when they are there; no byte prolongs it."""
        is_awaiting = self.conn.their_state is h11.IDLE
        if self.deadline and not is_awaiting:
            self.deadline.cancel()
            self.deadline = None
        elif is_awaiting and not self.deadline:
            self.deadline = self.loop.call_later(min(HEADER_SECONDS, self.idle_seconds), self.transport.abort)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_headers()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.stalled = self.loop.call_later(self.idle_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.stalled:
            self.stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        connections[self.address] -= 1
        if not connections[self.address]:
            del connections[self.address]
        for timer in (self.deadline, self.stalled):
            if timer:
                timer.cancel()


class Config(uvicorn.Config):
    def load(self) -> None:
        """In each process: end with the one that started it, and end it where the site cannot be loaded."""
        parent = multiprocessing.parent_process()
        if parent:
            die_with_parent()
            if os.getppid() != parent.pid:
                sys.exit("The web server was ended while this process of it started.")
        try:
            super().load()
        except Exception:  # whatever it is, it would be so at every new start: uvicorn must not try again
            traceback.print_exc()
            sys.exit(STARTUP_FAILURE)
        look_after_host()


def look_after_host() -> None:
    """Of hosts there may be several with a database server alone."""
    from django.db import connection

    from gallery.jobs.heartbeats import WEB, start_heartbeat_thread

    if connection.vendor != "sqlite":
        start_heartbeat_thread(WEB)


def main() -> None:
    from django.conf import settings

    from facesite import hardening
    from facesite.disks import check_data_folders

    parser = argparse.ArgumentParser(prog="python -m facesite.server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--unix", metavar="PATH", help="listen on this Unix socket, for a proxy on the same machine"
    )
    parser.add_argument("--processes", type=int, default=settings.WEB_PROCESSES)
    given = parser.parse_args()
    if found := hardening.problems(settings):
        sys.exit("\n".join(f"{problem.sentence} {problem.hint}" for problem in found))
    check_data_folders()
    if given.unix and not settings.PROXIES:
        sys.exit(
            "A proxy stands before a Unix socket: set FACESITE_PROXIES=1, so that the site believes its headers."
        )
    place = given.unix or f"{given.host}, port {given.port}"
    try:
        listener = listen_at_path(given.unix) if given.unix else listen(given.host, given.port)
    except OSError as error:
        sys.exit(f"The web server cannot listen on {place}: {error.strerror}.")
    allow_many_connections()
    config = make_config(given.processes)
    if given.processes == 1:
        uvicorn.Server(config).run([listener])
    else:
        Multiprocess(config, [listener]).run()


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    is_both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=2048, dualstack_ipv6=is_both)
    # asyncio does so for sockets it makes itself
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # those who neither read nor answer; what is accepted inherits it
        from django.conf import settings

        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, settings.IDLE_SECONDS * 1000)
    listener.set_inheritable(True)
    return listener


def listen_at_path(path: str) -> socket.socket:
    """A socket in the file system; one that an earlier server left behind makes room."""
    listener = socket.socket(socket.AF_UNIX)
    with socket.socket(socket.AF_UNIX) as visitor, contextlib.suppress(FileNotFoundError):
        try:
            visitor.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
    listener.bind(path)
    Path(path).chmod(0o666)  # the proxy is another user
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def make_config(processes: int) -> Config:
    options: dict[str, Any] = {
        "http": Protocol,
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "off",
        "log_config": None,  # Django's
        "log_level": "warning",
        "access_log": False,
        "proxy_headers": False,  # Django's matter, which knows FACESITE_PROXIES
        "server_header": False,
        "h11_max_incomplete_event_size": HEADER_BYTES,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "timeout_worker_healthcheck": HUNG_SECONDS,
    }
    return Config("facesite.asgi:application", workers=processes, **options)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facesite.settings")
    try:
        main()
    except ImproperlyConfigured as error:
        sys.exit(str(error))
