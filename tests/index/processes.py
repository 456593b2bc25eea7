"""Commands of this project, run side by side on one installation with PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from tests import servers

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command of this project on an installation of its own."""
    if not servers.postgres_folder():
        pytest.skip("NOT TESTED: PostgreSQL is not installed here")
    (tmp_path / "postgres").mkdir()
    children: list[subprocess.Popen[str]] = []
    with servers.postgres(tmp_path / "postgres") as (_, address):
        environment = {
            **os.environ,
            "DATABASE_URL": address,
            "FACESITE_DATA_DIR": str(tmp_path / "data"),
            "FACESITE_LEASE_SECONDS": "5",
            "FACESITE_LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "facesite.settings",
        }

        def starter(*arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, *arguments]
            child = subprocess.Popen(
                command, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
            )
            children.append(child)
            return child

        yield starter
        for child in children:
            if child.poll() is None:
                child.kill()
            child.wait()


def finish(child: subprocess.Popen[str], seconds: float = 120) -> None:
    _, said = child.communicate(timeout=seconds)
    assert child.returncode == 0, said


def read_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()
