"""Erasing for good: on a lived-in site nothing of what was erased is found afterwards, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.privacy import remains
from tests.privacy.erasing_world import FORMER, NAME, from_text
from tests.site import Site

IN = "from tests.privacy import erasing_world as world\n"


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
    receipt = lived_in.ask(f"{IN}answer = world.erase_person_with_deaths()")
    assert search(lived_in, needles) == []
    assert (receipt["work"], receipt["todo"]) == ("done", {})
    assert {"references": 3, "faces": 1, "exports": 1}.items() <= receipt["counts"].items()


def test_a_photo_erased_under_kill_9_at_every_step_is_nowhere(lived_in: Site) -> None:
    pk = lived_in.ask(f"{IN}answer = world.name_the_other()")
    needles = lived_in.ask(f"{IN}answer = world.needles_of_photo({pk})")
    before = search(lived_in, needles)
    for what in ("montage.jpg", "original content", "original name", "picture", "float32", "references.csv"):
        assert any(what in one for one in before), (what, before)
    receipt = lived_in.ask(f"{IN}answer = world.erase_photo_with_deaths({pk})")
    assert search(lived_in, needles) == []
    assert (receipt["work"], receipt["todo"]) == ("done", {})
    assert lived_in.ask("answer = Reference.objects.filter(person__name='Eileen').count()") == 1


def test_a_user_erased_is_nowhere_and_their_acts_are_a_former_users(lived_in: Site) -> None:
    needles = lived_in.ask(f"{IN}answer = world.make_user()")
    before = search(lived_in, needles)
    for what in ("tuyetmai77", "example.org", "Phạm", "hash", "address"):
        assert any(what in one for one in before), (what, before)
    (receipt,) = lived_in.json("erase_user", "tuyetmai77", "--yes")
    assert receipt["is_complete"]
    assert search(lived_in, needles) == []
    assert lived_in.ask(
        "answer = [str(e.actor) for e in Event.objects.filter(verb='person.create').order_by('-pk')[:1]]"
    ) == ["a former user"]


def test_commands_say_first_what_would_go_and_find_by_name_and_number(lived_in: Site) -> None:
    (preview,) = lived_in.json("erase_person", "joe biden")
    assert (preview["erased"], preview["references"]) == (False, 1)
    pk = lived_in.ask("answer = Person.objects.get(name='Joe Biden').pk")
    lived_in.manage("backup")
    (done,) = lived_in.json("erase_person", str(pk), "--yes")
    assert (done["erased"], done["is_complete"], len(done["backups"])) == (True, True, 1)
    assert "Joe" not in str(done)
    assert lived_in.json("erase_person", "joe biden", "--yes", is_checked=False) == []
