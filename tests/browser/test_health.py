"""Gallery health in a browser: each list worked off by keyboard, each act taken back, on both widths and themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SIZES
from tests.browser.curated import check, database, keep, signed_in, start_afresh
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PEOPLE = Path(__file__).with_name("health_people.py")
USERS = (
    "[User.objects.create_user(name, password='correct horse', role='curator') for name in ('kim', 'lan')]\n"
    "answer = 1"
)
STATE = (
    "SELECT id, person_id, status FROM gallery_reference ORDER BY id",
    "SELECT kind, person_id FROM gallery_finding WHERE dismissed_at IS NOT NULL",
    "SELECT id, name FROM gallery_person ORDER BY id",
)
SESSIONS: dict[str, str] = {}  # by name
LISTS = ("wrong", "unlike", "duplicate", "confusable", "poor", "faceless", "single", "bare")


@pytest.fixture(scope="module")
def running(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]
) -> Iterator[tuple[Site, str]]:
    """A site with something wrong in every list, and its web server; no worker, so that nothing moves by itself."""
    site = Site(tmp_path_factory.mktemp("health") / "site")
    site.ask(USERS)
    portrait = next((demo[0] / "Joe Biden").iterdir())
    site.ask(f"PORTRAIT = {str(portrait)!r}\n" + PEOPLE.read_text())
    SESSIONS.update({name: site.make_session(name) for name in ("kim", "lan")})
    keep(site)
    with site.web() as address:
        yield site, address


def opened(running: tuple[Site, str], browser: Browser, kind: str, name: str = "kim", **context: Any) -> Page:
    page = signed_in(browser, running[1], SESSIONS[name], **context)
    page.goto(f"/health/{kind}/" if kind else "/health/")
    return page


def state(site: Site) -> list[Any]:
    """What an act may change: whose each reference is and how it is judged, and what was called all right."""
    with closing(database(site)) as now:
        return [now.execute(statement).fetchall() for statement in STATE]


def is_as(site: Site, before: list[Any]) -> bool:
    """But for references that were made and taken back: these are kept, as rejected."""
    references, *rest = state(site)
    there = [row for row in references if row in before[0] or row[2] != "rejected"]
    return [there, *rest] == before


ACTS = (
    ("wrong", "m"), ("wrong", "r"), ("wrong", "y"), ("unlike", "r"), ("duplicate", "1"), ("duplicate", "2"),
    ("duplicate", "y"), ("poor", "r"), ("poor", "y"), ("faceless", "r"), ("faceless", "y"), ("confusable", "y"),
    ("single", "a"), ("single", "2"), ("single", "y"), ("bare", "a"), ("bare", "y"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "key"), ACTS)
def test_one_key_mends_and_another_takes_it_back(
    running: tuple[Site, str], browser: Browser, kind: str, key: str
) -> None:
    site, _ = running
    start_afresh(site)
    before = state(site)
    page = opened(running, browser, kind)
    waits = page.locator("[data-waits]")
    total = waits.count()
    assert total >= 1
    page.keyboard.press(key)
    expect(waits).to_have_count(total - 1)
    expect(page.locator("[data-left]")).to_have_text(str(total - 1))
    assert state(site) != before
    page.keyboard.press("u")
    expect(waits).to_have_count(total)
    expect(page.locator("[data-left]")).to_have_text(str(total))
    assert is_as(site, before)
    page.set_viewport_size({"width": 390, "height": 844})
    waits.first.locator(f"button[data-act='{key}']").first.click()  # the same by touch, on a phone
    expect(waits).to_have_count(total - 1)
    assert state(site) != before
    page.locator("[data-undo-button]").first.click()
    expect(waits).to_have_count(total)
    assert is_as(site, before)


def test_each_act_is_a_button_too_and_undone_from_the_history(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, _ = running
    start_afresh(site)
    before = state(site)
    page = opened(running, browser, "wrong", viewport=size)
    page.locator("[data-waits]").first.get_by_role("button", name="Move").click()
    expect(page.locator(".verdict").first).to_contain_text("You gave 1 reference to")
    page.goto("/history/")
    page.get_by_role("button", name="Undo: gave 1 reference").click()
    expect(page.get_by_text("undone by kim")).to_be_visible()
    assert is_as(site, before)


def test_keys_go_from_one_to_the_next_and_back(running: tuple[Site, str], browser: Browser) -> None:
    start_afresh(running[0])
    page = opened(running, browser, "wrong")
    at = "document.activeElement.dataset.card"
    cards = page.locator("[data-card]").evaluate_all("all => all.map((card) => card.dataset.card)")
    found = [page.evaluate(at)]
    for key in ("j", "k", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
        found.append(page.evaluate(at))
    assert found == [cards[0], cards[1], cards[0], cards[1], cards[0]]
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(r"/people/\d+/$"))


def test_somebody_else_is_typed(running: tuple[Site, str], browser: Browser, size: dict[str, int]) -> None:
    site, _ = running
    start_afresh(site)
    page = opened(running, browser, "wrong", viewport=size)
    page.locator("[data-waits]").first.get_by_role("link", name="Someone else").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("Quite New")
    check(page)
    page.keyboard.press("Enter")
    expect(page.locator(".verdict").first).to_contain_text("to “Quite New”")


def test_look_alikes_are_merged_and_the_list_comes_back(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, _ = running
    start_afresh(site)
    before = state(site)
    page = opened(running, browser, "confusable", viewport=size)
    page.locator("[data-waits]").first.focus()
    page.keyboard.press("g")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("References that move")).to_be_visible()
    dialog.get_by_role("button", name="Merge").click()
    expect(page.get_by_text("You merged")).to_be_visible()
    expect(page).to_have_url(re.compile("/health/confusable/$"))
    assert state(site) != before
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-waits]")).to_have_count(1)
    assert state(site) == before


def test_the_second_curator_is_told_who_was_first(running: tuple[Site, str], browser: Browser) -> None:
    start_afresh(running[0])
    first, second = (opened(running, browser, "wrong", name) for name in ("kim", "lan"))
    first.keyboard.press("r")
    expect(first.locator(".verdict")).to_have_count(1)
    second.keyboard.press("m")
    expect(second.get_by_text("kim was here first and rejected 1 reference.")).to_be_visible()
    expect(second.locator(".verdict").first).to_contain_text("kim rejected 1 reference")


def test_an_open_page_shows_what_somebody_else_has_done(running: tuple[Site, str], browser: Browser) -> None:
    start_afresh(running[0])
    first, second = (opened(running, browser, "wrong", name) for name in ("kim", "lan"))
    first.keyboard.press("y")
    expect(second.locator(".verdict").first).to_contain_text("kim said that 1 finding is all right")


@pytest.mark.parametrize(("wide", "theme", "language"), [("desktop", "light", "en"), ("phone", "dark", "vi")])
def test_no_list_keeps_anybody_out(
    running: tuple[Site, str], browser: Browser, wide: str, theme: str, language: str
) -> None:
    start_afresh(running[0])
    look: dict[str, Any] = {"viewport": SIZES[wide], "color_scheme": theme, "locale": language}
    page = opened(running, browser, "", reduced_motion="reduce", **look)
    for path in ("/health/", *(f"/health/{kind}/" for kind in LISTS)):
        page.goto(path)
        check(page)
