"""The web server as a program: what it refuses, and that its processes come and go with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.slow_clients import ask
from tests.servers import free_port, is_open, wait_for
from tests.site import ROOT, Site, stop_group

pytestmark = pytest.mark.slow


def run(tmp_path: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "FACESITE_DATA_DIR": str(tmp_path), "DATABASE_URL": "", **environment}
    command = [sys.executable, "-m", "facesite.server", *options]
    return subprocess.run(
        command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_does_not_start_with_open_doors(tmp_path: Path) -> None:
    done = run(tmp_path, FACESITE_ALLOWED_HOSTS="faces.example.org", FACESITE_DEBUG="yes")
    assert done.returncode == 1
    assert "Set FACESITE_DEBUG=no." in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def two_processes(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    site, port = Site(tmp_path), free_port()
    command = [sys.executable, "-m", "facesite.server", "--port", str(port), "--processes", "2"]
    with (tmp_path / "web.log").open("wb") as log:
        web = subprocess.Popen(
            command, cwd=ROOT, env=site.environment, start_new_session=True, stderr=log, stdout=log
        )
    try:
        wait_for(lambda: is_open(port), "the web server")
        assert ask(port, "/healthz") < 60
        yield web, port
    finally:
        stop_group(web)


def children(pid: int) -> set[int]:
    """Those that serve."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(one) for one in listed if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}


def test_its_port_stays_its_own_and_a_process_that_dies_comes_back(tmp_path: Path) -> None:
    with two_processes(tmp_path) as (web, port):
        second = run(tmp_path, "--port", str(port))
        assert second.returncode == 1
        assert f"The web server cannot listen on 127.0.0.1, port {port}" in second.stderr
        before = children(web.pid)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda: len(children(web.pid) - before) == 1, "another process", 60)
        web.terminate()
        assert web.wait(60) == 0
        wait_for(lambda: not is_open(port), "the end")


def test_its_processes_end_with_it_even_where_it_is_killed(tmp_path: Path) -> None:
    with two_processes(tmp_path) as (web, port):
        web.kill()
        web.wait(20)
        wait_for(lambda: not is_open(port), "the end of its processes", 60)


def test_a_process_ends_even_where_the_server_is_killed_while_it_starts(tmp_path: Path) -> None:
    site, port = Site(tmp_path), free_port()
    command = [sys.executable, "-m", "facesite.server", "--port", str(port), "--processes", "2"]
    web = subprocess.Popen(command, cwd=ROOT, env=site.environment, start_new_session=True)
    try:
        wait_for(lambda: children(web.pid), "the first process")
        first = min(children(web.pid))
        os.kill(first, signal.SIGSTOP)
        wait_for(lambda: len(children(web.pid)) == 2, "the second, when the first has all that it needs")
        web.kill()
        web.wait(20)
        os.kill(first, signal.SIGCONT)
        wait_for(lambda: not Path(f"/proc/{first}").exists(), "its end", 60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(web.pid, signal.SIGKILL)
