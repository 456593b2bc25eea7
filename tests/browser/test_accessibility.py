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
OF_LOOKS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block", "target-size"]},
    "resultTypes": ["violations"],
}
# nothing lies below the bar at the bottom, where nobody could press it
LIGHT, DARK = (DESKTOP, "light"), ({**PHONE, "height": 2400}, "dark")
# in each language every rule is asked once, those of sizes and colours in both looks
LOOKS = {"en": ((LIGHT, EVERY_RULE), (DARK, OF_LOOKS)), "vi": ((DARK, EVERY_RULE), (LIGHT, OF_LOOKS))}


def problems(page: Page, rules: dict[str, Any]) -> Iterator[str]:
    for one in page.evaluate("(rules) => axe.run(rules)", rules)["violations"]:
        yield f"{one['id']}: {one['help']} {[(node['target'], node['failureSummary']) for node in one['nodes']][:3]}"
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        yield f"scrolls sideways by {wide} pixels"


UNSEEN_SCALES = """[...document.querySelectorAll('.plot text')].some((one) => {
  const style = getComputedStyle(one);
  return style.opacity === '0' || style.visibility === 'hidden' || !one.getBBox().width;
})"""


def looked_at(page: Page, path: str, language: str) -> Iterator[str]:
    """What is wrong with a page on a desktop in light and on a phone in dark."""
    for place, ((size, theme), rules) in enumerate(LOOKS[language]):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # a plain dictionary of the two sizes
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of its two words
        if place == 0:
            page.goto(path)
            page.evaluate(AXE)
        yield from (f"{theme}, {size['width']} wide: {said}" for said in problems(page, rules))
    if page.evaluate(UNSEEN_SCALES):
        yield "the figures at a plot's axes cannot be seen"


def opened(browser: Browser, furnished: Furnished, role: str | None, language: str) -> Page:
    context = furnished.as_role(
        browser, role, locale=language, viewport=DESKTOP, reduced_motion="reduce", bypass_csp=True
    )
    context.add_cookies([{"name": "django_language", "value": language, "url": furnished.address}])
    return context.new_page()


def check(page: Page, paths: dict[str, str], language: str) -> None:
    bad = [
        f"{name} ({path}): {said}" for name, path in paths.items() for said in looked_at(page, path, language)
    ]
    page.context.close()
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("language", LOOKS)
def test_no_page_keeps_anybody_out(browser: Browser, furnished: Furnished, language: str) -> None:
    """As somebody who may see every page."""
    page = opened(browser, furnished, "administrator", language)
    paths = {name: path for name, (path, role) in furnished.pages.items() if role}
    check(page, {**paths, **furnished.more}, language)


@pytest.mark.parametrize("language", LOOKS)
def test_no_page_of_the_admin_keeps_anybody_out(
    browser: Browser, furnished: Furnished, language: str
) -> None:
    """Every address of the admin that answers an administrator with a page."""
    assert {"gallery_person_pictures", "gallery_reference_changelist", "index"} <= set(furnished.admin)
    check(opened(browser, furnished, "administrator", language), furnished.admin, language)


@pytest.mark.parametrize("language", LOOKS)
def test_no_page_keeps_out_who_is_not_signed_in(
    browser: Browser, furnished: Furnished, language: str
) -> None:
    page = opened(browser, furnished, None, language)
    check(page, {name: path for name, (path, role) in furnished.pages.items() if role is None}, language)


@pytest.mark.parametrize(
    ("role", "sees"), [("viewer", {"viewer"}), ("contributor", {"viewer", "contributor"})]
)
def test_what_a_page_leaves_out_for_a_role_does_not_spoil_it(
    browser: Browser, furnished: Furnished, role: str, sees: set[str]
) -> None:
    page = opened(browser, furnished, role, "en")
    pages = {name: path for name, (path, least) in furnished.pages.items() if least in sees}
    bad = []
    for name, path in pages.items():
        page.goto(path)
        page.evaluate(AXE)
        bad += [f"{name} ({path}): {said}" for said in problems(page, EVERY_RULE)]
    page.context.close()
    assert not bad, "\n".join(bad)


def test_every_address_is_a_page_that_is_looked_at_or_known_to_be_none(furnished: Furnished) -> None:
    asked = {name for name, rule in TABLE.items() if rule.method == "get"}
    assert asked - set(NO_PAGES) == set(furnished.pages)
    assert set(NO_PAGES) <= asked


def test_a_page_with_a_fault_would_be_noticed(browser: Browser, furnished: Furnished) -> None:
    page = opened(browser, furnished, "viewer", "en")
    page.goto("/people/")
    page.evaluate(AXE)
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/x.png\">')")
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    found = list(problems(page, EVERY_RULE))
    page.context.close()
    assert [said.partition(":")[0] for said in found if "image-alt" in said or "contrast" in said]
    assert len(found) >= 2
