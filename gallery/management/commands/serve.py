"""The site and its worker in one, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError, connection

from facesite.disks import check_backup_folder, check_data_folders
from facesite.processes import die_with_parent
from gallery.management.base import GalleryCommand

STOP_TIMEOUT_SECONDS = 20  # time for a child to finish its work


class Command(GalleryCommand):
    help = "Serves the site on 127.0.0.1 together with its worker; Ctrl-C stops all of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--unix", metavar="PATH", help="serve on this Unix socket instead, for a proxy")

    def handle(self, *, port: int, host: str, unix: str | None, **options: Any) -> None:
        check_data_folders()
        self._is_stopping = False
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._stop)
        commands = {"web": web_command(host, port, unix), "worker": worker_command()}
        children = {name: start_process(command) for name, command in commands.items()}
        name = f"[{host}]" if ":" in host else host
        address = f"the socket {unix}" if unix else f"http://{name}:{port}{settings.BASE_PATH}"
        self.stdout.write(f"Facesite is at {address} (Ctrl-C stops it)")
        with contextlib.suppress(DatabaseError):
            self.say_embedder()
        connection.close()
        self.stdout.flush()
        check_backup_folder()
        started = time.monotonic()
        while not self._is_stopping:
            time.sleep(0.5)
            for name, child in children.items():
                if child.poll() is None or self._is_stopping:
                    continue
                if name == "web" and time.monotonic() - started < 5:
                    self.stderr.write(
                        "The web server ended at once, for the reason above. PORT=8001 picks another port."
                    )
                    self._is_stopping = True
                    break
                self.stderr.write(f"The {name} ended with code {child.returncode}; it is started again.")
                time.sleep(1)
                children[name] = start_process(commands[name])
        stop_processes(list(children.values()))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True


def web_command(host: str, port: int, unix: str | None) -> list[str]:
    place = ["--unix", unix] if unix else ["--host", host, "--port", str(port)]
    return [sys.executable, "-m", "facesite.server", *place]


def worker_command() -> list[str]:
    """A worker that is the scheduler, too."""
    options = ["--loglevel", "WARNING", "--beat", "--schedule", str(settings.BROKER_DIR / "schedule")]
    command = [sys.executable, "-m", "celery", "-q", "-A", "facesite", "worker"]
    return [*command, "--without-mingle", "--without-gossip", *options]


def start_process(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a child in its own session (we pass Ctrl-C on) that ends when we are killed."""
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, start_new_session=True, preexec_fn=die_with_parent
    )


def stop_processes(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            end_process_group(child)


def end_process_group(child: subprocess.Popen[bytes]) -> None:
    """End all its processes: terminate them first, so that they release their leases, then kill them."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(3)
