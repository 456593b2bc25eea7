"""Erasing for good: on a lived-in site nothing of what was erased is found afterwards, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import remains
from tests.erasing_world import FORMER, NAME, from_text
from tests.site import Site

IN = "from tests import erasing_world as world\n"


@pytest.fixture(scope="module")
def lived_in(site: Site, demo: tuple[Path, Path]) -> Site:
    site.ask(f"{IN}world.make({str(demo[0].parent)!r}); answer = 1")
    return site


def search(site: Site, needles: dict[str, str]) -> list[str]:
    return remains.found_in(site.folder, from_text(needles), site.environment.get("DATABASE_URL", ""))


def test_a_person_erased_under_kill_9_at_every_step_is_nowhere(lived_in: Site) -> None:
    needles = lived_in.ask(f"{IN}answer = world.needles_of_person()")
    before = search(lived_in, needles)
    for what in (
        f"{NAME!r} utf-8",
        f"{FORMER!r} as JSON",
        "float32",
        "crop in",
        "sha",
        "webp",
        "knn.index",
        "undrawn face",
    ):
        assert any(what in one for one in before), (what, before)
    receipt = lived_in.ask(f"{IN}answer = world.erase_with_deaths()")
    assert search(lived_in, needles) == []
    assert (receipt["work"], receipt["todo"]) == ("done", {})
    assert {"references": 3, "faces": 1, "exports": 1}.items() <= receipt["counts"].items()
