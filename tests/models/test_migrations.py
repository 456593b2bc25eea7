"""A database of the first release, with rows of every kind, is brought up to this one and loses nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import servers
from tests.site import ROOT, Site

pytestmark = pytest.mark.slow


class Untouched(Site):
    """An installation on which no command was run."""

    def manage(self, *arguments: str, is_checked: bool = True) -> str:
        return "" if arguments == ("migrate", "-v0") else super().manage(*arguments, is_checked=is_checked)

    def program(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "tests.models.old_database", *arguments],
            cwd=ROOT,
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "facesite.settings"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.servers)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Untouched]:
    folder = tmp_path_factory.mktemp("old")
    if request.param == "SQLite":
        yield Untouched(folder)
        return
    if not servers.postgres_folder():
        pytest.skip("NOT TESTED: PostgreSQL is not installed here")
    with servers.postgres(folder / "postgres") as (_, database):
        yield Untouched(folder / "data", DATABASE_URL=database)


def test_rows_of_the_first_release_are_intact_and_pages_answer(site: Untouched) -> None:
    held = site.folder / "held.json"
    site.folder.mkdir(exist_ok=True)
    site.manage("migrate", "-v0", "--skip-checks", "gallery", "0001")
    site.program("fill", str(held))
    site.manage("migrate", "--verbosity=0")
    site.program("check", str(held))
