"""The documentation says what the code does: settings, commands, links."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)")
SETTING = re.compile(r"""env\.\w+\(\s*"([A-Z_]+)\"""")
ASVS_STATES = {"met", "partly", "not met", "owner", "n/a"}
# The last requirement of levels 1 and 2 in each section of the ASVS 5.0.0, but for V9, V10 and V17
ASVS_SECTIONS = {
    **{
        "1.1": 2,
        "1.2": 9,
        "1.3": 11,
        "1.4": 3,
        "1.5": 2,
        "2.1": 3,
        "2.2": 3,
        "2.3": 4,
        "2.4": 1,
        "3.2": 2,
        "3.3": 4,
    },
    **{
        "3.4": 6,
        "3.5": 5,
        "3.7": 2,
        "4.1": 3,
        "4.2": 1,
        "4.3": 2,
        "4.4": 4,
        "5.1": 1,
        "5.2": 3,
        "5.3": 2,
        "5.4": 3,
    },
    **{
        "6.1": 3,
        "6.2": 12,
        "6.3": 4,
        "6.4": 4,
        "6.5": 5,
        "6.6": 3,
        "6.8": 4,
        "7.1": 3,
        "7.2": 4,
        "7.3": 2,
        "7.4": 5,
    },
    **{
        "7.5": 2,
        "7.6": 2,
        "8.1": 2,
        "8.2": 3,
        "8.3": 1,
        "8.4": 1,
        "11.1": 2,
        "11.2": 3,
        "11.3": 3,
        "11.4": 4,
    },
    **{
        "11.5": 1,
        "11.6": 1,
        "12.1": 3,
        "12.2": 2,
        "12.3": 4,
        "13.1": 1,
        "13.2": 5,
        "13.3": 2,
        "13.4": 5,
        "14.1": 2,
    },
    **{
        "14.2": 4,
        "14.3": 3,
        "15.1": 3,
        "15.2": 3,
        "15.3": 7,
        "16.1": 1,
        "16.2": 5,
        "16.3": 4,
        "16.4": 3,
        "16.5": 3,
    },
}
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


def asvs_rows() -> list[tuple[list[str], str, str, str]]:
    """Requirements, state, how and proof of each row."""
    rows = []
    for line in re.findall(r"^\| (\d.*)\|$", (ROOT / "docs" / "asvs.md").read_text(), re.MULTILINE):
        ids, _words, state, how, proof = line.split("|")
        rows.append((re.findall(r"[\d.]+", ids), state.strip(), how.strip(), proof.strip()))
    return rows


def test_every_requirement_of_the_asvs_has_a_row() -> None:
    told = [requirement for ids, *_ in asvs_rows() for requirement in ids]
    asked = [f"{section}.{number + 1}" for section, last in ASVS_SECTIONS.items() for number in range(last)]
    assert sorted(told) == sorted([*asked, "9", "10", "17"])


def test_every_row_of_the_asvs_says_how_or_what_is_missing_and_what_is_met_is_proven() -> None:
    rows = asvs_rows()
    assert {state for _ids, state, *_ in rows} == ASVS_STATES
    assert not [ids for ids, state, _how, proof in rows if state == "met" and not proof]
    assert not [ids for ids, state, how, _proof in rows if state in {"partly", "not met", "n/a"} and not how]


def test_every_test_that_the_asvs_names_is_there() -> None:
    named = {name for *_, proof in asvs_rows() for name in re.findall(r"`([^`]+)`", proof)} - {"make check"}
    assert len(named) > 80
    missing = []
    for name in sorted(named):
        file, _, test = name.partition("::")
        path = ROOT / "tests" / file
        tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
        if test not in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}:
            missing.append(name)
    assert not missing


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/*]+\.py)`", (ROOT / "docs" / "security.md").read_text())
    assert len(named) > 15
    assert not [name for name in named if not list(ROOT.glob(name))]
