"""A whole installation in a folder of its own: commands, worker and web server as real processes."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.asking import Commands
from tests.servers import free_port, is_open, wait_for

ROOT = Path(__file__).resolve().parent.parent


def copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


@functools.cache
def made_once() -> Path:
    """A folder for what one process of tests makes once."""
    folder = Path(tempfile.mkdtemp(prefix="facesite-made-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


SESSION = """
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
user, session = User.objects.get(username={name!r}), SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
answer = session.session_key
"""


class Site:
    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
            kept.pop(name, None)
        self.environment = {
            **kept,
            "FACESITE_DATA_DIR": str(folder),
            "FACESITE_WORKER_PROCESSES": "1",
            "FACESITE_LEASE_SECONDS": "5",
            "FACESITE_SWEEP_SECONDS": "1",
            "FACESITE_IDENTIFY": "no",  # a process more, which one test looks at
            "FACESITE_BACKUP_HOURS": "0",  # none by itself, in which a test might look for what was erased
            **environment,
        }
        self._commands: Commands | None = None
        self.prepare()

    def prepare(self) -> None:
        """A database with every table; in SQLite a copy of one that was made before."""
        copied = self.folder / "facesite.sqlite3"
        if "DATABASE_URL" in self.environment or copied.exists():
            self.manage("migrate", "-v0")
            return
        empty = made_once() / "empty.sqlite3"
        if not empty.exists():
            self.manage("migrate", "-v0")
            copy_database(copied, empty)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        copy_database(empty, copied)

    def manage(self, *arguments: str, is_checked: bool = True) -> str:
        """What a command prints."""
        if self._commands is None or self._commands.environment != self.environment:
            self._commands = Commands(self.environment)
        done = self._commands.run(arguments, seconds=300)
        if is_checked and done.returncode:
            raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments: str, is_checked: bool = True) -> list[Any]:
        """The JSON documents a command prints, one a line."""
        lines = self.manage(*arguments, "--json", is_checked=is_checked).splitlines()
        return [json.loads(line) for line in lines]

    def ask(self, code: str) -> Any:
        """The value of `answer` after running code in the site's shell."""
        wrapped = f"import json\nfrom gallery.models import *\n{code}\nprint('answer:' + json.dumps(answer))"
        printed = self.manage("shell", "-v0", "--no-imports", "-c", wrapped)
        return json.loads(printed.rsplit("answer:", 1)[1])

    def make_session(self, username: str) -> str:
        """The key of a new session of a user, who so needs no page to sign in."""
        key: str = self.ask(SESSION.format(name=username))
        return key

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        child = self.start_worker()
        try:
            yield child
        finally:
            stop_group(child)

    def start_worker(self, app: str = "facesite", **environment: str) -> subprocess.Popen[bytes]:
        schedule = environment.pop("SCHEDULE", str(self.folder / "schedule"))
        options = ["--beat", "--schedule", schedule, "--concurrency", environment.pop("CONCURRENCY", "1")]
        command = [sys.executable, "-m", "celery", "-q", "-A", app, "worker", "--loglevel", "WARNING"]
        return self._start([*command, *options], "worker.log", environment)

    def start_web(self, port: int, *more: str, **environment: str) -> subprocess.Popen[bytes]:
        options = ["--port", str(port), "--processes", "1", *more]
        return self._start([sys.executable, "-m", "facesite.server", *options], "web.log", environment)

    def _start(self, command: list[str], log: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as said:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env={**self.environment, **environment},
                start_new_session=True,
                stdout=said,
                stderr=said,
            )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database says, asked past Django and so at once."""
        address = self.environment.get("DATABASE_URL")
        if address:
            with psycopg.connect(address) as asked:
                return asked.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(f"file:{self.folder}/facesite.sqlite3?mode=ro", uri=True)) as opened:
            return opened.execute(sql).fetchall()

    @contextmanager
    def web(self) -> Iterator[str]:
        """The address of the running web server."""
        port = free_port()
        child = self.start_web(port)
        try:
            wait_for(lambda: is_open(port), "the web server")
            yield f"http://127.0.0.1:{port}"
        finally:
            stop_group(child)


def stop_group(child: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a process and all it started; politely first, unless the signal is SIGKILL."""
    if child.poll() is None:
        if number == signal.SIGKILL:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(15)
