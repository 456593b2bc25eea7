"""The documentation says what the code does: settings, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)")
SETTING = re.compile(r"""env\.\w+\(\s*"([A-Z_]+)\"""")
COMMAND = re.compile(r"^\| `(\w+)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_every_setting_stands_in_the_readme() -> None:
    settings = set(SETTING.findall((ROOT / "facesite" / "settings.py").read_text()))
    assert len(settings) > 20
    described = set(re.findall(r"`([A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert not settings - described


def test_every_setting_of_the_readme_is_read_somewhere() -> None:
    described = set(re.findall(r"`((?:FACESITE|CELERY|DATABASE)_[A-Z_]+)`", (ROOT / "README.md").read_text()))
    code = "".join(
        path.read_text() for folder in ("facesite", "recognition") for path in (ROOT / folder).rglob("*.py")
    )
    assert not {name for name in described if f'"{name}"' not in code}


def test_every_command_of_the_readme_is_there() -> None:
    section = (ROOT / "README.md").read_text().split("## Your own gallery")[1].split("## ")[0]
    commands = set(COMMAND.findall(section)) - {"command"}
    there = {path.stem for path in (ROOT / "gallery" / "management" / "commands").glob("*.py")}
    assert len(commands) > 5
    assert not commands - there


def test_every_file_with_long_tests_stands_in_contributing() -> None:
    files = [
        path for path in (ROOT / "tests").glob("*/**/test_*.py") if "pytest.mark.long" in path.read_text()
    ]
    assert len(files) > 5
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert not [path.name for path in files if f"`{path.relative_to(ROOT)}`" not in contributing]
