"""A minute's soak of each installation; `make soak` takes longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import servers
from tests.faults.soak import PLACES, soak

SECONDS = 60

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.long]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_lost_under_random_load_and_random_kills(
    place: str, tmp_path: Path, demo: tuple[Path, Path]
) -> None:
    if place == "served" and not (servers.redis_program() and servers.postgres_folder()):
        pytest.skip("NOT TESTED: redis-server or PostgreSQL is not installed here")
    found = soak(place, tmp_path, demo[0], SECONDS, seed=7)
    assert found["faults"]
    assert found["promised"]
    assert isinstance(found["index"], dict)
    assert found["index"]["is_sound"], found["index"]
