"""Acts of two people, or of a person and a worker, at the same moment: see `acts.py` for the table of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.index.processes import Start, finish, start

__all__ = ["start"]  # a fixture
pytestmark = pytest.mark.slow
SECONDS = 600
COMMAND = ("-m", "tests.races.acts")
WAYS = [(), pytest.param(("--all",), marks=pytest.mark.long)]


@pytest.mark.servers
@pytest.mark.parametrize("more", WAYS)
def test_two_acts_at_once_on_postgresql_are_each_done_or_told(start: Start, more: tuple[str, ...]) -> None:
    finish(start(*COMMAND, *more), SECONDS)


@pytest.mark.parametrize("more", WAYS)
def test_two_acts_at_once_on_sqlite_are_each_done_or_told(tmp_path: Path, more: tuple[str, ...]) -> None:
    own = {"FACESITE_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "facesite.settings"}
    done = subprocess.run(
        [sys.executable, *COMMAND, *more],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
