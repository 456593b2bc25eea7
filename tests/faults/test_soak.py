"""A week of a site in a minute, with kills of all parts: every promise holds, and a fault put into it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak.__main__ import judge, open_week
from bench.soak.breaks import EARLY, SHOWN_BY
from bench.soak.promises import PROMISES
from tests import servers
from tests.faults.clock import WallClock

MINUTES = 0.6
LEAKED_PAGES = 120

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.mark.parametrize("place", ["embedded", pytest.param("served", marks=pytest.mark.long)])
def test_a_week_keeps_every_promise_and_shows_every_fault_put_into_it(
    place: str, tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    if place == "served" and not (servers.redis_program() and servers.postgres_folder()):
        pytest.skip("NOT TESTED: redis-server or PostgreSQL is not installed here")
    if not WallClock.is_possible():
        pytest.skip("NOT TESTED: a C compiler is not installed here, so no clock can be turned")
    with open_week(place, tmp_path, demo[0], MINUTES, seed=7) as week:
        week.run()
        found = judge(week)
        assert all(found["promises"].values()), found["wrong"]
        assert found["accepted"]
        assert found["faults"]
        assert found["acts"]
        for break_it, promise in SHOWN_BY.items():
            before = PROMISES[promise](week)
            break_it(week)
            if break_it.__name__ in EARLY:
                week.kill_web()
                for _ in range(LEAKED_PAGES):
                    week.owner.ask("GET", "/healthz")
                week.sample_memory()
            assert len(PROMISES[promise](week)) > len(before), f"{break_it.__name__} does not show"
