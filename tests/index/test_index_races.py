"""Several processes change, build and search one gallery on PostgreSQL; some are killed while they do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from tests import servers

SECONDS = 12
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


def finish(child: subprocess.Popen[str]) -> None:
    _, said = child.communicate(timeout=120)
    assert child.returncode == 0, said


def read_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


@pytest.mark.servers
def test_a_change_that_commits_after_a_higher_number_is_not_lost_to_a_build(start: Start) -> None:
    finish(start("-m", "tests.index.index_hammer", "--prepare"))
    late = start("-m", "tests.index.index_hammer", "--late")
    assert read_line(late) == "announced\n"
    early = start("-m", "tests.index.index_hammer", "--overtake")
    assert read_line(early) == "overtaken\n"
    time.sleep(1)  # in which the build begins
    finish(late)  # its input ends, so it commits
    finish(early)
    finish(start("-m", "tests.index.index_hammer", "--verify"))


@pytest.mark.servers
@pytest.mark.slow
def test_no_process_ever_gets_a_wrong_answer_although_others_are_killed(start: Start, tmp_path: Path) -> None:
    finish(start("-m", "tests.index.index_hammer", "--prepare"))
    steady = [start("-m", "tests.index.index_hammer", str(seed), str(SECONDS)) for seed in (1, 2, 3)]
    for seed in (11, 12, 13):
        victim = start("-m", "tests.index.index_hammer", str(seed), str(SECONDS))
        time.sleep(SECONDS / 4)
        victim.kill()
    for child in steady:
        finish(child)
    time.sleep(5)  # the lease of a build that died
    finish(start("-m", "tests.index.index_hammer", "--settle"))
    left = [path.name for path in (tmp_path / "data/index").glob("*/*")]
    assert 1 <= len(left) <= 2, left
    assert not [name for name in left if name.startswith(".")]
