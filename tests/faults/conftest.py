"""A running installation for each combination of broker and database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.conftest import COMBINATIONS
from tests.faults.scene import Scene, embedded, served


@pytest.fixture(scope="module", params=COMBINATIONS)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]
) -> Iterator[Scene]:
    people, _ = demo
    if request.param == COMBINATIONS[0]:
        with embedded(tmp_path_factory.mktemp("site"), people) as found:
            yield found
        return
    yield from _served(tmp_path_factory.mktemp("site"), people)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]) -> Iterator[Scene]:
    """On the embedded broker and SQLite only."""
    with embedded(tmp_path_factory.mktemp("site"), demo[0]) as found:
        yield found


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]) -> Iterator[Scene]:
    """On Redis and PostgreSQL only."""
    yield from _served(tmp_path_factory.mktemp("site"), demo[0])


def _served(folder: Path, people: Path) -> Iterator[Scene]:
    if not servers.redis_program() or not servers.postgres_folder():
        pytest.skip("NOT TESTED: redis-server or PostgreSQL is not installed here")
    with served(folder / "served", people) as found:
        yield found
