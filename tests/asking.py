"""Runs a site's commands without starting Python and Django for each: they are started once, and each command
is run by a fork that ends with it. So every command begins as a new process would, half a second earlier.

`Commands` is the tests' side; `python -m tests.asking SOCKET`, in the site's environment, is the other. It ends
when nobody has asked for a while, or when the tests are gone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path

import django
from django.core.management import execute_from_command_line

ROOT = Path(__file__).resolve().parent.parent
IDLE_SECONDS = 20
STARTED = b"."


class Commands:
    """The commands of a site whose environment is this. Django is started at the first, and again if need be."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = dict(environment)
        self.folder = Path(tempfile.mkdtemp(prefix="asking-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.child: subprocess.Popen[bytes] | None = None

    def run(self, arguments: tuple[str, ...], seconds: float) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory(dir=self.folder) as said:
            out, err = Path(said, "out"), Path(said, "err")
            code = self._asked({"arguments": arguments, "out": str(out), "err": str(err)}, seconds)
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def _asked(self, what: dict[str, object], seconds: float) -> int:
        while True:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(seconds)
                try:
                    asked.connect(str(self.folder / "socket"))
                    asked.sendall(json.dumps(what).encode() + b"\n")
                    began = asked.recv(1)
                except OSError:  # none was started yet, or it has just ended
                    began = b""
                if began == STARTED:
                    return int(asked.makefile().read() or -signal.SIGKILL)
            self._start()

    def _start(self) -> None:
        if self.child and self.child.poll() is None:
            time.sleep(0.02)
            return
        (self.folder / "socket").unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.asking", str(self.folder / "socket")]
        self.child = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        while not (self.folder / "socket").exists():
            if self.child.poll() is not None:
                raise AssertionError(f"the site's commands cannot be run: exit code {self.child.returncode}")
            time.sleep(0.01)


def taken(place: str) -> dict[str, str] | None:
    """Take commands at this socket. Comes back in a process made for one, with it; in the first, with none."""
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who answer
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{place}.new")
    listening.listen(16)
    listening.settimeout(1)
    Path(f"{place}.new").rename(place)
    last = time.monotonic()
    while time.monotonic() < last + IDLE_SECONDS and os.getppid() == parent:
        try:
            asked, _ = listening.accept()
        except TimeoutError:
            continue
        last = time.monotonic()
        if os.fork() == 0:
            listening.close()
            return answered(asked)
        asked.close()
    Path(place).unlink(missing_ok=True)
    return None


def answered(asked: socket.socket) -> dict[str, str]:
    """Comes back in yet another process, which is to run the command; how that ends is said from here."""
    asked.settimeout(None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    what: dict[str, str] = json.loads(asked.makefile().readline())
    asked.sendall(STARTED)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    asked.close()
    return what


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facesite.settings")
    django.setup()
    what = taken(sys.argv[1])
    if what:
        for name, number in (("out", 1), ("err", 2)):
            opened = os.open(what[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        sys.argv = ["manage.py", *what["arguments"]]
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
