"""Real servers for tests, started on free loopback ports in folders of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def free_port() -> int:
    """Below those that the system gives to clients: one who asks again and again for a server that is away could
    get its very port, and keep it from coming back."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(0.5)
        return tried.connect_ex(("127.0.0.1", port)) == 0


def wait_for(is_there: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


class Process:
    """A program that can be killed and started again."""

    def __init__(self, command: list[str], port: int, **options: object) -> None:
        self.command, self.port, self.options = command, port, options
        self.start()

    def start(self) -> None:
        self._open()
        wait_for(self._is_up, self.command[0])

    def _is_up(self) -> bool:
        """Opened again, if it ends at once: what a killed one left may be in its way for a moment."""
        if is_open(self.port):
            return True
        if self.child.poll() is not None:
            self._open()
        return False

    def _open(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.child = subprocess.Popen(self.command, **{**quiet, **self.options})  # type: ignore[call-overload]

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(20)

    def kill(self) -> None:
        self.child.kill()
        self.child.wait(20)


def redis_program() -> str | None:
    return shutil.which("redis-server")


@contextmanager
def redis(folder: Path, **environment: str) -> Iterator[Process]:
    """A redis-server that keeps what it is told on disk, as the compose file's does."""
    port = free_port()
    program = redis_program() or "redis-server"
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    server = Process([program, *options], port, env={**os.environ, **environment})
    try:
        yield server
    finally:
        server.stop()


def postgres_folder() -> Path | None:
    """Where PostgreSQL's programs are: where Debian puts them, or on the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb")
    if not versions and not found:
        return None
    return versions[-1].parent if versions else Path(found or "").resolve().parent


def create_database(port: int) -> bool:
    try:
        with psycopg.connect(f"postgres://facesite@127.0.0.1:{port}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE facesite")
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def postgres(folder: Path, *extra: str, **environment: str) -> Iterator[tuple[Process, str]]:
    """A PostgreSQL server and the address of its empty database "facesite"."""
    programs, port = postgres_folder() or Path(), free_port()
    data, user = folder / "data", []
    data.mkdir(parents=True)
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(data, "postgres")
        for above in [folder, *folder.parents]:
            if above.stat().st_uid == 0 and above != Path("/tmp"):  # noqa: S108 -- only opened, never written
                above.chmod(above.stat().st_mode | 0o011)
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    initdb = [*user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "facesite", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=data)
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "max_connections=200"]
    command = [*user, str(programs / "postgres"), "-D", str(data), *options, *extra]
    server = Process(command, port, cwd=data, env={**os.environ, **environment})
    address = f"postgres://facesite@127.0.0.1:{port}"
    try:
        wait_for(lambda: create_database(port), "PostgreSQL")
        yield server, f"{address}/facesite"
    finally:
        server.stop()
