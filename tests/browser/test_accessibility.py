"""axe finds nothing on any page, in both languages and both themes, on a desktop and on a phone, for any role;
nothing scrolls sideways. The pages are those of tests/access_table.py: a new one is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.access_table import TABLE
from tests.browser.conftest import DESKTOP, PHONE, Furnished
from tests.browser.furnishing import NO_PAGES

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY_RULE = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
RULES_OF_COLOUR = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
OTHER_THEME = """async (theme) => {
  document.querySelectorAll("link[href*='dark']").forEach((sheet) => sheet.remove());
  if (theme === "dark") {
    const sheet = Object.assign(document.createElement("link"), {rel: "stylesheet", href: "/static/css/dark.css"});
    await new Promise((ready) => { sheet.onload = ready; document.head.append(sheet); });
  }
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""
TALL_PHONE = {
    **PHONE,
    "height": 2400,
}  # nothing lies below the bar at the bottom, where nobody could press it
# language, theme in which every rule is asked; the colours of the other theme are looked at besides
KINDS = {"en": "light", "vi": "dark"}


STYLED = "[...document.querySelectorAll('link[rel=stylesheet]')].every((link) => link.sheet)"


def problems(page: Page, rules: dict[str, Any]) -> Iterator[str]:
    found = page.evaluate("(rules) => axe.run(rules)", rules)["violations"]
    if found:  # a picture that is still to come moves what lies below it: look again when all is there
        page.wait_for_load_state("load")
        page.wait_for_timeout(500)
        found = page.evaluate("(rules) => axe.run(rules)", rules)["violations"]
    for one in found:
        yield f"{one['id']}: {one['help']} {[(node['target'], node['failureSummary']) for node in one['nodes']][:3]}"
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        yield f"scrolls sideways by {wide} pixels"


def looked_at(page: Page, path: str, theme: str) -> Iterator[str]:
    """What is wrong with a page on a desktop and, made narrow, on a phone; in its theme and the other."""
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # a plain dictionary of the two sizes
    page.goto(path, wait_until="domcontentloaded")
    page.wait_for_function(STYLED)
    page.evaluate(AXE)
    other = "dark" if theme == "light" else "light"
    yield from (f"desktop: {said}" for said in problems(page, EVERY_RULE))
    page.set_viewport_size(TALL_PHONE)  # type: ignore[arg-type]  # the same
    yield from (f"phone: {said}" for said in problems(page, EVERY_RULE))
    page.evaluate(OTHER_THEME, other)
    yield from (f"phone, {other}: {said}" for said in problems(page, RULES_OF_COLOUR))
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # the same
    yield from (f"desktop, {other}: {said}" for said in problems(page, RULES_OF_COLOUR))


def opened(browser: Browser, furnished: Furnished, role: str | None, language: str, theme: str) -> Page:
    context = furnished.as_role(browser, role, reduced_motion="reduce", bypass_csp=True)
    cookies = {"theme": theme, "django_language": language}
    context.add_cookies([{"name": n, "value": v, "url": furnished.address} for n, v in cookies.items()])
    return context.new_page()


def check(page: Page, paths: dict[str, str], theme: str) -> None:
    bad = [
        f"{name} ({path}): {said}" for name, path in paths.items() for said in looked_at(page, path, theme)
    ]
    page.context.close()
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("language", KINDS)
def test_no_page_keeps_anybody_out(browser: Browser, furnished: Furnished, language: str) -> None:
    """As somebody who may see every page."""
    theme = KINDS[language]
    page = opened(browser, furnished, "administrator", language, theme)
    paths = {name: path for name, (path, role) in furnished.pages.items() if role}
    check(page, {**paths, **furnished.more}, theme)


@pytest.mark.parametrize("language", KINDS)
def test_no_page_keeps_out_who_is_not_signed_in(
    browser: Browser, furnished: Furnished, language: str
) -> None:
    theme = KINDS[language]
    page = opened(browser, furnished, None, language, theme)
    check(page, {name: path for name, (path, role) in furnished.pages.items() if role is None}, theme)


@pytest.mark.parametrize(
    ("role", "sees"), [("viewer", {"viewer"}), ("contributor", {"viewer", "contributor"})]
)
def test_what_a_page_leaves_out_for_a_role_does_not_spoil_it(
    browser: Browser, furnished: Furnished, role: str, sees: set[str]
) -> None:
    page = opened(browser, furnished, role, "en", "light")
    pages = {name: path for name, (path, least) in furnished.pages.items() if least in sees}
    bad = []
    for name, path in pages.items():
        page.goto(path, wait_until="domcontentloaded")
        page.wait_for_function(STYLED)
        page.evaluate(AXE)
        bad += [f"{name} ({path}): {said}" for said in problems(page, EVERY_RULE)]
    page.context.close()
    assert not bad, "\n".join(bad)


def test_every_address_is_a_page_that_is_looked_at_or_known_to_be_none(furnished: Furnished) -> None:
    asked = {name for name, rule in TABLE.items() if rule.method == "get"}
    assert asked - set(NO_PAGES) == set(furnished.pages)
    assert set(NO_PAGES) <= asked


def test_a_page_with_a_fault_would_be_noticed(browser: Browser, furnished: Furnished) -> None:
    page = opened(browser, furnished, "viewer", "en", "light")
    page.goto("/people/")
    page.evaluate(AXE)
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/x.png\">')")
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    found = list(problems(page, EVERY_RULE))
    page.context.close()
    assert [said.partition(":")[0] for said in found if "image-alt" in said or "contrast" in said]
    assert len(found) >= 2
