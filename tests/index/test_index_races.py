"""Several processes change, build and search one gallery on PostgreSQL; some are killed while they do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.index.processes import Start, finish, read_line, start

__all__ = ["start"]  # a fixture


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
@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.long)])
def test_no_process_ever_gets_a_wrong_answer_although_others_are_killed(
    start: Start, tmp_path: Path, seconds: int
) -> None:
    finish(start("-m", "tests.index.index_hammer", "--prepare"))
    steady = [start("-m", "tests.index.index_hammer", str(seed), str(seconds)) for seed in (1, 2, 3)]
    for seed in (11, 12, 13):
        victim = start("-m", "tests.index.index_hammer", str(seed), str(seconds))
        time.sleep(seconds / 4)
        victim.kill()
    for child in steady:
        finish(child)
    time.sleep(5)  # the lease of a build that died
    finish(start("-m", "tests.index.index_hammer", "--settle"))
    left = [path.name for path in (tmp_path / "data/index").glob("*/*")]
    assert 1 <= len(left) <= 2, left
    assert not [name for name in left if name.startswith(".")]
