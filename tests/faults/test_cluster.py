"""Several hosts that share nothing but PostgreSQL, Redis and an S3 server; `make cluster` tells the long story."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bench.cluster.counting import BREAKS, count, is_well
from bench.cluster.machines import SECONDS_AHEAD, SKEWED, open_cluster
from bench.cluster.story import Story
from tests import servers

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SECONDS = 300  # at most, where other tests keep the machine busy
SHOWN_BY = {"lose": ("photos", "lost"), "double": ("photos", "doubled"), "leak": ("erased", "vectors_found")}


def test_hosts_share_the_work_and_clear_who_was_erased_and_each_fault_put_into_them_shows(
    tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    if not servers.redis_program() or not servers.postgres_folder():
        pytest.skip("NOT TESTED: redis-server or PostgreSQL is not installed here")
    with open_cluster(tmp_path, demo[0], ("web-1", "web-2", SKEWED, "scheduler")) as cluster:
        story = Story(cluster, time.monotonic() + SECONDS, is_short=True)
        story.tell()
        found = count(story)
        assert is_well(found), json.dumps(found)
        assert [each["seconds_ahead"] for each in found["hosts"]] in ([0, 0, SECONDS_AHEAD, 0], [0, 0, 0, 0])
        assert any(label.startswith("vector") for label in story.needles)
        for name, (part, figure) in SHOWN_BY.items():
            BREAKS[name](story)
            assert count(story)[part][figure], f"{name} does not show"
