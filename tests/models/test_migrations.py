"""A database of an earlier release, with rows of every kind, is brought up to this one and loses nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.site import ROOT, Site

pytestmark = pytest.mark.slow


class Untouched(Site):
    """An installation on which no command was run."""

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def program(self, *arguments: str) -> None:
        code = f"from tests.models.old_database import main\nmain(*{arguments!r})"
        self.manage("shell", "-v0", "--no-imports", "-c", code)


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


RELEASES = ("0001_initial", "0027_unknown_in_group")  # the first, and the last before the squash


@pytest.mark.parametrize("release", [*RELEASES, pytest.param("0014_quick_lists", marks=pytest.mark.long)])
def test_rows_of_an_earlier_release_are_intact_acts_are_undone_and_pages_answer(
    site: Untouched, release: str
) -> None:
    kept = site.folder / "held.json"
    site.program("migrate", release)
    site.program("fill", release, str(kept))
    site.manage("migrate", "--verbosity=0")
    site.program("check", str(kept))


@pytest.mark.parametrize("state", [RELEASES[0], "0030_field_words"])
def test_jobs_that_settings_told_of_become_rows(site: Untouched, state: str) -> None:
    site.program("migrate", state)
    site.program("request", state)
    site.manage("migrate", "--verbosity=0")
    site.program("jobs")


@pytest.mark.parametrize("release", RELEASES)
def test_a_backup_of_an_earlier_release_is_restored(release: str, tmp_path: Path) -> None:
    site, kept = Untouched(tmp_path / "old"), tmp_path / "held.json"
    site.program("migrate", release)
    site.program("fill", release, str(kept))
    site.manage("backup", str(tmp_path / "backups"))
    other = Untouched(tmp_path / "new")
    other.manage("restore", str(tmp_path / "backups"))
    other.program("check", str(kept), "Build")  # the index is not in the backup, so none serves


def test_a_fresh_database_takes_few_steps(site: Untouched) -> None:
    site.manage("migrate", "--verbosity=0")
    applied = site.manage("showmigrations", "gallery").splitlines()
    assert len(applied) < 40, applied  # else squash what has come since
    assert "0001_squashed" in applied[1]
    assert all("[X]" in line for line in applied[1:])


@pytest.mark.parametrize(
    "path", sorted((ROOT / "gallery/migrations").glob("0*.py")), ids=lambda path: path.stem
)
def test_no_migration_imports_code_of_the_project(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in named if name.split(".")[0] in {"gallery", "recognition", "facesite"}}
